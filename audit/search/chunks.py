"""Passages as the index keeps them: up to 16 K characters of one segment in one compressed chunk.

Layout of a chunk, uncompressed and little-endian (it changes only together with `grams.FORMAT`):

    uint32  p, the number of passages
    uint32  p times the number of lines of a passage; their sum is n
    uint8   8 times n: microseconds since the line before, as int64, all lowest bytes first
    text    the lines in UTF-8, with a line break between two
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import zstandard
from numpy.typing import NDArray

from audit.search.protocol import Passage
from audit.search.query import storable

Ints = NDArray[np.uint32]

# Characters: a column of signatures stands for about as many, and a candidate costs about 50 µs to verify.
CHUNK_SIZE: Final = 16_384
_LEVEL: Final = 3
_MICROSECONDS: Final = 1e6


@dataclass(frozen=True, slots=True)
class Chunk:
    """What is written of some passages. `size` is in characters, `first` and `last` are seconds of the session."""

    stored: bytes
    size: int
    first: float
    last: float


@dataclass(frozen=True)
class ChunkText:
    """A chunk's lines, those of all its passages one after the other; `counts` has how many each passage has."""

    text: str
    counts: Ints
    coded_times: bytes

    @property
    def ends(self) -> list[int]:
        """Where each passage ends, in lines."""
        ends: list[int] = np.cumsum(self.counts).tolist()
        return ends

    @cached_property
    def lines(self) -> list[str]:
        return self.text.split("\n")

    @cached_property
    def times(self) -> list[float]:
        planes = np.frombuffer(self.coded_times, np.uint8).reshape(8, -1)
        deltas = np.ascontiguousarray(planes.T).view("<i8").ravel()
        return [float(t) for t in np.cumsum(deltas) / _MICROSECONDS]


def encode_chunks(passages: Sequence[Passage]) -> list[Chunk]:
    """Return the passages that have lines, in order, in chunks."""
    compressor = zstandard.ZstdCompressor(level=_LEVEL)
    return [_encode(group, compressor) for group in _groups([passage for passage in passages if passage.lines])]


def _groups(passages: Sequence[Passage]) -> Iterator[list[Passage]]:
    group: list[Passage] = []
    size = 0
    for passage in passages:
        length = sum(len(text) + 1 for _, text in passage.lines)
        if group and size + length > CHUNK_SIZE:
            yield group
            group, size = [], 0
        group.append(passage)
        size += length
    if group:
        yield group


def _encode(passages: Sequence[Passage], compressor: zstandard.ZstdCompressor) -> Chunk:
    lines = [line for passage in passages for line in passage.lines]
    seconds = [t for t, _ in lines]
    # A line break inside a line would shift all times after it.
    text = storable("\n".join(text.replace("\n", " ") for _, text in lines))
    counts = np.array([len(passages), *(len(passage.lines) for passage in passages)], "<u4")
    times = np.rint(np.array(seconds) * _MICROSECONDS).astype("<i8")
    planes = np.diff(times, prepend=0).astype("<i8").view(np.uint8).reshape(-1, 8).T
    plain = counts.tobytes() + planes.tobytes() + text.encode()
    return Chunk(compressor.compress(plain), len(text), min(seconds), max(seconds))


def decode_chunk(stored: bytes, decompressor: zstandard.ZstdDecompressor) -> ChunkText:
    plain = decompressor.decompress(stored)
    passages = int(np.frombuffer(plain, "<u4", 1)[0])
    counts = np.frombuffer(plain, "<u4", passages, 4)
    begin = 4 + 4 * passages
    end = begin + 8 * int(counts.sum())
    return ChunkText(plain[end:].decode(), counts, plain[begin:end])


def are_same(stored: Sequence[bytes], chunks: Sequence[Chunk]) -> bool:
    """Return whether the same text is in both, though perhaps compressed by another version."""
    expand = zstandard.ZstdDecompressor().decompress
    return len(stored) == len(chunks) and all(
        known == chunk.stored or expand(known) == expand(chunk.stored)
        for known, chunk in zip(stored, chunks, strict=True)
    )
