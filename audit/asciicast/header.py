"""The first line of a recording, and what any part of it may be wrong about."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import orjson

from audit.asciicast.tolerant import CastError, json_object, shown

MAX_COLS: Final = 1000
MAX_ROWS: Final = 500

_KNOWN: Final = frozenset({"version", "width", "height", "term", "timestamp", "title", "env", "encoding", "stdout"})


@dataclass(frozen=True)
class Header:
    """What a recording says about itself. `timestamp` is in Unix seconds, `encoding` is that of the host's bytes."""

    cols: int
    rows: int
    timestamp: int | None = None
    title: str = ""
    env: dict[str, str] = field(default_factory=dict)
    encoding: str = "utf-8"
    extra: dict[str, object] = field(default_factory=dict)


def encode_header(header: Header, version: int = 2) -> bytes:
    """Return the header's line, with its newline."""
    size: dict[str, object] = {"version": 2, "width": header.cols, "height": header.rows}
    if version == 3:  # noqa: PLR2004 - the format's own number
        size = {"version": 3, "term": {"cols": header.cols, "rows": header.rows}}
    known: dict[str, object] = {
        "timestamp": header.timestamp,
        "title": header.title or None,
        "env": header.env or None,
        "encoding": None if header.encoding == "utf-8" else header.encoding,
    }
    present = {key: value for key, value in known.items() if value is not None}
    others = {key: value for key, value in header.extra.items() if key not in _KNOWN}
    return orjson.dumps({**size, **present, **others}) + b"\n"


def decode_header(line: bytes) -> Header:
    """Read a v2 or v3 header line. Raises `CastError`."""
    return header_of(json_object(line))


def header_of(document: Mapping[str, object]) -> Header:
    version = document.get("version")
    if version not in (1, 2, 3) or isinstance(version, bool):
        raise CastError(1, f"the version must be 1, 2 or 3, not {shown(version)}")
    term = document.get("term")
    if version == 3 and not isinstance(term, dict):  # noqa: PLR2004 - the format's own number
        raise CastError(1, f'"term" must be an object, not {shown(term)}')
    place, names = (term, ("cols", "rows")) if isinstance(term, dict) else (document, ("width", "height"))
    cols, rows = checked_size(place.get(names[0]), place.get(names[1]), 1)
    timestamp = document.get("timestamp")
    env = document.get("env")
    return Header(
        cols=cols,
        rows=rows,
        timestamp=int(timestamp) if isinstance(timestamp, int | float) and 0 <= timestamp <= 2**40 else None,
        title=_text_of(document.get("title")),
        env={str(k): v for k, v in env.items() if isinstance(v, str)} if isinstance(env, dict) else {},
        encoding=_encoding_of(document.get("encoding")),
        extra={key: value for key, value in document.items() if key not in _KNOWN},
    )


def _text_of(value: object) -> str:
    return value if isinstance(value, str) else ""


def _encoding_of(value: object) -> str:
    try:
        return codecs.lookup(_text_of(value)).name
    except (LookupError, ValueError):
        return "utf-8"


def checked_size(cols: object, rows: object, line: int) -> tuple[int, int]:
    for name, value, limit in (("columns", cols, MAX_COLS), ("rows", rows, MAX_ROWS)):
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= limit:
            raise CastError(line, f"the terminal must have 1 to {limit} {name}, not {shown(value)}")
    return int(str(cols)), int(str(rows))


def is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 12  # noqa: PLR2004 - more digits than any count or size
