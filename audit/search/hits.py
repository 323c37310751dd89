"""The lines of a chunk that a query found, as people see them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice, pairwise
from typing import Final
from uuid import UUID

from audit.search.chunks import ChunkText
from audit.search.protocol import Filters, Hit, Kind
from audit.search.query import fold

# Of a line, and of each of its neighbours, in a snippet.
SNIPPET_WIDTH: Final = 240


@dataclass(frozen=True, slots=True)
class Source:
    """Where a chunk is from."""

    session_id: UUID
    kind: Kind
    started_at: datetime


def hits_in(
    text: ChunkText, source: Source, terms: Sequence[str], filters: Filters, most: int
) -> Iterator[tuple[int, Hit]]:
    """Yield (line number, hit) for the lines that have most of the terms, the last line first.

    All terms must be in one passage, of which at most `most` lines are hits.
    """
    for start, end in reversed(list(pairwise((0, *text.ends)))):
        folded = [fold(line) for line in text.lines[start:end]]
        if has_all("\n".join(folded), terms):
            numbers = (start + number for number in _best_lines(folded, terms))
            within = (number for number in numbers if _is_within(source.started_at, text.times[number], filters))
            for number in islice(within, most):
                snippet, marks = _snippet(text.lines[start:end], number - start, terms)
                yield number, Hit(source.session_id, text.times[number], source.kind, snippet, marks)


def has_all(folded: str, terms: Sequence[str]) -> bool:
    return all(term in folded for term in terms)


def _best_lines(folded: Sequence[str], terms: Sequence[str]) -> Iterator[int]:
    counts = [sum(term in line for term in terms) for line in folded]
    best = max(counts)
    return (number for number in reversed(range(len(counts))) if best and counts[number] == best)


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
