"""The runs of signatures that are there, as statements of a store see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from audit.search.catalogue import CATALOGUES, Catalogue, ChunkFacts
from audit.search.signatures import Matrix, expand_blocks, rows_per_block
from audit.search.store import BLOCK_BITS, RUN, SIGNATURE, Statements

# Columns of a chunk that make its ChunkFacts.
FACTS: Final = "id, session_id, kind, user_id, user_name, host_id, host_name, first_at, last_at, size"


class RunGoneError(Exception):
    """A run was merged into another since it was listed."""


@dataclass(frozen=True, slots=True)
class Run:
    """A live run: the chunks `first` to `last`, and when the earliest and the latest of their lines were."""

    id: int
    level: int
    first: int
    last: int
    first_at: float
    last_at: float
    width: int

    def key(self, block: int) -> int:
        return self.id << BLOCK_BITS | block


def live_runs(statements: Statements) -> list[Run]:
    """Return the runs, newest first."""
    sql = f"SELECT id, level, first, last, first_at, last_at, width FROM {RUN} WHERE state = 'live' ORDER BY first DESC"  # noqa: S608
    return [Run(*row) for row in statements.execute(sql)]


def catalogue_of(statements: Statements, run: Run) -> Catalogue:
    """Return the run's catalogue. Raises RunGoneError if the run is gone."""

    def load() -> bytes:
        rows = statements.execute(f"SELECT catalogue FROM {RUN} WHERE id = %s", [run.id])  # noqa: S608
        if not rows:
            raise RunGoneError
        return bytes(rows[0][0])

    return CATALOGUES.of(run.id, load)


def end_of_runs(statements: Statements) -> int:
    """Return the id of the last chunk that is in a run, 0 without any: those above are the open end."""
    return int(statements.execute(f"SELECT coalesce(max(last), 0) FROM {RUN} WHERE state = 'live'")[0][0])  # noqa: S608


def facts_of(row: Sequence[Any]) -> ChunkFacts:
    number, session_id, kind, user_id, user_name, host_id, *rest = row
    return ChunkFacts(number, UUID(str(session_id)), kind, user_id, user_name, UUID(str(host_id)), *rest)


def read_rows(statements: Statements, run: Run, first: int, count: int) -> Matrix:
    """Return `count` rows of the run, whole blocks of them."""
    per_block = rows_per_block(run.width)
    keys = [run.key(first // per_block), run.key((first + count) // per_block - 1)]
    sql = f"SELECT d FROM {SIGNATURE} WHERE k BETWEEN %s AND %s ORDER BY k"  # noqa: S608
    return expand_blocks((bytes(row[0]) for row in statements.execute(sql, keys)), run.width)
