"""Which rows of a signature a text sets, and which a term needs: hashed runs of 1 to 5 code points.

The hashes and `query.fold` are a file format: whoever changes one raises FORMAT, and the index is made again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

FORMAT: Final = 2
# 2^18 rows were a fifth bigger and packed at half the speed, for half the false candidates of a single gram.
ROWS_LOG: Final = 17
ROWS: Final = 1 << ROWS_LOG

Rows = NDArray[np.uint32]

_PLACES: Final = np.array([0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D, 0x27D4EB2F, 0x165667B1], np.uint32)
_MIXERS: Final = np.array([0x2C1B3C6D, 0x297A2D39, 0x7FEB352D], np.uint32)
# Length of a gram -> hashes of it. Addresses and other numbers need the long ones: all three-digit parts of one occur
# in any log. Without 5-grams the index is a third smaller, and a term of frequent parts reads nearly everything.
_HASHES: Final = {1: 3, 2: 3, 3: 2, 4: 1, 5: 1}
_SHIFT: Final = np.uint32(32 - ROWS_LOG)
_HALF: Final = np.uint32(15)
# Of a term this long, grams that are shorter say nothing that its longer ones do not.
_SHORT: Final = 3


def rows_of(folded: str) -> Iterator[Rows]:
    """Yield the rows that a folded text sets, with repetitions."""
    code_points = _code_points(folded)
    for length in _HASHES:
        if len(code_points) >= length:
            yield from _rows_of_length(code_points, length)


def rows_for(term: str, most: int) -> list[int]:
    """Return up to `most` rows that are all set wherever a folded term occurs, of long grams first; never none."""
    code_points = _code_points(term)
    rows: dict[int, None] = {}
    for length in sorted(_HASHES, reverse=True):
        if length <= len(term) and (length >= _SHORT or len(term) <= _SHORT) and len(rows) < most:
            rows.update(dict.fromkeys(_spread(_rows_of_length(code_points, length), most - len(rows))))
    return list(rows)


def _code_points(text: str) -> Rows:
    return np.frombuffer(text.encode("utf-32-le"), np.uint32)


def _rows_of_length(code_points: Rows, length: int) -> list[Rows]:
    count = len(code_points) - length + 1
    mixed = code_points[:count] * _PLACES[0]
    for place in range(1, length):
        mixed += code_points[place : place + count] * _PLACES[place]
    mixed ^= mixed >> _HALF
    return [mixed * mixer >> _SHIFT for mixer in _MIXERS[: _HASHES[length]]]


def _spread(hashes: Sequence[Rows], most: int) -> list[int]:
    """Return up to `most` of them from all over the term, of its grams the first hashes first."""
    places = np.linspace(0, len(hashes[0]) - 1, min(most, len(hashes[0]))).astype(int)
    return [int(rows[place]) for rows in hashes for place in places][:most]
