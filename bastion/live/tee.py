"""Where every event passes, in order: first the recorder, which must take it; then whoever else wants to know."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Protocol

from audit.events import Event, Exit, Marker, Resize
from audit.recording.recorder import Recorder, Written
from audit.recording.segment import RecordingFailedError
from bastion.live.decoding import Decoded, InputEncoder, OutputDecoder
from bastion.live.masking import InputKeeper
from bastion.metrics import BYTES_RECORDED, RECORDER_LAG
from bastion.targets.target import ExitInfo


class Follower(Protocol):
    """Somebody who may know what is recorded, best effort: it must not wait and must not raise."""

    def follow(self, segment: int, events: Sequence[Event], lines: bytes) -> None:
        """Take events that were recorded in segment number `segment`, with the asciicast lines that stand for them."""


class Tee:
    """Records what happens in one session, and only then returns what may be shown. Used on one event loop.

    What waits for the recorder raises audit.recording.segment.RecordingFailedError when the event is not taken: then
    nothing of it may be shown. What does not wait is recorded before anything that comes after it; should that fail,
    the recorder says so to the session.
    """

    def __init__(
        self, recorder: Recorder, encoding: str, keeper: InputKeeper, follower: Follower, began_at: float
    ) -> None:
        """`began_at` is the session's start, on the monotonic clock."""
        self._recorder = recorder
        self._decoder = OutputDecoder(encoding)
        self._encoder = InputEncoder(encoding)
        self._keeper = keeper
        self._follower = follower
        self._began_at = began_at
        self._last_t = 0.0
        self._loop = asyncio.get_running_loop()

    @property
    def is_holding(self) -> bool:
        """Whether `flush_output` has something to do."""
        return self._decoder.is_holding

    async def output(self, data: bytes) -> bytes:
        """Record output of the host and return what the browser gets, as UTF-8."""
        with RECORDER_LAG.time():
            shown = await self._record_output(self._decoder.feed(data, self.now()))
        BYTES_RECORDED.inc(len(data))
        return shown

    async def flush_output(self) -> bytes:
        """Record an incomplete character whose rest did not come; return what the browser gets."""
        return await self._record_output(self._decoder.flush(self.now()))

    async def input(self, data: bytes) -> bytes:
        """Record what was typed, UTF-8, as far as the policy lets it be kept; return what the host gets."""
        if events := self._keeper.typed(data, self.now()):
            await self._record(events)
        return self._encoder.encode(data)

    def settle_input(self) -> None:
        """Record, as a count, what was typed and not echoed in time; does not wait."""
        if self._keeper.is_waiting and (events := self._keeper.settle(self.now())):
            self._submit(events, None)

    def resize(self, cols: int, rows: int) -> None:
        """Record the terminal's size; does not wait."""
        self._submit([Resize(self.now(), cols, rows)], None)

    def mark(self, label: str) -> None:
        """Record a moment; does not wait."""
        self._submit([Marker(self.now(), label)], None)

    async def finish(self, info: ExitInfo | None) -> bytes:
        """Record what is still held back and how the program ended; return what the browser still gets."""
        rest = await self.flush_output()
        events = self._keeper.flush(self.now())
        if info is not None:
            events.append(Exit(self.now(), info.status, info.signal))
        if events:
            await self._record(events)
        return rest

    def now(self) -> float:
        """Seconds since the session started, never less than at the call before."""
        self._last_t = max(self._last_t, round(time.monotonic() - self._began_at, 6))
        return self._last_t

    async def _record_output(self, decoded: Decoded | None) -> bytes:
        if decoded is None:
            return b""
        output = decoded.output
        # The echo comes after the key that it answers.
        await self._record([*self._keeper.shown(output.text, output.t), output])
        return decoded.shown

    async def _record(self, events: Sequence[Event]) -> None:
        waiter: asyncio.Future[None] = self._loop.create_future()
        self._submit(events, waiter)
        await waiter

    def _submit(self, events: Sequence[Event], waiter: asyncio.Future[None] | None) -> None:
        self._recorder.submit(
            events, lambda outcome: self._loop.call_soon_threadsafe(self._accept, events, waiter, outcome)
        )

    def _accept(
        self, events: Sequence[Event], waiter: asyncio.Future[None] | None, outcome: Written | RecordingFailedError
    ) -> None:
        """Tell the follower, in order, whether or not anybody still waits."""
        if isinstance(outcome, Written):
            self._follower.follow(outcome.segment, events, outcome.lines)
        if waiter is None or waiter.done():
            return
        if isinstance(outcome, Written):
            waiter.set_result(None)
        else:
            waiter.set_exception(outcome)
