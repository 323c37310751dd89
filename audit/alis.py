"""ALiS v1, the live stream that asciinema-player's WebSocket driver reads: events to frames. Pure.

Specification: https://docs.asciinema.org/manual/server/streaming/ ; frame by frame as the player 3.17 parses it.
Numbers are unsigned LEB128, times are microseconds: in the first frame since the session's start, then since the
frame before.
"""

from __future__ import annotations

from audit.events import Event, Exit, HiddenInput, Input, Marker, Output, Resize

SUBPROTOCOL = "v1.alis"
MAGIC = b"ALiS\x01"
END = b"\x04"
# The bit that says that another byte follows.
_MORE = 0x80


class AlisEncoder:
    """Encodes one stream: `reset` first, then events in their order."""

    def __init__(self) -> None:
        self._last_id = 0
        self._last_t = 0

    def reset(self, t: float, cols: int, rows: int, screen: str) -> bytes:
        """Begin, or begin again, at `t` seconds with this screen; without a theme."""
        self._last_t = _microseconds(t)
        head = b"\x01" + _number(self._last_id) + _number(self._last_t)
        return head + _number(cols) + _number(rows) + b"\x00" + _text(screen)

    def event(self, event: Event) -> bytes | None:
        """Return the frame of an event, None for one that viewers do not get."""
        match event:
            case Output():
                return self._head(b"o", event) + _text(event.text)
            case Resize():
                return self._head(b"r", event) + _number(event.cols) + _number(event.rows)
            case Marker():
                return self._head(b"m", event) + _text(event.label)
            case Exit():
                return self._head(b"x", event) + _number(event.status or 0)
            case Input() | HiddenInput():
                return None

    def _head(self, kind: bytes, event: Event) -> bytes:
        t = max(_microseconds(event.t), self._last_t)
        self._last_id += 1
        since, self._last_t = t - self._last_t, t
        return kind + _number(self._last_id) + _number(since)


def _microseconds(t: float) -> int:
    return round(t * 1_000_000)


def _number(value: int) -> bytes:
    encoded = bytearray()
    while value >= _MORE:
        encoded.append(value % _MORE | _MORE)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _text(text: str) -> bytes:
    data = text.encode("utf-8", "replace")
    return _number(len(data)) + data
