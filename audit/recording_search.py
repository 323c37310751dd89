"""Finding lines in one recording by reading it, also those that the search index leaves out.

The index holds both ends of what a command printed (BASTION_INDEX_OUTPUT_CHARACTERS). Here everything is played on a
screen, some seconds of work at a time, at about 30 MB of recording per second.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from audit.asciicast import CastError
from audit.indexing.observe import Observer
from audit.indexing.screen import Screen, ScreenError
from audit.indexing.text import TextCollector
from audit.models import Segment, Session
from audit.recording.reading import closed_segments, read_events
from audit.replay import snapshot_before
from audit.search import Hit, Page, QueryError
from audit.search.hits import SNIPPET_WIDTH, find_marks
from audit.search.query import fold, parse_query

_CURSOR: Final = re.compile(r"([0-9]{1,9})\.([0-9]{1,9})")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where to go on: in segment `n`, after so many hits."""

    n: int
    hits: int

    def __str__(self) -> str:
        return f"{self.n}.{self.hits}"


def search_recording(session: Session, query: str, *, cursor: str | None, limit: int, seconds: float) -> Page:
    """Return lines of the closed segments with all terms of `query`, oldest first, at most `limit`.

    Stops after the segment in which `seconds` are over; `next` goes on there. Raises QueryError, StorageError,
    KeyUnavailableError, audit.replay.NotIndexedError.
    """
    terms = parse_query(query)
    place = _place(cursor)
    until = time.monotonic() + seconds
    hits: list[Hit] = []
    for segment in closed_segments(session, place.n):
        if hits and time.monotonic() >= until:
            return Page(hits, str(_Place(segment.n, 0)))
        skipped = place.hits if segment.n == place.n else 0
        for number, hit in enumerate(_hits_in(segment, terms)):
            if number < skipped:
                continue
            if len(hits) == limit:
                return Page(hits, str(_Place(segment.n, number)))
            hits.append(hit)
        if time.monotonic() >= until:
            return Page(hits, str(_Place(segment.n + 1, 0)))
    return Page(hits, None)


def _place(cursor: str | None) -> _Place:
    if not cursor:
        return _Place(0, 0)
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise QueryError("cursor", "Expected a cursor from `next` of this search.")
    return _Place(int(match[1]), int(match[2]))


def _hits_in(segment: Segment, terms: Sequence[str]) -> Iterator[Hit]:
    """Yield the lines of a segment that have all terms. What no screen can show is passed over."""
    try:
        for lines in _lines_of(segment):
            for number, (t, line) in enumerate(lines):
                folded = fold(line)
                if all(term in folded for term in terms):
                    snippet = _snippet([text for _, text in lines[max(number - 1, 0) : number + 2]], line, terms)
                    yield Hit(segment.session_id, t, "output", snippet, find_marks(snippet, terms))
    except (ScreenError, CastError):
        return


def _lines_of(segment: Segment) -> Iterator[list[tuple[float, str]]]:
    """Yield what left the screen during a segment, some lines at a time, and what is on it at the end."""
    before = snapshot_before(segment)
    screen = Screen(before.cols, before.rows)
    screen.feed(before.init)
    collector = TextCollector(Observer(screen))
    # What is on the screen now was found in the segment before.
    collector.look(segment.start)
    collector.take_lines()
    for event in read_events(segment):
        collector.feed(event)
        collector.observer.forget_found()
        if lines := collector.take_lines():
            yield lines
    collector.look(segment.end)
    yield collector.take_lines()


def _snippet(context: Sequence[str], line: str, terms: Sequence[str]) -> str:
    """Return the line between its neighbours, each cut so that the first match is in view."""
    first = fold(line).find(terms[0])
    start = max(0, min(first - SNIPPET_WIDTH // 4, len(line) - SNIPPET_WIDTH))
    return "\n".join(
        text[start : start + SNIPPET_WIDTH + len(terms[0])] if text is line else text[:SNIPPET_WIDTH]
        for text in context
    )
