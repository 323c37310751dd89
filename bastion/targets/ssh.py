"""SSH hosts. The only module that imports paramiko (beside the demo server).

paramiko works in threads: one for each connection reads packets and hands output over to the event loop. Nothing here
blocks the loop: what might wait (reaching a host, sending to a host that does not read) runs in a thread of a pool.
Agent, X11 and port forwarding are never requested, and paramiko refuses channels that a host opens unasked. Where its
published types end, an ignore says so: paramiko has no public way to hand data over without a further thread.
"""

from __future__ import annotations

import asyncio
import io
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import paramiko
from paramiko.common import MSG_CHANNEL_REQUEST, cMSG_CHANNEL_WINDOW_ADJUST

from bastion.targets.target import (
    AuthenticationFailedError,
    ConnectRefusedError,
    ConnectTimedOutError,
    ExitInfo,
    HostKeyChangedError,
    HostKeyUnknownError,
    NotSshError,
    ShellRefusedError,
)
from bastion.threads import let_go, wait_for_host
from hosts.credentials import LoginSecret
from hosts.destinations import SocketAddress
from hosts.host_keys import fingerprint_of

Destination = tuple[socket.AddressFamily, SocketAddress]

READ_BYTES = 65536
# What a host may send before we read it: bounds the memory of a session whose browser is slow.
WINDOW_BYTES = 2 * 2**20
# Input up to this size is sent from the event loop when the socket takes it at once; a thread costs a keystroke 0.1 ms.
DIRECT_BYTES = 4096
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


class _Transport(paramiko.Transport):
    """paramiko's transport, noting exit signals, which paramiko drops."""

    @staticmethod
    def _note_exit(channel: paramiko.Channel, message: paramiko.Message) -> None:
        position = message.packet.tell()
        if message.get_text() == "exit-signal":
            message.get_boolean()
            channel.bastion_exit_signal = message.get_text()[:32]  # type: ignore[attr-defined] # there is no such field to set
        message.packet.seek(position)
        paramiko.Channel._handle_request(channel, message)  # type: ignore[attr-defined]

    _channel_handler_table = {**paramiko.Transport._channel_handler_table, MSG_CHANNEL_REQUEST: _note_exit}  # type: ignore[attr-defined]


class _Arrivals:
    """Stands in for paramiko's Channel.in_buffer: output goes to the event loop without a pipe or another thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self._is_waking = False
        self.arrived = asyncio.Event()
        self.is_closed = False

    def feed(self, data: bytes | str) -> None:
        """Take what the host sent; more than it may send ends the connection (paramiko does not look)."""
        chunk = data.encode() if isinstance(data, str) else data
        with self._lock:
            self._size += len(chunk)
            if self._size > 2 * WINDOW_BYTES:
                raise paramiko.SSHException("the host sent more than its window")
            self._chunks.append(chunk)
        self._wake()

    def close(self) -> None:
        self.is_closed = True
        self._wake()

    def take(self) -> bytes:
        """Return up to READ_BYTES of what has arrived, b"" if nothing has."""
        with self._lock:
            self._is_waking = False
            self.arrived.clear()
            if not self._chunks:
                return b""
            taken = [self._chunks.popleft()]
            size = len(taken[0])
            while self._chunks and size + len(self._chunks[0]) <= READ_BYTES:
                taken.append(self._chunks.popleft())
                size += len(taken[-1])
            if size > READ_BYTES:
                self._chunks.appendleft(taken[0][READ_BYTES:])
                taken[0] = taken[0][:READ_BYTES]
                size = READ_BYTES
            self._size -= size
        return b"".join(taken)

    def _wake(self) -> None:
        with self._lock:
            if self._is_waking:
                return
            self._is_waking = True
        # The loop may be closed already when the process stops.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self.arrived.set)

    # What else paramiko asks of its buffer.

    def set_event(self, event: threading.Event) -> None:
        """Nobody selects on this channel."""

    def empty(self) -> bytes:
        return b""

    def __len__(self) -> int:
        return self._size


class SshTarget:
    """A login shell in a pty on a host: see bastion.targets.target.Target."""

    def __init__(self, transport: paramiko.Transport, channel: paramiko.Channel, arrivals: _Arrivals) -> None:
        self._transport = transport
        self._channel = channel
        self._arrivals = arrivals
        self._poll = select.poll()
        self._poll.register(transport.sock, select.POLLOUT)

    async def read(self, timeout: float | None = None) -> bytes | None:  # noqa: ASYNC109 see Target
        while True:
            # Asked before taking: what arrives in between, together with the end, must not be lost.
            is_closed = self._arrivals.is_closed
            if data := self._arrivals.take():
                await self._acknowledge(len(data))
                return data
            if is_closed:
                return b""
            if timeout is None:
                await self._arrivals.arrived.wait()
                continue
            try:
                async with asyncio.timeout(timeout):
                    await self._arrivals.arrived.wait()
            except TimeoutError:
                return None

    async def write(self, data: bytes) -> None:
        if len(data) <= DIRECT_BYTES and self._channel.out_window_size >= len(data) and self._sends_at_once():
            self._send(data)
            return
        await wait_for_host(self._send, data)

    async def resize(self, cols: int, rows: int) -> None:
        def send() -> None:
            with suppress(paramiko.SSHException, OSError, EOFError):
                self._channel.resize_pty(cols, rows)

        if self._sends_at_once():
            send()
        else:
            await wait_for_host(send)

    async def wait_exit(self) -> ExitInfo | None:
        # OpenSSH sends the status right after the end of output.
        await wait_for_host(self._channel.status_event.wait, 2.0)
        signal: str | None = getattr(self._channel, "bastion_exit_signal", None)
        if signal:
            return ExitInfo(signal=signal)
        # paramiko sets the event when the connection is lost, too, and leaves -1.
        return ExitInfo(status=self._channel.exit_status) if self._channel.exit_status >= 0 else None

    async def close(self) -> None:
        # Here already, not in a thread: it also frees the threads that wait for this host.
        _shut_down(self._transport)
        await let_go(_close, self._transport)

    def _send(self, data: bytes) -> None:
        # A connection that is lost ends the output too, and that ends the session.
        with suppress(OSError, EOFError, paramiko.SSHException):
            self._channel.sendall(data)

    def _sends_at_once(self) -> bool:
        """Whether a small packet can be sent without waiting, for a key exchange or for a peer that does not read."""
        return self._transport.clear_to_send.is_set() and bool(self._poll.poll(0))

    async def _acknowledge(self, size: int) -> None:
        """Let the host send `size` bytes more, RFC 4254 section 5.2."""
        credit: int = self._channel._check_add_window(size)  # type: ignore[attr-defined]
        if credit <= 0:
            return
        message = paramiko.Message()
        message.add_byte(cMSG_CHANNEL_WINDOW_ADJUST)
        message.add_int(self._channel.remote_chanid)
        message.add_int(credit)

        def send() -> None:
            with suppress(OSError, EOFError, paramiko.SSHException):
                self._transport._send_user_message(message)  # type: ignore[attr-defined]

        if self._sends_at_once():
            send()
        else:
            await wait_for_host(send)


async def open_shell(route: SshRoute, secret: LoginSecret, *, cols: int, rows: int) -> SshTarget:
    """Connect, believe only a pinned key, sign in and start a login shell. Raises TargetError.

    No credential leaves before the host key is known to be a pinned one.
    """
    arrivals = _Arrivals(asyncio.get_running_loop())
    return await wait_for_host(_open_shell, route, secret, cols, rows, arrivals)


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
            transport = _negotiate(destinations, timeout, algorithms)
            key = transport.get_remote_server_key()
            found[key.get_name()] = fingerprint_of(key.asbytes())
        except paramiko.ssh_exception.IncompatiblePeer:
            continue
        finally:
            if transport is not None:
                _close(transport)
    return list(found.items())


def _open_shell(route: SshRoute, secret: LoginSecret, cols: int, rows: int, arrivals: _Arrivals) -> SshTarget:
    if not route.pins:
        raise HostKeyUnknownError("No key is pinned for this host, so nothing was sent. An administrator can pin it.")
    transport = None
    try:
        transport = _negotiate(route.destinations, route.timeout, _preferred(route.algorithms))
        _check_host_key(transport, route.pins)
        _authenticate(transport, secret)
        channel = _start_shell(transport, route, cols, rows, arrivals)
        transport.sock.settimeout(KEEPALIVE_SECONDS)
        transport.set_keepalive(KEEPALIVE_SECONDS)
        return SshTarget(transport, channel, arrivals)
    except BaseException as error:
        if transport is not None:
            _close(transport)
        if not isinstance(error, paramiko.SSHException | OSError | EOFError):
            raise
        raise NotSshError(f"The host ended the connection before a shell started ({type(error).__name__}).") from error


def _preferred(algorithms: Iterable[str]) -> tuple[str, ...]:
    """Return the host key algorithms to ask for: those of the pins first, as any host may have keys beside them."""
    known: tuple[str, ...] = paramiko.Transport._preferred_keys  # type: ignore[attr-defined]
    # ssh-rsa names the key; the signature that is asked for is SHA-2.
    wanted = {"rsa-sha2-512" if name == "ssh-rsa" else name for name in algorithms}
    return tuple(sorted(known, key=lambda name: name not in wanted))


def _negotiate(destinations: Sequence[Destination], timeout: float, algorithms: Sequence[str]) -> paramiko.Transport:
    """Connect and exchange keys. Raises TargetError, paramiko.ssh_exception.IncompatiblePeer."""
    connection = _connect(destinations, timeout)
    transport = _Transport(connection, default_window_size=WINDOW_BYTES)
    transport.banner_timeout = transport.handshake_timeout = transport.auth_timeout = timeout
    options = transport.get_security_options()
    options.ciphers = CIPHERS
    options.key_types = algorithms
    try:
        transport.start_client(timeout=timeout)
    except paramiko.ssh_exception.IncompatiblePeer:
        _close(transport)
        raise
    except (paramiko.SSHException, OSError, EOFError) as error:
        _close(transport)
        raise NotSshError("The host did not answer as an SSH server does.") from error
    if not transport.initial_kex_done:
        _close(transport)
        raise ConnectTimedOutError(f"The host did not finish the key exchange in {timeout:g} s.")
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
    transport: paramiko.Transport, route: SshRoute, cols: int, rows: int, arrivals: _Arrivals
) -> paramiko.Channel:
    try:
        channel = transport.open_session(timeout=route.timeout)
        channel.set_combine_stderr(True)
        channel.in_buffer = arrivals  # type: ignore[assignment] # duck-typed on purpose: no pipe, no second thread
        channel.get_pty("xterm-256color", cols, rows)
        channel.update_environment(dict(route.environment))
        channel.invoke_shell()
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise ShellRefusedError("The host started no shell for this login.") from error
    return channel


def _close(transport: paramiko.Transport) -> None:
    _shut_down(transport)
    transport.close()


def _shut_down(transport: paramiko.Transport) -> None:
    """End the connection without waiting: its thread would sit in recv for up to KEEPALIVE_SECONDS."""
    with suppress(OSError):
        transport.sock.shutdown(socket.SHUT_RDWR)
