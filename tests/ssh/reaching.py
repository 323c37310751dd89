"""Reaching hosts as the product does, without a browser: a shell on a real SSH server, over either transport."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

from bastion.targets.ssh import SshRoute, open_shell
from bastion.targets.target import Target
from hosts.credentials import LoginSecret
from hosts.vault import Secret
from tests.sshd import SshServer

TRANSPORTS = ("loop", "thread")
# What keys look like to a program that is not a shell: each byte as it comes, and none comes back by itself.
RAW = "stty raw -echo -onlcr"


def route_to(port: int, *pins: str, timeout: float = 10, algorithm: str = "ssh-ed25519") -> SshRoute:
    return SshRoute(
        destinations=[(socket.AF_INET, ("127.0.0.1", port))],
        pins=frozenset(pins),
        algorithms=frozenset([algorithm]),
        timeout=timeout,
    )


def key_of(server: SshServer, kind: str = "ed25519") -> LoginSecret:
    return LoginSecret(username=server.user, password=None, private_key_pem=Secret(server.client_key(kind).encode()))


def password(user: str, text: str) -> LoginSecret:
    return LoginSecret(username=user, password=Secret(text.encode()), private_key_pem=None)


@contextlib.asynccontextmanager
async def shell_on(server: SshServer, *, cols: int = 80, rows: int = 24) -> AsyncIterator[Any]:
    """A target with a shell that waits for a line. Any: tests look inside, too."""
    target = await open_shell(route_to(server.port, server.fingerprint), key_of(server), cols=cols, rows=rows)
    try:
        await run(target, "true")
        yield target
    finally:
        await target.close()


async def run(target: Target, command: str) -> bytes:
    """Type a command and return what is shown up to its end."""
    await target.write(f'{command}; echo "--d"one--\r'.encode())
    return await read_until(target, b"--done--\r\n")


async def read_until(target: Target, end: bytes, seconds: float = 30) -> bytes:
    """Return everything up to `end`, and what came with it."""
    shown = bytearray()
    async with asyncio.timeout(seconds):
        begin = 0
        while end not in shown[begin:]:
            begin = max(0, len(shown) - len(end))
            data = await target.read()
            assert data, f"the output ended behind {bytes(shown[-200:])!r}"
            shown += data
    return bytes(shown)


async def read_all(target: Target, seconds: float = 60) -> bytes:
    """Return everything up to the end of output."""
    shown = bytearray()
    async with asyncio.timeout(seconds):
        while data := await target.read():
            shown += data
    return bytes(shown)
