"""Runs of signatures: sealed out of the newest chunks, and merged into longer ones.

Every step leaves the index whole: until a run is live, what it stands for is read from the chunks or the runs that
are there. What a crash leaves of a step is removed by the next one.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Final

import numpy as np
import zstandard

from audit.search.catalogue import Catalogue
from audit.search.chunks import CHUNK_SIZE, decode_chunk
from audit.search.grams import ROWS
from audit.search.runs import FACTS, Run, catalogue_of, end_of_runs, facts_of, live_runs, read_rows
from audit.search.signatures import Matrix, compress_blocks, pack, rows_per_block
from audit.search.store import BLOCK_BITS, CHUNK, RUN, SIGNATURE, Statements, Store, marks

# The open end is read by every search: this much takes about 10 ms.
SEAL_COLUMNS: Final = 256
SEAL_CHUNKS: Final = 1024
# So many runs of a level make one of the next, up to 16 384 columns: 256 MB of text.
FAN_OUT: Final = 8
LEVELS: Final = 3
# Of a run that is made, as much as is held in memory, and written in one transaction.
_STEP_BYTES: Final = 8 << 20


def compact(store: Store) -> None:
    """Seal and merge what is due, unless another process does."""
    while True:
        with store.reading() as statements:
            if not _is_due(statements):
                return
        with store.maintaining(wait=False) as is_ours:
            if not is_ours or not _step(store):
                return


def _is_due(statements: Statements) -> bool:
    return _seal_is_due(statements) or bool(_due_merge(live_runs(statements)))


def _seal_is_due(statements: Statements) -> bool:
    sql = f"SELECT count(*), coalesce(sum(size), 0) FROM {CHUNK} WHERE id > %s"  # noqa: S608
    count, size = statements.execute(sql, [end_of_runs(statements)])[0]
    return int(count) >= SEAL_CHUNKS or int(size) >= SEAL_COLUMNS * CHUNK_SIZE


def _due_merge(runs: Sequence[Run]) -> list[Run]:
    """Return runs of one level that follow each other, oldest first; none if there are too few."""
    for level in range(LEVELS - 1):
        same = [run for run in reversed(runs) if run.level == level]
        if len(same) >= FAN_OUT:
            return same[:FAN_OUT]
    return []


def _step(store: Store) -> bool:
    _remove_leftovers(store)
    with store.reading() as statements:
        is_seal = _seal_is_due(statements)
        parts = _due_merge(live_runs(statements))
    if is_seal:
        _seal(store)
    elif parts:
        _merge(store, parts)
    return bool(is_seal or parts)


def _seal(store: Store) -> None:
    decompressor = zstandard.ZstdDecompressor()
    with store.settling() as statements:
        sql = f"SELECT {FACTS}, z FROM {CHUNK} WHERE id > %s ORDER BY id LIMIT %s"  # noqa: S608
        rows = statements.execute(sql, [end_of_runs(statements), SEAL_CHUNKS])
        chunks = [facts_of(row[:-1]) for row in rows]
        catalogue = Catalogue.of(chunks)
        columns: list[list[str]] = [[] for _ in range(8 * catalogue.width)]
        for column, row in zip(catalogue.column, rows, strict=True):
            columns[column].append(decode_chunk(bytes(row[-1]), decompressor).text)
        matrix = pack(columns)
        run = _new_run(0, catalogue)
        _insert_run(statements, run, catalogue, "live")
        _insert_blocks(statements, run, 0, matrix)


def _merge(store: Store, parts: Sequence[Run]) -> None:
    with store.reading() as statements:
        catalogue = Catalogue.joined([catalogue_of(statements, part) for part in parts])
    run = _new_run(parts[0].level + 1, catalogue)
    with store.changing() as statements:
        _insert_run(statements, run, catalogue, "building")
    rows = _rows_at_once(parts, run)
    for first in range(0, ROWS, rows):
        with store.reading() as statements:
            matrix = np.hstack([read_rows(statements, part, first, rows) for part in parts])
        with store.changing() as statements:
            _insert_blocks(statements, run, first, matrix)
    with store.changing() as statements:
        ids = marks(parts)
        statements.execute(f"UPDATE {RUN} SET state = 'gone' WHERE id IN ({ids})", [part.id for part in parts])  # noqa: S608
        statements.execute(f"UPDATE {RUN} SET state = 'live' WHERE id = %s", [run.id])  # noqa: S608
    _remove_leftovers(store)


def _rows_at_once(parts: Sequence[Run], run: Run) -> int:
    """Return a power of two that is whole blocks of all of them."""
    rows = ROWS
    while rows * run.width > _STEP_BYTES and rows > max(rows_per_block(part.width) for part in parts):
        rows //= 2
    return rows


def _new_run(level: int, catalogue: Catalogue) -> Run:
    return Run(
        id=secrets.randbits(62 - BLOCK_BITS),
        level=level,
        first=int(catalogue.ids[0]),
        last=int(catalogue.ids[-1]),
        first_at=float(catalogue.first_at.min()),
        last_at=float(catalogue.last_at.max()),
        width=catalogue.width,
    )


def _insert_run(statements: Statements, run: Run, catalogue: Catalogue, state: str) -> None:
    columns = ("id", "level", "first", "last", "first_at", "last_at", "width", "state", "catalogue")
    row = (run.id, run.level, run.first, run.last, run.first_at, run.last_at, run.width, state, catalogue.encode())
    statements.insert(RUN, columns, [row])


def _insert_blocks(statements: Statements, run: Run, first_row: int, matrix: Matrix) -> None:
    first = first_row // rows_per_block(run.width)
    blocks = ((run.key(first + number), block) for number, block in enumerate(compress_blocks(matrix)))
    statements.insert(SIGNATURE, ("k", "d"), blocks)


def _remove_leftovers(store: Store) -> None:
    """Remove runs that were merged into another, and those whose making was interrupted."""
    with store.reading() as statements:
        rows = statements.execute(f"SELECT id, width FROM {RUN} WHERE state <> 'live'")  # noqa: S608
    for number, width in rows:
        blocks = ROWS // rows_per_block(width)
        for first in range(0, blocks, 4096):
            with store.changing() as statements:
                keys = [number << BLOCK_BITS | first, number << BLOCK_BITS | min(first + 4096, blocks) - 1]
                statements.execute(f"DELETE FROM {SIGNATURE} WHERE k BETWEEN %s AND %s", keys)  # noqa: S608
        with store.changing() as statements:
            statements.execute(f"DELETE FROM {RUN} WHERE id = %s", [number])  # noqa: S608
