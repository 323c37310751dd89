"""The asciicast formats: our own recordings (v2), downloads (v2, v3), and anybody's files (v1, v2, v3).

Specification: https://docs.asciinema.org/manual/asciicast/v2/ (and v1, v3). Our own files use two event types that
players skip, as the format asks them to: `"b"`, the exact bytes (base64) of the `"o"` event that follows it, written
only where the text alone would not give them back; and `"h"`, a count of typed characters that were not echoed.
"""

from __future__ import annotations

from audit.asciicast.foreign import Cast, read_cast
from audit.asciicast.header import MAX_COLS, MAX_ROWS, Header, decode_header, encode_header
from audit.asciicast.lines import decode_events, encode_event, encode_event_v3, raw_bytes
from audit.asciicast.tolerant import CastError

__all__ = [
    "MAX_COLS",
    "MAX_ROWS",
    "Cast",
    "CastError",
    "Header",
    "decode_events",
    "decode_header",
    "encode_event",
    "encode_event_v3",
    "encode_header",
    "raw_bytes",
    "read_cast",
]
