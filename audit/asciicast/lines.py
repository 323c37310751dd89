"""Events as lines and back."""

from __future__ import annotations

import base64
import binascii
import math
import signal
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, assert_never

import orjson

from audit.asciicast.header import checked_size, is_number
from audit.asciicast.tolerant import CastError, shown, tolerant_json
from audit.events import Event, Exit, HiddenInput, Input, Marker, Output, Resize

# Ten years: anything longer is a broken clock, not a recording.
MAX_SECONDS: Final = 10 * 366 * 86400.0
# Recorders that write keys and output from two threads get their order wrong by some milliseconds.
FOREIGN_STEP_BACK: Final = 1.0


def encode_event(event: Event) -> bytes:
    """Return the event as asciicast v2: one line, or a `"b"` line and an `"o"` line for output with exact bytes."""
    lines = [orjson.dumps([round(event.t, 6), code, data]) for code, data in _rows(event)]
    return b"\n".join(lines) + b"\n"


def encode_event_v3(event: Event, previous_t: float) -> bytes:
    """Return the event as asciicast v3, whose times count from the event before (at `previous_t`, 0 at the start)."""
    interval = max(round(round(event.t, 6) - round(previous_t, 6), 6), 0.0)
    lines = []
    for code, data in _rows(event):
        lines.append(orjson.dumps([interval, code, _v3_status(event) if isinstance(event, Exit) else data]))
        interval = 0.0
    return b"\n".join(lines) + b"\n"


def _rows(event: Event) -> tuple[tuple[str, str], ...]:
    if isinstance(event, Output) and event.exact is not None:
        return (("b", base64.b64encode(event.exact).decode("ascii")), ("o", event.text))
    return (_row(event),)


def _row(event: Event) -> tuple[str, str]:  # noqa: PLR0911 - one for each kind of event
    match event:
        case Output(text=text):
            return "o", text
        case Input(text=text):
            return "i", text
        case HiddenInput(count=count):
            return "h", str(count)
        case Resize(cols=cols, rows=rows):
            return "r", f"{cols}x{rows}"
        case Marker(label=label):
            return "m", label
        case Exit(status=status, signal=None):
            return "x", "" if status is None else str(status)
        case Exit(signal=name):
            return "x", f"SIG{name}"
        case _:
            assert_never(event)


def _v3_status(event: Exit) -> str:
    """Return the number that v3 wants; shells report death by a signal as 128 plus its number."""
    if event.signal is not None:
        number = getattr(signal, f"SIG{event.signal}", None)
        return str(128 + number) if isinstance(number, int) else "128"
    return str(event.status or 0)


def decode_events(lines: Iterable[bytes], first_line: int = 1) -> Iterator[Event]:
    """Read the event lines of our own v2 files, strictly: anything unexpected raises `CastError`.

    `first_line` is the number that errors give to the first of `lines`.
    """
    decoder = Decoder(line=first_line - 1)
    for line in lines:
        event = decoder.feed(line)
        if event is not None:
            yield event
    decoder.finish()


def raw_bytes(events: Iterable[Event], encoding: str) -> Iterator[bytes]:
    """Give back what the host sent, byte for byte, for events recorded from a host with this encoding."""
    for event in events:
        if isinstance(event, Output):
            yield event.text.encode(encoding, "replace") if event.exact is None else event.exact


@dataclass
class Decoder:
    """Turns lines into events, remembering the time reached and the bytes that wait for their text."""

    line: int = 0
    t: float = 0.0
    relative: bool = False
    foreign: bool = False
    _exact: tuple[float, bytes] | None = None

    def feed(self, line: bytes) -> Event | None:
        """Return the event of a line, nothing for a line that holds none of its own."""
        self.line += 1
        if self.foreign and (not line.strip() or line.startswith(b"#")):
            return None
        t, code, data = self._parse(line)
        # Nearly all events of a recording are of this kind, and it may have millions.
        if code == "o" and type(t) is float and self.t <= t <= MAX_SECONDS and not (self.relative or self._exact):
            self.t = t
            return Output(t, data)
        return self._event(self.time(t), code, data)

    def finish(self) -> None:
        if self._exact is not None and not self.foreign:
            raise self._error('a "b" event must be followed by its "o" event, the file ends instead')

    def _error(self, reason: str) -> CastError:
        return CastError(self.line, reason)

    def _parse(self, line: bytes) -> tuple[object, str, str]:
        try:
            entry = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            if not self.foreign:
                raise self._error(f"not JSON ({error})") from None
            entry = tolerant_json(line, self.line)
        if type(entry) is list and len(entry) == 3 and type(entry[1]) is type(entry[2]) is str:  # noqa: PLR2004
            return entry[0], entry[1], entry[2]
        raise self._error('an event must be [time, "code", "data"]')

    def time(self, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._error(f"the time must be a number, not {shown(value)}")
        t = float(value) + (self.t if self.relative else 0.0)
        if not math.isfinite(t) or value < 0 or t > MAX_SECONDS:
            raise self._error(f"the time must be between 0 and ten years, not {shown(value)}")
        if t < self.t:
            if not self.foreign or t < self.t - FOREIGN_STEP_BACK:
                raise self._error(f"time must not run backwards: {t:g} comes after {self.t:g}")
            t = self.t
        self.t = t
        return t

    def _event(self, t: float, code: str, data: str) -> Event | None:  # noqa: PLR0911 - one for each kind of event
        if code == "b":
            self._remember(t, data)
            return None
        exact = self._take(t, code)
        match code:
            case "o":
                return Output(t, data, exact)
            case "i":
                return Input(t, data)
            case "r":
                return Resize(t, *self._size(data))
            case "m":
                return Marker(t, data)
            case "h" | "x":
                return self._hidden_or_exit(t, code, data)
            case _ if self.foreign:
                return None
            case _:
                raise self._error(f"unknown kind of event: {shown(code)}")

    def _remember(self, t: float, data: str) -> None:
        try:
            self._exact = (t, base64.b64decode(data, validate=True))
        except (binascii.Error, ValueError):
            if not self.foreign:
                raise self._error('a "b" event must hold base64') from None

    def _take(self, t: float, code: str) -> bytes | None:
        if self._exact is None:
            return None
        (at, exact), self._exact = self._exact, None
        if code == "o" and at == t:
            return exact
        if self.foreign:
            return None
        raise self._error(f'a "b" event must be followed by its "o" event, not by {shown(code)} at {t:g}')

    def _size(self, data: str) -> tuple[int, int]:
        cols, x, rows = data.partition("x")
        if not x or not is_number(cols) or not is_number(rows):
            raise self._error(f"a size must be COLSxROWS, not {shown(data)}")
        return checked_size(int(cols), int(rows), self.line)

    def _hidden_or_exit(self, t: float, code: str, data: str) -> Event | None:
        if code == "h" and is_number(data):
            return HiddenInput(t, int(data))
        if code == "x" and data.startswith("SIG"):
            return Exit(t, signal=data[3:])
        if code == "x" and (not data or is_number(data.removeprefix("-"))):
            return Exit(t, status=int(data) if data else None)
        if self.foreign:
            return None
        raise self._error(f"{shown(code)} must hold a number, not {shown(data)}")
