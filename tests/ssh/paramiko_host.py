"""An SSH server of paramiko's, in threads: for hosts that break one rule and keep all others."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import paramiko
from paramiko import common

from hosts.host_keys import fingerprint_of

# ruff: noqa: ARG002 - paramiko says which arguments these methods get

PASSWORD = "sesame"


class Interface(paramiko.ServerInterface):
    """Lets in who knows the password and gives a shell that does nothing."""

    def check_auth_password(self, username: str, password: str) -> int:
        return common.AUTH_SUCCESSFUL if password == PASSWORD else common.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return common.OPEN_SUCCEEDED

    def check_channel_pty_request(self, *arguments: Any) -> bool:
        return True

    def check_channel_shell_request(self, channel: paramiko.Channel) -> bool:
        return True


@dataclass(frozen=True)
class ParamikoHost:
    port: int
    fingerprint: str


@contextlib.contextmanager
def paramiko_host(
    make: Callable[[socket.socket], paramiko.Transport] = paramiko.Transport, interface: type[Interface] = Interface
) -> Iterator[ParamikoHost]:
    """Serve one connection."""
    key = paramiko.ECDSAKey.generate()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        connection: list[paramiko.Transport] = []

        def serve() -> None:
            accepted, _ = listener.accept()
            transport = make(accepted)
            connection.append(transport)
            transport.add_server_key(key)
            with contextlib.suppress(paramiko.SSHException, EOFError, OSError):
                transport.start_server(server=interface())

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield ParamikoHost(listener.getsockname()[1], fingerprint_of(key.asbytes()))
        finally:
            thread.join(10)
            for transport in connection:
                transport.close()
                transport.join(10)
