"""What the index needs of a database. Both know the same three tables; statements have `%s` for values.

audit_search_chunk      id, rising in the order of indexing; whose it is, when it was, and its text, compressed
audit_search_run        a run of signatures: its level, the chunks it is about, and their catalogue
audit_search_signature  k = run << BLOCK_BITS | block, and that block of rows, compressed
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Sized
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol, TypeAlias
from uuid import UUID

from audit.search.grams import ROWS_LOG

CHUNK: Final = "audit_search_chunk"
RUN: Final = "audit_search_run"
SIGNATURE: Final = "audit_search_signature"
CHUNK_COLUMNS: Final = (
    "session_id",
    "segment",
    "kind",
    "user_id",
    "user_name",
    "host_id",
    "host_name",
    "started_at",
    "first_at",
    "last_at",
    "size",
    "z",
)
# A block has at least one row.
BLOCK_BITS: Final = ROWS_LOG
# Statements that name ids do it with at most as many at once.
_MOST_IDS: Final = 1000

Value: TypeAlias = int | float | str | bytes | None


class Statements(Protocol):
    """A connection, as long as its context lasts."""

    def execute(self, sql: str, values: Sequence[Value] = ()) -> list[tuple[Any, ...]]:
        """Return the rows, if the statement has any."""

    def insert(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Value]]) -> None: ...

    def update_blocks(self, blocks: Iterable[tuple[int, bytes]]) -> None: ...


class Store(Protocol):
    """The database with the tables. Locks end with their contexts, also when the process dies."""

    def reading(self) -> AbstractContextManager[Statements]:
        """One snapshot, or each statement its own: blocks of a run that was listed may be gone."""

    def writing(self, session_id: UUID) -> AbstractContextManager[Statements]:
        """One transaction; nobody else writes about this session meanwhile, and nobody settles."""

    def settling(self) -> AbstractContextManager[Statements]:
        """One transaction while nobody writes: chunks with lower ids than the highest that is there cannot appear."""

    def changing(self) -> AbstractContextManager[Statements]:
        """One transaction about runs, inside of `maintaining`."""

    def maintaining(self, *, wait: bool) -> AbstractContextManager[bool]:
        """Whether this process, and no other, may change runs now. The other contexts may be used inside."""

    def clear(self) -> None:
        """Remove all rows, even of another format."""

    def overwrite(self) -> None:
        """Have what was deleted overwritten on the disk, as far as this database can be told to."""


def marks(values: Sized) -> str:
    """Return what stands for that many values in a statement."""
    return ", ".join(["%s"] * len(values))


def portions(ids: Sequence[int], most: int = _MOST_IDS) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), most):
        yield ids[start : start + most]
