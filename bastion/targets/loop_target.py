"""A login shell over a transport that the event loop drives: see bastion.targets.target.Target. All on the loop."""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from contextlib import suppress

import paramiko
from paramiko.common import MSG_CHANNEL_DATA, cMSG_CHANNEL_WINDOW_ADJUST

from bastion.targets.loop_transport import LoopTransport
from bastion.targets.paramiko_names import exit_signal_of, take_credit
from bastion.targets.target import READ_BYTES, WINDOW_BYTES, ExitInfo

# Some hosts send a little more than their window. OpenSSH lets them have a tenth.
WINDOW_SLACK_BYTES = WINDOW_BYTES // 10
# RFC 4253 says that every peer must take this much in one packet, with what is around it.
MOST_DATA_BYTES = 32000
_DATA_HEAD = struct.Struct(">BII")


class LoopTarget:
    """Where the data of one channel is kept until it is read, and how keys reach it."""

    def __init__(self, transport: LoopTransport, channel: paramiko.Channel, loop: asyncio.AbstractEventLoop) -> None:
        self.channel = channel
        self._transport = transport
        self._loop = loop
        self._chunks: deque[memoryview] = deque()
        self._size = 0
        # How much more the host may send.
        self._window = WINDOW_BYTES + WINDOW_SLACK_BYTES
        self._reader: asyncio.Future[bool] | None = None
        # How much must have arrived for the reader to be woken.
        self._wanted = 1
        self._room = asyncio.Event()
        channel.in_buffer = _Inbox(self)  # type: ignore[assignment] # duck-typed on purpose: no pipe, no thread
        transport.attach_terminal(self)

    async def read(self, timeout: float | None = None) -> bytes | None:  # noqa: ASYNC109 see Target
        while not self._size:
            # The host has said CLOSE, which is the last of a channel, or the connection is lost. Behind EOF there may
            # still be an exit status.
            if self.channel.closed:
                return b""
            if not await self._arrival(timeout):
                return None
        data = self._take()
        self._window += (credit := take_credit(self.channel, len(data)))
        if credit:
            self._send_credit(credit)
        return data

    async def gather(self, size: int, seconds: float) -> None:
        if self._size < size and not self.channel.closed:
            self._wanted = size
            try:
                await self._arrival(seconds)
            finally:
                self._wanted = 1

    async def write(self, data: bytes) -> None:
        channel, transport = self.channel, self._transport
        at = 0
        while at < len(data) and not channel.closed:
            size = min(len(data) - at, channel.out_window_size, channel.out_max_packet_size - 64, MOST_DATA_BYTES)
            if size <= 0 or not transport.can_send_data:
                self._room.clear()
                await self._room.wait()
                continue
            channel.out_window_size -= size
            head = _DATA_HEAD.pack(MSG_CHANNEL_DATA, channel.remote_chanid, size)
            transport.send_payload(head + data[at : at + size])
            at += size

    async def resize(self, cols: int, rows: int) -> None:
        # A closed channel refuses. That the session ends is said by `read`.
        with suppress(paramiko.SSHException):
            self.channel.resize_pty(cols, rows)

    async def wait_exit(self) -> ExitInfo | None:
        # Nothing to wait for: what a host says of the end comes before CLOSE.
        if signal := exit_signal_of(self.channel):
            return ExitInfo(signal=signal)
        return ExitInfo(status=self.channel.exit_status) if self.channel.exit_status >= 0 else None

    async def close(self) -> None:
        self._transport.close()
        await self._transport.lost.wait()

    # What the transport tells: see bastion.targets.loop_transport.Terminal.

    def receive(self, data: memoryview) -> None:
        self._window -= len(data)
        if self._window < 0:
            raise paramiko.SSHException("The host sent more than its window.")
        self._chunks.append(data)
        self._size += len(data)
        if self._reader is not None and not self._reader.done() and self._size >= self._wanted:
            self._reader.set_result(True)

    def note_room(self) -> None:
        self._room.set()
        if self.channel.closed and self._reader is not None and not self._reader.done():
            self._reader.set_result(True)

    def note_closed(self) -> None:
        """The channel or its connection is gone; from any thread."""
        # The loop may be closed already when the process stops.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self.note_room)

    @property
    def unread_bytes(self) -> int:
        return self._size

    # Steps.

    async def _arrival(self, timeout: float | None) -> bool:  # noqa: ASYNC109 a pause, not a deadline
        """Wait until something has arrived or the channel is closed; False if `timeout` seconds pass before."""
        arrival: asyncio.Future[bool] = self._loop.create_future()
        self._reader = arrival
        timer = None if timeout is None else self._loop.call_later(timeout, _give_up, arrival)
        try:
            return await arrival
        finally:
            self._reader = None
            if timer is not None:
                timer.cancel()

    def _take(self) -> bytes:
        """Return up to READ_BYTES of what has arrived; its one copy."""
        chunks, size = self._chunks, self._size
        if size <= READ_BYTES:
            data = b"".join(chunks)
            chunks.clear()
            self._size = 0
            return data
        taken, room = [], READ_BYTES
        while room:
            chunk = chunks.popleft()
            if len(chunk) > room:
                chunks.appendleft(chunk[room:])
                chunk = chunk[:room]
            taken.append(chunk)
            room -= len(chunk)
        self._size -= READ_BYTES
        return b"".join(taken)

    def _send_credit(self, credit: int) -> None:
        """Let the host send `credit` bytes more, RFC 4254 section 5.2."""
        message = paramiko.Message()
        message.add_byte(cMSG_CHANNEL_WINDOW_ADJUST)
        message.add_int(self.channel.remote_chanid)
        message.add_int(credit)
        self._transport.send_payload(message.asbytes())


class _Inbox:
    """Stands in for paramiko's Channel.in_buffer: what does not come the short way, such as stderr, arrives here."""

    def __init__(self, target: LoopTarget) -> None:
        self._target = target

    def feed(self, data: bytes | str) -> None:
        self._target.receive(memoryview(data.encode() if isinstance(data, str) else data))

    def close(self) -> None:
        self._target.note_closed()

    def set_event(self, event: object) -> None:
        """Nobody selects on this channel."""

    def empty(self) -> bytes:
        return b""

    def __len__(self) -> int:
        return self._target.unread_bytes


def _give_up(arrival: asyncio.Future[bool]) -> None:
    if not arrival.done():
        arrival.set_result(False)
