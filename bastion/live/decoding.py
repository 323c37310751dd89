"""From the host's bytes to text without ever splitting a character, and back."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

from audit.events import Output

# An incomplete character is held back at most this long: its rest may never come.
HOLD_SECONDS = 0.05
# UTF-8 and GB18030 take four bytes at most, so that at most three can be incomplete.
MOST_HELD = 3
# RFC 3629: what a character's first byte says of its length, and which bytes are never first.
_LENGTHS = (
    dict.fromkeys(range(0xC2, 0xE0), 2) | dict.fromkeys(range(0xE0, 0xF0), 3) | dict.fromkeys(range(0xF0, 0xF5), 4)
)
_FOLLOWING = range(0x80, 0xC0)


@dataclass(frozen=True, slots=True)
class Decoded:
    """An event, and what the browser gets for it, UTF-8: where nothing was replaced, the host's own bytes."""

    output: Output
    shown: bytes


class OutputDecoder:
    """Turns reads of the host's output into events. Times are given by the caller."""

    def __init__(self, encoding: str) -> None:
        """Raises LookupError for an encoding that Python does not know."""
        self._encoding = codecs.lookup(encoding).name
        self._held = b""

    @property
    def is_holding(self) -> bool:
        """Whether an incomplete character waits for its rest: call `flush` after HOLD_SECONDS without one."""
        return bool(self._held)

    def feed(self, data: bytes, t: float) -> Decoded | None:
        """Take a read; None if it is but the beginning of a character."""
        data = self._held + data
        end = len(data) - self._incomplete(data)
        self._held = data[end:]
        return self._decode(data[:end], t)

    def flush(self, t: float) -> Decoded | None:
        """Give up waiting: what was held back is an event of its own, exact and with U+FFFD for text."""
        data, self._held = self._held, b""
        return self._decode(data, t)

    def _incomplete(self, data: bytes) -> int:
        """Return how many bytes at the end are the beginning of a character, 0 to MOST_HELD."""
        if self._encoding == "utf-8":
            return _incomplete_utf8(data)
        decoder = codecs.getincrementaldecoder(self._encoding)("replace")
        decoder.decode(data)
        held = len(decoder.getstate()[0])
        return held if held <= MOST_HELD else 0

    def _decode(self, data: bytes, t: float) -> Decoded | None:
        if not data:
            return None
        try:
            text = data.decode(self._encoding)
        except UnicodeDecodeError:
            text = data.decode(self._encoding, "replace")
            return Decoded(Output(t, text, exact=data), text.encode())
        # Only UTF-8 promises that decoding and encoding again gives the same bytes.
        if self._encoding == "utf-8":
            return Decoded(Output(t, text), data)
        exact = data if text.encode(self._encoding, "replace") != data else None
        return Decoded(Output(t, text, exact=exact), text.encode())


class InputEncoder:
    """Turns what a browser types, UTF-8, into the host's encoding."""

    def __init__(self, encoding: str) -> None:
        """Raises LookupError for an encoding that Python does not know."""
        self._encoding = codecs.lookup(encoding).name
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode

    def encode(self, data: bytes) -> bytes:
        """Return the bytes for the host; a character that its encoding lacks becomes a question mark."""
        if self._encoding == "utf-8":
            return data
        return self._decode(data).encode(self._encoding, "replace")


def _incomplete_utf8(data: bytes) -> int:
    for count in range(1, min(MOST_HELD, len(data)) + 1):
        byte = data[-count]
        if byte in _FOLLOWING:
            continue
        # A lead byte with all its rest is no beginning either.
        return count if count < _LENGTHS.get(byte, 1) else 0
    return 0
