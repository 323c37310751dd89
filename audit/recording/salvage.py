"""Whole events out of a segment's file that a crash or a disk damaged. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from audit.asciicast import CastError, decode_events, encode_event
from audit.events import Event
from audit.recording.gaps import Gap


@dataclass(frozen=True, slots=True)
class Salvaged:
    """`plain` holds the whole events' lines, with a marker where a gap is; `unreadable` all other bytes."""

    plain: bytes
    unreadable: bytes = b""
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True, slots=True)
class _Piece:
    """The lines of one event, or lines that are of none."""

    lines: bytes
    event: Event | None


def split_torn(plain: bytes) -> tuple[bytes, bytes]:
    """Split a segment's bytes after its last whole event: an exact-bytes line counts with the output line it is for."""
    end = plain.rfind(b"\n") + 1
    last_line = plain.rfind(b"\n", 0, end - 1) + 1 if end else 0
    if plain[last_line:end].split(b",", 2)[1:2] == [b'"b"']:
        end = last_line
    return plain[:end], plain[end:]


def is_whole(body: bytes, since: float) -> bool:
    """Whether `body`, lines without a header, is whole events that do not begin before `since` seconds."""
    if body and not body.endswith(b"\n"):
        return False
    try:
        times = [event.t for event in decode_events(body.splitlines(keepends=True))]
    except (CastError, ValueError):
        return False
    return not times or times[0] >= since


def salvage(body: bytes, since: float, until: float, *, is_last: bool) -> Salvaged:
    """Return what can be told of damaged lines whose events lie between `since` and `until` seconds.

    Half a line at the very end of the last segment is what a crash leaves of an event that nobody was shown: it is set
    aside and is no gap. NUL bytes there are: they stand where a power cut lost what had been written.
    """
    whole, torn = split_torn(body)
    is_gap = bool(torn) and (not is_last or b"\0" in torn)
    if is_whole(whole, since) and not is_gap:
        return Salvaged(whole, torn)
    pieces = list(_pieces(whole))
    kept = _in_order([piece.event.t if piece.event else None for piece in pieces], since, until)
    return _join(pieces, kept, torn, since, is_gap=is_gap)


def _pieces(whole: bytes) -> Iterator[_Piece]:
    waiting = b""
    for line in whole.split(b"\n")[:-1]:
        lines = waiting + line + b"\n"
        event = _event_of(lines)
        if event is None and waiting:
            # The exact bytes have no output that they belong to; the line after them may still be whole.
            yield _Piece(waiting, None)
            lines = line + b"\n"
            event = _event_of(lines)
        waiting = b""
        if event is None and line.split(b",", 2)[1:2] == [b'"b"']:
            waiting = lines
            continue
        yield _Piece(lines, event)
    if waiting:
        yield _Piece(waiting, None)


def _event_of(lines: bytes) -> Event | None:
    try:
        events = list(decode_events(lines.splitlines(keepends=True)))
    except (CastError, ValueError):
        return None
    return events[0] if len(events) == 1 else None


def _in_order(times: Sequence[float | None], since: float, until: float) -> set[int]:
    """Return the places of most events that can be kept so that time never runs backwards.

    The longest non-decreasing subsequence: one flipped digit must cost one event, not all before or after it.
    """
    ends: list[float] = []
    last_of: list[int] = []
    before: dict[int, int | None] = {}
    for place, t in enumerate(times):
        if t is None or not since <= t <= until:
            continue
        length = bisect_right(ends, t)
        before[place] = last_of[length - 1] if length else None
        ends[length:] = [t, *ends[length + 1 :]] if length < len(ends) else [t]
        last_of[length:] = [place, *last_of[length + 1 :]] if length < len(last_of) else [place]
    kept: set[int] = set()
    at = last_of[-1] if last_of else None
    while at is not None:
        kept.add(at)
        at = before[at]
    return kept


def _join(pieces: Sequence[_Piece], kept: set[int], torn: bytes, since: float, *, is_gap: bool) -> Salvaged:
    plain: list[bytes] = []
    unreadable: list[bytes] = []
    gaps: list[Gap] = []
    t, lost = since, 0
    for place, piece in enumerate(pieces):
        if place not in kept or piece.event is None:
            lost += len(piece.lines)
            unreadable.append(piece.lines)
            continue
        if lost:
            gaps.append(_damaged(t, piece.event.t, lost))
            plain.append(encode_event(gaps[-1].marker()))
            lost = 0
        plain.append(piece.lines)
        t = piece.event.t
    if lost or is_gap:
        gaps.append(_damaged(t, None, lost + len(torn)))
        plain.append(encode_event(gaps[-1].marker()))
    return Salvaged(b"".join(plain), b"".join([*unreadable, torn]), tuple(gaps))


def _damaged(start: float, until: float | None, size: int) -> Gap:
    return Gap(start, until, f"{size} bytes of this recording were damaged on the disk and cannot be read")
