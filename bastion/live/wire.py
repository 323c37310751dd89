"""The terminal's wire protocol: frames to commands and back. Pure: nothing is done here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

MAX_FRAME_BYTES = 65536
MAX_COLS = 1000
MAX_ROWS = 500


class ProtocolError(ValueError):
    """A frame or an address is not what the protocol says. The message names expected and got, for the person."""


@dataclass(frozen=True, slots=True)
class Keys:
    """What was typed or pasted: raw bytes, UTF-8 from a browser."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Size:
    """The terminal was resized."""

    cols: int
    rows: int


@dataclass(frozen=True, slots=True)
class Ping:
    """A question whether the other side is there, answered with a pong."""


Command = Keys | Size
Frame = Command | Ping


@dataclass(frozen=True, slots=True)
class TerminalRequest:
    """What a socket asks for: a host and a size, or a session to be attached to again after so many bytes."""

    cols: int = 80
    rows: int = 24
    session: UUID | None = None
    after: int = 0


def parse_request(query: bytes) -> TerminalRequest:
    """Parse the query of the terminal's address. Raises ProtocolError."""
    fields = {name: values[-1] for name, values in parse_qs(query.decode("ascii", "replace")).items()}
    session: UUID | None = None
    if "session" in fields:
        try:
            session = UUID(fields["session"])
        except ValueError:
            raise ProtocolError(f"session: expected a UUID, got {fields['session']!r:.60}") from None
    return TerminalRequest(
        cols=_number(fields.get("cols", "80"), "cols", 1, MAX_COLS),
        rows=_number(fields.get("rows", "24"), "rows", 1, MAX_ROWS),
        session=session,
        after=_number(fields.get("after", "0"), "after", 0, 2**53),
    )


def parse_frame(text: str | None, data: bytes | None) -> Frame:
    """Parse one frame, which is either text or binary. Raises ProtocolError."""
    if data is not None:
        if len(data) > MAX_FRAME_BYTES:
            raise ProtocolError(f"expected at most {MAX_FRAME_BYTES} bytes in a frame, got {len(data)}")
        return Keys(data)
    if text is None or len(text) > MAX_FRAME_BYTES:
        raise ProtocolError(f"expected a message of at most {MAX_FRAME_BYTES} characters")
    try:
        message: Any = json.loads(text)
    except (ValueError, RecursionError):
        raise ProtocolError("expected JSON in a text frame; keystrokes go into binary frames") from None
    kind = message.get("type") if isinstance(message, dict) else None
    match kind:
        case "resize":
            return Size(_size(message, "cols", MAX_COLS), _size(message, "rows", MAX_ROWS))
        case "ping":
            return Ping()
        case _:
            raise ProtocolError(f'expected "type" to be "resize" or "ping", got {kind!r:.60}')


def _size(message: dict[str, Any], name: str, most: int) -> int:
    value = message.get(name)
    # bool is an int in Python, and no size on the wire.
    if type(value) is not int or not 1 <= value <= most:
        raise ProtocolError(f"{name}: expected a whole number from 1 to {most}, got {value!r:.60}")
    return value


def _number(text: str, name: str, least: int, most: int) -> int:
    # isdigit is true for digits of any script; sizes come in ASCII.
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(most)) and least <= int(text) <= most):
        raise ProtocolError(f"{name}: expected a whole number from {least} to {most}, got {text!r:.60}")
    return int(text)


def ready(session: UUID, offset: int, cols: int, rows: int) -> str:
    return _text({"type": "ready", "session": str(session), "offset": offset, "cols": cols, "rows": rows})


def notice(text: str) -> str:
    return _text({"type": "notice", "text": text})


def pong() -> str:
    return _text({"type": "pong"})


def exited(status: int | None, signal: str | None) -> str:
    return _text({"type": "exit", "signal": signal} if signal else {"type": "exit", "status": status})


def _text(message: dict[str, Any]) -> str:
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"))
