"""Passages as they are stored, and the lines in them that a query found."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from audit.search.protocol import Filters, Hit, Kind, Passage
from audit.search.query import fold, storable

# Of a line, and of each of its neighbours, in a snippet.
SNIPPET_WIDTH = 240


@dataclass(frozen=True, slots=True)
class StoredPassage:
    """A row of the index. `times` are little-endian doubles, one for each line of `text`."""

    id: int
    session_id: UUID
    kind: Kind
    started_at: datetime
    text: str
    times: bytes


def encode_text(passage: Passage) -> str:
    # A line break inside a line would shift all times after it.
    return "\n".join(" ".join(storable(text).split("\n")) for _, text in passage.lines)


def encode_times(passage: Passage) -> bytes:
    return struct.pack(f"<{len(passage.lines)}d", *(t for t, _ in passage.lines))


def decode_times(times: bytes) -> tuple[float, ...]:
    return struct.unpack(f"<{len(times) // 8}d", times)


def hits_in(passage: StoredPassage, terms: Sequence[str], filters: Filters) -> Iterator[tuple[int, Hit]]:
    """Yield (line number, hit) for the lines that have most of the terms, the last line first."""
    lines = passage.text.split("\n")
    times = decode_times(passage.times)
    counts = [sum(term in folded for term in terms) for folded in map(fold, lines)]
    best = max(counts, default=0)
    for number in reversed(range(min(len(lines), len(times)))):
        if not best or counts[number] < best or not _is_within(passage.started_at, times[number], filters):
            continue
        snippet, marks = _snippet(lines, number, terms)
        yield number, Hit(passage.session_id, times[number], passage.kind, snippet, marks)


def _is_within(started_at: datetime, t: float, filters: Filters) -> bool:
    at = started_at + timedelta(seconds=t)
    return not ((filters.after and at < filters.after) or (filters.before and at >= filters.before))


def _snippet(lines: Sequence[str], number: int, terms: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    shown = [
        *(line[:SNIPPET_WIDTH] for line in lines[max(number - 1, 0) : number]),
        _window(lines[number], terms),
        *(line[:SNIPPET_WIDTH] for line in lines[number + 1 : number + 2]),
    ]
    snippet = "\n".join(shown)
    return snippet, find_marks(snippet, terms)


def _window(line: str, terms: Sequence[str]) -> str:
    """Cut a line that is too long so that its first match is in view."""
    if len(line) <= SNIPPET_WIDTH:
        return line
    folded = fold(line)
    first = min((at for term in terms if (at := folded.find(term)) >= 0), default=0)
    start = max(0, min(first - SNIPPET_WIDTH // 4, len(line) - SNIPPET_WIDTH))
    longest = max(map(len, terms))
    return line[start : start + max(SNIPPET_WIDTH, first - start + longest)]


def find_marks(snippet: str, terms: Sequence[str]) -> list[tuple[int, int]]:
    """Return where terms occur, merged where they touch, as [start, end) in code points."""
    folded = fold(snippet)
    found: list[tuple[int, int]] = []
    for term in terms:
        at = folded.find(term)
        while at >= 0:
            found.append((at, at + len(term)))
            at = folded.find(term, at + len(term))
    merged: list[tuple[int, int]] = []
    for start, end in sorted(found):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
