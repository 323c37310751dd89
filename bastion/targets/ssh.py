"""Reaching SSH hosts: connect, check the host key, sign in, open a shell.

Nothing here blocks the event loop: what might wait runs in a thread of a pool. What carries the session from then on is
one of two targets that behave alike: loop_target.py, driven by the event loop, or thread_target.py with paramiko's own
thread (BASTION_SSH_TRANSPORT). Only this package imports paramiko. Agent, X11 and port forwarding are never requested,
and paramiko refuses channels that a host opens unasked.
"""

from __future__ import annotations

import asyncio
import io
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import paramiko
from django.conf import settings

from bastion.targets.loop_target import LoopTarget
from bastion.targets.loop_transport import LoopTransport
from bastion.targets.paramiko_names import preferred_host_keys
from bastion.targets.target import (
    AuthenticationFailedError,
    ConnectRefusedError,
    ConnectTimedOutError,
    HostKeyChangedError,
    HostKeyUnknownError,
    NotSshError,
    ShellRefusedError,
    Target,
)
from bastion.targets.thread_target import ThreadTarget, ThreadTransport
from bastion.threads import wait_for_host
from hosts.credentials import LoginSecret
from hosts.destinations import SocketAddress
from hosts.host_keys import fingerprint_of

Destination = tuple[socket.AddressFamily, SocketAddress]

KEEPALIVE_SECONDS = 20
# A host that answers nothing for so long is gone.
LOST_SECONDS = 30
# GCM needs no second pass for authentication: 0.4 CPU seconds less for each 100 MB. CBC and 3DES are not offered.
CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr")


@dataclass(frozen=True, slots=True)
class SshRoute:
    """Where to go and whom to believe there. `pins` are SHA256 fingerprints; none means that no host is believed."""

    destinations: Sequence[Destination]
    pins: frozenset[str]
    # Key algorithms of the pins, as far as they are known: the host is asked for one of these.
    algorithms: frozenset[str]
    timeout: float
    # Names and values that the host is asked to set; most accept LC_*, and those that do not go on without.
    environment: Mapping[str, str] = field(default_factory=dict)


class _Kind(NamedTuple):
    """A way to carry a session; both take the event loop as their last argument."""

    transport: Callable[..., paramiko.Transport]
    target: Callable[..., Target]


_KINDS = {"loop": _Kind(LoopTransport, LoopTarget), "thread": _Kind(ThreadTransport, ThreadTarget)}


async def open_shell(route: SshRoute, secret: LoginSecret, *, cols: int, rows: int) -> Target:
    """Connect, believe only a pinned key, sign in and start a login shell. Raises TargetError.

    No credential leaves before the host key is known to be a pinned one.
    """
    return await wait_for_host(_open_shell, route, secret, cols, rows, asyncio.get_running_loop())


def fetch_host_keys(destinations: Sequence[Destination], timeout: float) -> list[tuple[str, str]]:
    """Return (algorithm, fingerprint) of each key that the host shows; sends nothing but the key exchange."""
    found: dict[str, str] = {}
    families = (
        ("ssh-ed25519",),
        ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
        ("rsa-sha2-512",),
    )
    for algorithms in families:
        transport = None
        try:
            transport = _negotiate(ThreadTransport, destinations, timeout, algorithms)
            key = transport.get_remote_server_key()
            found[key.get_name()] = fingerprint_of(key.asbytes())
        except paramiko.ssh_exception.IncompatiblePeer:
            continue
        finally:
            if transport is not None:
                transport.close()
    return list(found.items())


def _open_shell(route: SshRoute, secret: LoginSecret, cols: int, rows: int, loop: asyncio.AbstractEventLoop) -> Target:
    if not route.pins:
        raise HostKeyUnknownError("No key is pinned for this host, so nothing was sent. An administrator can pin it.")
    kind = _KINDS[settings.SSH_TRANSPORT]
    transport = None
    try:
        connect = partial(kind.transport, loop=loop)
        transport = _negotiate(connect, route.destinations, route.timeout, _preferred(route.algorithms))
        _check_host_key(transport, route.pins)
        _authenticate(transport, secret)
        target = _start_shell(transport, route, cols, rows, partial(kind.target, loop=loop))
        transport.set_keepalive(KEEPALIVE_SECONDS)
        return target
    except BaseException as error:
        if transport is not None:
            transport.close()
        if not isinstance(error, paramiko.SSHException | OSError | EOFError):
            raise
        raise NotSshError(f"The host ended the connection before a shell started ({type(error).__name__}).") from error


def _preferred(algorithms: Iterable[str]) -> tuple[str, ...]:
    """Return the host key algorithms to ask for: those of the pins first, as any host may have keys beside them."""
    # ssh-rsa names the key; the signature that is asked for is SHA-2.
    wanted = {"rsa-sha2-512" if name == "ssh-rsa" else name for name in algorithms}
    return tuple(sorted(preferred_host_keys(), key=lambda name: name not in wanted))


def _negotiate(
    make: Callable[[socket.socket], paramiko.Transport],
    destinations: Sequence[Destination],
    timeout: float,
    algorithms: Sequence[str],
) -> paramiko.Transport:
    """Connect and exchange keys. Raises TargetError, paramiko.ssh_exception.IncompatiblePeer."""
    transport = make(_connect(destinations, timeout))
    transport.banner_timeout = transport.handshake_timeout = transport.auth_timeout = timeout
    options = transport.get_security_options()
    options.ciphers = CIPHERS
    options.key_types = algorithms
    late = ConnectTimedOutError(f"The host did not finish the key exchange in {timeout:g} s.")
    try:
        transport.start_client(timeout=timeout)
    except paramiko.ssh_exception.IncompatiblePeer:
        transport.close()
        raise
    except TimeoutError as error:
        transport.close()
        raise late from error
    except (paramiko.SSHException, OSError, EOFError) as error:
        transport.close()
        raise NotSshError("The host did not answer as an SSH server does.") from error
    if not transport.initial_kex_done:
        transport.close()
        raise late
    return transport


def _connect(destinations: Sequence[Destination], timeout: float) -> socket.socket:
    """Connect to the first address that answers: exactly those that were checked, never a name resolved again."""
    deadline = time.monotonic() + timeout
    failure: OSError = OSError("no address")
    for number, (family, address) in enumerate(destinations):
        # An address that does not answer leaves its share to those after it.
        share = (deadline - time.monotonic()) / (len(destinations) - number)
        try:
            connection = _dial(family, address, max(0.1, share))
        except OSError as error:
            failure = error
            continue
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 10)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, LOST_SECONDS * 1000)
        return connection
    if isinstance(failure, TimeoutError):
        raise ConnectTimedOutError(f"The host did not answer in {timeout:g} s.") from failure
    raise ConnectRefusedError(f"The host refused the connection ({failure.strerror or failure}).") from failure


def _dial(family: socket.AddressFamily, address: SocketAddress, timeout: float) -> socket.socket:
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.settimeout(timeout)
        connection.connect(address)
    except BaseException:
        connection.close()
        raise
    return connection


def _check_host_key(transport: paramiko.Transport, pins: frozenset[str]) -> None:
    shown = fingerprint_of(transport.get_remote_server_key().asbytes())
    if shown not in pins:
        raise HostKeyChangedError("The host's key is not the pinned one. Nothing was sent.", shown)


def _authenticate(transport: paramiko.Transport, secret: LoginSecret) -> None:
    failure = AuthenticationFailedError("The host refused the stored credential.")
    try:
        if secret.private_key_pem is not None:
            rest = transport.auth_publickey(secret.username, _load_key(secret.private_key_pem.reveal()))
        elif secret.password is not None:
            # Falls back to keyboard-interactive where the host asks for the password that way.
            rest = transport.auth_password(secret.username, secret.password.reveal().decode())
        else:
            raise failure
    except (paramiko.AuthenticationException, ValueError) as error:
        raise failure from error
    if rest:
        raise AuthenticationFailedError("The host wants a further proof of identity that is not stored.")


def _load_key(pem: bytes) -> paramiko.PKey:
    text = pem.decode()
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        with suppress(paramiko.SSHException):
            return kind.from_private_key(io.StringIO(text))
    raise ValueError("a stored key is of no type that paramiko knows")


def _start_shell(
    transport: paramiko.Transport,
    route: SshRoute,
    cols: int,
    rows: int,
    make_target: Callable[[paramiko.Transport, paramiko.Channel], Target],
) -> Target:
    # paramiko waits for an answer to the requests below as long as the connection lasts.
    limit = threading.Timer(route.timeout, transport.close)
    limit.start()
    try:
        channel = transport.open_session(timeout=route.timeout)
        channel.set_combine_stderr(True)
        target = make_target(transport, channel)
        channel.get_pty("xterm-256color", cols, rows)
        channel.update_environment(dict(route.environment))
        channel.invoke_shell()
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise ShellRefusedError("The host started no shell for this login.") from error
    finally:
        limit.cancel()
    return target
