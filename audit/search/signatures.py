"""Bit-sliced signatures: a matrix with a row for each hash and a column for about 16 K characters of text.

A bit says that something with that hash occurs there. To find where a term may be, its few rows are ANDed. Rows are
kept in blocks of about 4 KiB, compressed, so that a search reads a dozen blocks however much text there is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import zstandard
from numpy.typing import NDArray

from audit.search.grams import ROWS, rows_of
from audit.search.query import fold

Matrix = NDArray[np.uint8]
Mask = NDArray[np.bool_]

_BLOCK_SIZE = 4096
_LEVEL = 1


def rows_per_block(width: int) -> int:
    """Return how many rows of `width` bytes make a block: a power of two, so that blocks of all widths nest."""
    return 1 << max(0, (_BLOCK_SIZE // width).bit_length() - 1)


def pack(columns: Iterable[Sequence[str]]) -> Matrix:
    """Return the signatures of columns, each given as its texts: ROWS rows of one bit a column, the first highest."""
    packed: list[Matrix] = []
    column = np.zeros(ROWS, np.bool_)
    for place, texts in enumerate(columns):
        if place % 8 == 0:
            packed.append(np.zeros(ROWS, np.uint8))
        set_rows(column, texts)
        # numpy's packbits across columns took half the time of sealing.
        packed[-1] |= column.view(np.uint8) << np.uint8(7 - place % 8)
        column[:] = False
    return np.ascontiguousarray(np.stack(packed, axis=1))


def set_rows(column: Mask, texts: Iterable[str]) -> None:
    for text in texts:
        for rows in rows_of(fold(text)):
            column[rows] = True


def compress_blocks(matrix: Matrix) -> Iterator[bytes]:
    """Yield consecutive rows as blocks; the number of rows is a multiple of those of a block."""
    compressor = zstandard.ZstdCompressor(level=_LEVEL)
    step = rows_per_block(matrix.shape[1]) * matrix.shape[1]
    plain = memoryview(matrix.tobytes())
    for start in range(0, len(plain), step):
        yield compressor.compress(plain[start : start + step])


def expand_blocks(blocks: Iterable[bytes], width: int) -> Matrix:
    """Return consecutive blocks as rows."""
    decompressor = zstandard.ZstdDecompressor()
    plain = b"".join(map(decompressor.decompress, blocks))
    return np.frombuffer(plain, np.uint8).reshape(-1, width)


def blocks_with(rows: Iterable[int], width: int) -> list[int]:
    """Return the numbers of the blocks that have these rows, rising."""
    per_block = rows_per_block(width)
    return sorted({row // per_block for row in rows})


def columns_with(rows: Iterable[int], blocks: Mapping[int, bytes], width: int) -> Mask:
    """Return which columns have all of the rows. `blocks` are expanded ones, by number."""
    per_block = rows_per_block(width)
    found = np.full(width, 0xFF, np.uint8)
    for row in rows:
        found &= np.frombuffer(blocks[row // per_block], np.uint8, width, row % per_block * width)
    return np.unpackbits(found).view(np.bool_)
