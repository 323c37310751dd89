"""What both databases are asked alike: which passages may be seen and are wanted, page by page.

Statements are written with `%s` for values. Rows have the columns that `COLUMNS` names; what is known about a
passage has the alias `p`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Protocol, cast
from uuid import UUID

from audit.access import Scope
from audit.search.passages import StoredPassage, hits_in
from audit.search.protocol import Filters, Hit, Kind, Page, QueryError
from audit.search.query import TRIGRAM, parse_query

COLUMNS = "p.id, p.session_id, p.kind, p.started_at, text, times"
# Passages of about 4 KiB that one page may read for terms that no trigram can find.
SCANNED_PASSAGES = 20_000
# Lines of one passage that are hits: across sessions one wants the places, inside a session every line.
LINES_ACROSS = 3
LINES_INSIDE = 100
_ROUNDS = 4
_LAST_ID = 2**63 - 1
_CURSOR = re.compile(r"(\d{1,19})\.(\d{1,9})", re.ASCII)

# (column, ids) -> SQL and the one value for it.
IdsCondition = Callable[[str, Sequence[UUID]], tuple[str, object]]


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page begins: the passage `id`, of which the lines below `line` are still to come."""

    id: int = _LAST_ID
    line: int = 10**9 - 1

    @classmethod
    def parse(cls, cursor: str | None) -> Position:
        if not cursor:
            return cls()
        match = _CURSOR.fullmatch(cursor)
        if match is None or int(match[1]) > _LAST_ID:
            raise QueryError("cursor", "Expected a cursor from `next`, got something else.")
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.id}.{self.line}"


@dataclass(slots=True)
class Where:
    """Conditions that are ANDed, and the values that they take."""

    conditions: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    def add(self, condition: str, *values: object) -> None:
        self.conditions.append(condition)
        self.values.extend(values)

    def copy(self) -> Where:
        return Where(list(self.conditions), list(self.values))

    def __str__(self) -> str:
        return " AND ".join(self.conditions)


def visible(scope: Scope, filters: Filters, ids: IdsCondition) -> Where:
    """Return the permission and the filters as conditions. The permission is always the first of them."""
    own, own_value = ids("p.host_id", sorted(scope.own_host_ids))
    audited, audited_value = ids("p.host_id", sorted(scope.audited_host_ids))
    where = Where()
    where.add(f"((p.user_id = %s AND {own}) OR {audited})", scope.user_id, own_value, audited_value)
    if filters.session_id:
        where.add("p.session_id = %s", str(filters.session_id))
    if filters.kind:
        where.add("p.kind = %s", filters.kind)
    if filters.user:
        where.add("p.user_name = %s", filters.user)
    if filters.host:
        where.add("p.host_name = %s", filters.host)
    if filters.after:
        where.add("p.last_at >= %s", filters.after.timestamp())
    if filters.before:
        where.add("p.first_at < %s", filters.before.timestamp())
    return where


@dataclass(frozen=True, slots=True)
class Span:
    """Ids of passages from `lowest` to `highest`, both included."""

    lowest: int
    highest: int


class Reader(Protocol):
    """One snapshot of an index, to be asked several times for one page."""

    def floor(self, where: Where, highest: int, passages: int) -> int | None:
        """Return the id of the `passages`-th passage of `where` from `highest` down; None if there are fewer."""

    def fetch(self, where: Where, terms: Sequence[str], span: Span, most: int) -> list[StoredPassage]:
        """Return up to `most` passages within `span` that have all terms, newest first."""


def stored_passage(row: Sequence[Any]) -> StoredPassage:
    passage_id, session_id, kind, started_at, text, times = row
    return StoredPassage(
        passage_id,
        UUID(str(session_id)),
        cast("Kind", kind),
        datetime.fromtimestamp(started_at, UTC),
        text,
        bytes(times),
    )


def find_page(
    reader: Reader, scope: Scope, query: str, *, cursor: str | None, limit: int, filters: Filters, ids: IdsCondition
) -> Page:
    """Return one page of hits (see SearchBackend.find)."""
    terms = parse_query(query)
    position = Position.parse(cursor)
    hits: list[Hit] = []
    if scope.is_empty:
        return Page(hits, None)
    lines = LINES_INSIDE if filters.session_id else LINES_ACROSS
    for _round in range(_ROUNDS):
        passages, following = _stretch(reader, terms, visible(scope, filters, ids), position, limit + 1)
        for passage in passages:
            for number, hit in islice(hits_in(passage, terms, filters), lines):
                if passage.id == position.id and number >= position.line:
                    continue
                if len(hits) == limit:
                    return Page(hits, str(Position(passage.id, number + 1)))
                hits.append(hit)
        if following is None:
            return Page(hits, None)
        position = following
    return Page(hits, str(position))


def _stretch(
    reader: Reader, terms: Sequence[str], where: Where, position: Position, most: int
) -> tuple[list[StoredPassage], Position | None]:
    """Return passages from `position` on, and where to look further if that was not all."""
    floor = None
    if max(map(len, terms)) < TRIGRAM:
        floor = reader.floor(where, position.id, SCANNED_PASSAGES)
    passages = reader.fetch(where, terms, Span(floor or 0, position.id), most)
    if len(passages) == most:
        return passages, Position(passages[-1].id - 1)
    return passages, None if floor is None else Position(floor - 1)
