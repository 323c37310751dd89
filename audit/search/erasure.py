"""Removing chunks so that nothing is left of them: hashed bits would still tell whoever guesses what was there."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

import numpy as np
import zstandard
from numpy.typing import NDArray

from audit.search.catalogue import Catalogue
from audit.search.chunks import decode_chunk
from audit.search.grams import ROWS
from audit.search.runs import Run, catalogue_of, live_runs
from audit.search.signatures import Mask, blocks_with, compress_blocks, expand_blocks, rows_per_block, set_rows
from audit.search.store import CHUNK, RUN, SIGNATURE, Statements, marks, portions

# Of more columns all blocks are written anew, because nearly all have a bit of one of them.
_FEW_COLUMNS: Final = 64
# Columns that other chunks share, in one pass over the blocks: 128 KiB of memory each.
_SHARED_AT_ONCE: Final = 256
_BLOCKS_AT_ONCE: Final = 500


def remove_chunks(statements: Statements, ids: Sequence[int]) -> None:
    """Remove chunks, and their bits from the runs that they are in. The store is `maintaining`, if there are such."""
    for run in live_runs(statements):
        if of_run := [number for number in ids if run.first <= number <= run.last]:
            _erase(statements, run, of_run)
    for some in portions(ids):
        statements.execute(f"DELETE FROM {CHUNK} WHERE id IN ({marks(some)})", some)  # noqa: S608


def _erase(statements: Statements, run: Run, gone: Sequence[int]) -> None:
    catalogue = catalogue_of(statements, run)
    sql = f"SELECT id FROM {CHUNK} WHERE id BETWEEN %s AND %s"  # noqa: S608
    kept = {number for (number,) in statements.execute(sql, [run.first, run.last])}.difference(gone)
    blocks = list(range(ROWS // rows_per_block(run.width)))
    if not kept:
        keys = [run.key(0), run.key(blocks[-1])]
        statements.execute(f"DELETE FROM {SIGNATURE} WHERE k BETWEEN %s AND %s", keys)  # noqa: S608
        statements.execute(f"DELETE FROM {RUN} WHERE id = %s", [run.id])  # noqa: S608
        return
    columns = [int(column) for column in np.unique(catalogue.column[np.isin(catalogue.ids, gone)])]
    if len(columns) <= _FEW_COLUMNS:
        blocks = blocks_with(np.flatnonzero(_rows_set_by(statements, gone)).tolist(), run.width)
    shared = [column for column in columns if _members(catalogue, column) & kept]
    whole = [column for column in columns if column not in set(shared)]
    for first in range(0, max(len(shared), 1), _SHARED_AT_ONCE):
        some = shared[first : first + _SHARED_AT_ONCE]
        keeps = {column: _rows_set_by(statements, _members(catalogue, column) & kept) for column in some}
        _clear(statements, run, blocks, [] if first else whole, keeps)


def _members(catalogue: Catalogue, column: int) -> set[int]:
    return set(catalogue.ids[catalogue.column == column].tolist())


def _rows_set_by(statements: Statements, ids: Collection[int]) -> Mask:
    """Return which rows the text of these chunks sets."""
    rows = np.zeros(ROWS, np.bool_)
    decompressor = zstandard.ZstdDecompressor()
    for some in portions(sorted(ids)):
        for (stored,) in statements.execute(f"SELECT z FROM {CHUNK} WHERE id IN ({marks(some)})", some):  # noqa: S608
            set_rows(rows, [decode_chunk(bytes(stored), decompressor).text])
    return rows


def _clear(
    statements: Statements, run: Run, blocks: Sequence[int], whole: Sequence[int], keeps: dict[int, Mask]
) -> None:
    """Clear the columns in these blocks: all of `whole`, of the others all rows but those that they keep."""
    count = rows_per_block(run.width)
    for some in portions(blocks, _BLOCKS_AT_ONCE):
        keys = [run.key(block) for block in some]
        stored = dict(statements.execute(f"SELECT k, d FROM {SIGNATURE} WHERE k IN ({marks(keys)})", keys))  # noqa: S608
        matrix = expand_blocks((bytes(stored[key]) for key in keys), run.width)
        rows = (np.array(some)[:, None] * count + np.arange(count)).ravel()
        cleared = np.zeros((len(rows), 8 * run.width), np.bool_)
        cleared[:, list(whole)] = True
        for column, keep in keeps.items():
            cleared[:, column] = ~keep[rows]
        left: NDArray[np.uint8] = matrix & ~np.packbits(cleared, axis=1)
        statements.update_blocks(zip(keys, compress_blocks(left), strict=True))
