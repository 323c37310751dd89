"""Where every event passes, in order: first the recorder, which must take it; then whoever else wants to know."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol

from audit.events import Event, Exit, HiddenInput, Input, Marker, Output, Resize
from audit.recording.recorder import Recorder
from bastion.live.decoding import InputEncoder, OutputDecoder
from bastion.live.masking import InputKeeper
from bastion.metrics import BYTES_RECORDED, RECORDER_LAG
from bastion.targets.target import ExitInfo


class Follower(Protocol):
    """Somebody who may know what is recorded, best effort: it must not wait and must not raise."""

    def follow(self, segment: int, events: Sequence[Event], lines: bytes) -> None:
        """Take events that were recorded in segment number `segment`, with the asciicast lines that stand for them."""


class Tee:
    """Records what happens in one session, and only then returns what may be shown.

    Every method raises audit.recording.segment.RecordingFailedError when the recorder does not take the event:
    then nothing of it may be shown.
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

    @property
    def is_holding(self) -> bool:
        """Whether `flush_output` has something to do."""
        return self._decoder.is_holding

    def output(self, data: bytes) -> bytes:
        """Record output of the host and return what the browser gets, as UTF-8."""
        with RECORDER_LAG.time():
            shown = self._record_output(self._decoder.feed(data, self.now()))
        BYTES_RECORDED.inc(len(data))
        return shown

    def flush_output(self) -> bytes:
        """Record an incomplete character whose rest did not come; return what the browser gets."""
        return self._record_output(self._decoder.flush(self.now()))

    def input(self, data: bytes) -> bytes:
        """Record what was typed, UTF-8, as far as the policy lets it be kept; return what the host gets."""
        self._record(self._keeper.typed(data, self.now()))
        return self._encoder.encode(data)

    def settle_input(self) -> None:
        """Record, as a count, what was typed and not echoed in time."""
        if self._keeper.is_waiting:
            self._record(self._keeper.settle(self.now()))

    def resize(self, cols: int, rows: int) -> None:
        self._record([Resize(self.now(), cols, rows)])

    def mark(self, label: str) -> None:
        self._record([Marker(self.now(), label)])

    def finish(self, info: ExitInfo | None) -> bytes:
        """Record what is still held back and how the program ended; return what the browser still gets."""
        rest = self.flush_output()
        self._record(self._keeper.flush(self.now()))
        if info is not None:
            self._record([Exit(self.now(), info.status, info.signal)])
        return rest

    def now(self) -> float:
        """Seconds since the session started, never less than at the call before."""
        self._last_t = max(self._last_t, round(time.monotonic() - self._began_at, 6))
        return self._last_t

    def _record_output(self, outputs: Sequence[Output]) -> bytes:
        if not outputs:
            return b""
        events: list[Event] = []
        for output in outputs:
            # The echo comes after the key that it answers.
            events += [*self._keeper.shown(output.text, output.t), output]
        self._record(events)
        return "".join(output.text for output in outputs).encode()

    def _record(self, events: Sequence[Event | Input | HiddenInput]) -> None:
        if not events:
            return
        segment = self._recorder.segment
        lines = self._recorder.write(events)
        self._follower.follow(segment, events, lines)
