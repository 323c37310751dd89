"""What a search index can be asked, whatever database is behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

from audit.access import Scope
from audit.models import Session

Kind = Literal["output", "command", "title"]
KINDS: tuple[Kind, ...] = ("output", "command", "title")


class QueryError(ValueError):
    """A query or a cursor cannot be used. The message says why, for the person; `field` names the parameter."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class SearchIndexError(Exception):
    """The index cannot be used. The message names it and says what to do."""


@dataclass(frozen=True, slots=True)
class Passage:
    """Consecutive lines, at most about 4 KiB of text, each with the second at which it was on the screen."""

    lines: Sequence[tuple[float, str]]


@dataclass(frozen=True, slots=True)
class Filters:
    """What narrows a search. Names are compared whole; `after` and `before` with the wall clock of the line."""

    session_id: UUID | None = None
    kind: Kind | None = None
    user: str = ""
    host: str = ""
    after: datetime | None = None
    before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """A line that was found. `marks` are [start, end) in code points of `snippet`, rising, not overlapping.

    `t` is the second of that line in its session; `snippet` is the line between its neighbours.
    """

    session_id: UUID
    t: float
    kind: Kind
    snippet: str
    marks: list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Page:
    """Hits, newest first, and where to go on: None at the end.

    A page may hold few hits, or none, and still have a `next`: one page reads a bounded amount of text, and the cursor
    goes on behind it.
    """

    hits: list[Hit]
    next: str | None


class SearchBackend(Protocol):
    """An index of what was on screens. Everything in it can be rebuilt from the recordings."""

    def replace(self, session: Session, segment: int, kind: Kind, passages: Sequence[Passage]) -> None:
        """Make `passages` what the index has of this kind for this segment. Repeating it changes nothing."""

    def find(self, scope: Scope, query: str, *, cursor: str | None, limit: int, filters: Filters) -> Page:
        """Return lines with all terms of `query` in one passage, newest first, out of what `scope` lets be seen.

        Terms are substrings, case does not matter, "quotes" make a phrase. Raises QueryError.
        """

    def forget(self, session_id: UUID) -> None:
        """Remove everything that is known of a session, at once and for good."""

    def clear(self) -> None:
        """Remove everything, also out of an index that another version made, or that is damaged."""
