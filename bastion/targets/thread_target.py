"""SSH with paramiko's own transport: one thread for each connection reads packets and hands output to the event loop.

What BASTION_SSH_TRANSPORT=thread chooses. What might wait, such as sending to a host that does not read, runs in a
thread of a pool.
"""

# ruff: noqa: SLF001 - paramiko has no public way to hand data over without a pipe and a further thread

from __future__ import annotations

import asyncio
import select
import socket
import threading
from collections import deque
from contextlib import suppress
from typing import cast

import paramiko
from paramiko.common import cMSG_CHANNEL_WINDOW_ADJUST

from bastion.targets.paramiko_names import ClientTransport, exit_signal_of, take_credit
from bastion.targets.target import READ_BYTES, WINDOW_BYTES, ExitInfo
from bastion.threads import let_go, wait_for_host

# Input up to this size is sent from the event loop when the socket takes it at once; a thread costs a keystroke 0.1 ms.
DIRECT_BYTES = 4096


class ThreadTransport(ClientTransport):
    """paramiko's transport. Whoever closes it need not wait for what its thread waits for."""

    def __init__(self, connection: socket.socket, loop: asyncio.AbstractEventLoop | None = None) -> None:
        super().__init__(connection, default_window_size=WINDOW_BYTES)
        self.loop = loop

    def set_keepalive(self, interval: float) -> None:
        # Its thread looks whether it is time as often as a read times out.
        self.sock.settimeout(interval)
        super().set_keepalive(interval)

    def shut_down(self) -> None:
        """End the connection without waiting: the thread would sit in recv for up to a keepalive."""
        with suppress(OSError):
            cast("socket.socket", self.sock).shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.shut_down()
        super().close()


class Arrivals:
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


class ThreadTarget:
    """A login shell in a pty on a host: see bastion.targets.target.Target."""

    def __init__(self, transport: ThreadTransport, channel: paramiko.Channel, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._channel = channel
        self._arrivals = Arrivals(loop)
        channel.in_buffer = self._arrivals  # type: ignore[assignment] # duck-typed on purpose: no pipe, no second thread
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

    async def gather(self, size: int, seconds: float) -> None:
        # Without a look at what comes meanwhile: who chose this transport did not do so for speed.
        if len(self._arrivals) < size and not self._arrivals.is_closed:
            await asyncio.sleep(seconds)

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
        if signal := exit_signal_of(self._channel):
            return ExitInfo(signal=signal)
        # paramiko sets the event when the connection is lost, too, and leaves -1.
        return ExitInfo(status=self._channel.exit_status) if self._channel.exit_status >= 0 else None

    async def close(self) -> None:
        # Here already, not in a thread: it also frees the threads that wait for this host.
        self._transport.shut_down()
        await let_go(self._transport.close)

    def _send(self, data: bytes) -> None:
        # A connection that is lost ends the output too, and that ends the session.
        with suppress(OSError, EOFError, paramiko.SSHException):
            self._channel.sendall(data)

    def _sends_at_once(self) -> bool:
        """Whether a small packet can be sent without waiting, for a key exchange or for a peer that does not read."""
        return self._transport.clear_to_send.is_set() and bool(self._poll.poll(0))

    async def _acknowledge(self, size: int) -> None:
        """Let the host send `size` bytes more, RFC 4254 section 5.2."""
        credit = take_credit(self._channel, size)
        if credit <= 0:
            return
        message = paramiko.Message()
        message.add_byte(cMSG_CHANNEL_WINDOW_ADJUST)
        message.add_int(self._channel.remote_chanid)
        message.add_int(credit)

        def send() -> None:
            with suppress(OSError, EOFError, paramiko.SSHException):
                self._transport._send_user_message(message)

        if self._sends_at_once():
            send()
        else:
            await wait_for_host(send)
