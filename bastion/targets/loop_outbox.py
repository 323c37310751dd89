"""Packets on their way out: anybody sends, in the order of sequence numbers; the event loop alone writes."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress

import paramiko
from paramiko.common import MSG_SERVICE_ACCEPT, MSG_SERVICE_REQUEST

from bastion.targets.loop_packetizer import LoopPacketizer

# Replies to what a host asks while it does not read. It is not ours that fills this: input waits for room.
MOST_UNSENT_BYTES = 2**20
# Messages put aside while keys are exchanged. Nobody asks for so much in so short a time.
MOST_PUT_ASIDE = 1024
# From this number on, messages wait while keys are exchanged, RFC 4253 section 7.1.
FIRST_USERAUTH_MESSAGE = 50


class Outbox:
    """Builds packets under a lock and keeps them until the loop writes them. Nothing here waits.

    `clear_to_send` is set unless keys are exchanged. `on_stuck` is called on the loop when the host reads nothing.
    """

    def __init__(
        self,
        packets: LoopPacketizer,
        loop: asyncio.AbstractEventLoop,
        clear_to_send: threading.Event,
        on_stuck: Callable[[Exception], None],
    ) -> None:
        self._packets = packets
        self._loop = loop
        self._clear_to_send = clear_to_send
        self._on_stuck = on_stuck
        self._lock = threading.Lock()
        self._unsent: deque[bytes] = deque()
        self._put_aside: list[bytes] = []
        self._stream: asyncio.Transport | None = None
        self._loop_thread: int | None = None
        # The socket takes nothing: what is written piles up.
        self.is_blocked = False

    def open(self, stream: asyncio.Transport) -> None:
        """Write to `stream` from now on. On the loop."""
        self._stream = stream
        self._loop_thread = threading.get_ident()

    def send(self, payload: bytes) -> None:
        """Send, or put aside if it has to wait for new keys; from any thread. Raises SSHException."""
        with self._lock:
            if self._must_wait(payload[0]):
                if len(self._put_aside) >= MOST_PUT_ASIDE:
                    raise paramiko.SSHException("The host asks for too much while keys are exchanged.")
                self._put_aside.append(payload)
                return
            self._unsent.append(self._packets.build(payload))
        self._flush()

    def send_put_aside(self) -> None:
        """Send what waited for new keys."""
        with self._lock:
            waiting, self._put_aside = self._put_aside, []
            self._unsent.extend(map(self._packets.build, waiting))
        self._flush()

    def clear(self) -> None:
        self._unsent.clear()
        self._put_aside.clear()

    def _must_wait(self, kind: int) -> bool:
        is_service = kind in {MSG_SERVICE_REQUEST, MSG_SERVICE_ACCEPT}
        return (kind >= FIRST_USERAUTH_MESSAGE or is_service) and not self._clear_to_send.is_set()

    def _flush(self) -> None:
        if threading.get_ident() == self._loop_thread:
            self._write()
            return
        # The loop may be closed already when the process stops.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._write)

    def _write(self) -> None:
        stream = self._stream
        if stream is None or stream.is_closing():
            return
        while self._unsent:
            stream.write(self._unsent.popleft())
        if self.is_blocked and stream.get_write_buffer_size() > MOST_UNSENT_BYTES:
            self._on_stuck(paramiko.SSHException("The host asks for much and does not read the answers."))
