"""Whatever a text holds, the bits of its parts are among its bits: a search may look in vain, but never past a hit."""

from __future__ import annotations

import numpy as np
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from audit.search import Passage
from audit.search.chunks import CHUNK_SIZE, decode_chunk, encode_chunks
from audit.search.grams import ROWS, rows_for, rows_of
from audit.search.query import fold
from audit.search.signatures import (
    blocks_with,
    columns_with,
    compress_blocks,
    expand_blocks,
    pack,
    rows_per_block,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200)


@given(TEXT, st.data(), st.integers(1, 24))
def test_the_rows_of_a_part_are_among_the_rows_of_the_text(text: str, data: st.DataObject, most: int) -> None:
    folded = fold(text)
    start = data.draw(st.integers(0, len(folded) - 1))
    end = data.draw(st.integers(start + 1, len(folded)))
    rows = rows_for(folded[start:end], most)
    assert 0 < len(rows) <= most
    assert {*rows} <= {int(row) for found in rows_of(folded) for row in found}


@given(st.lists(TEXT, min_size=1, max_size=20), st.integers(0, 19))
def test_a_column_is_found_by_its_text(texts: list[str], which: int) -> None:
    wanted = texts[which % len(texts)]
    matrix = pack([text] for text in texts)
    width = matrix.shape[1]
    stored = list(compress_blocks(matrix))
    assert len(stored) * rows_per_block(width) == ROWS
    assert np.array_equal(expand_blocks(stored, width), matrix)
    rows = rows_for(fold(wanted), 24)
    expand = zstandard.ZstdDecompressor().decompress
    blocks = {number: expand(stored[number]) for number in blocks_with(rows, width)}
    columns = columns_with(rows, blocks, width)
    assert all(columns[number] for number, text in enumerate(texts) if fold(wanted) in fold(text))
    assert not columns[len(texts) :].any()


LINES = st.lists(
    st.tuples(
        st.integers(0, 10**12).map(lambda t: t / 1e6), st.text(max_size=90).map(lambda text: text.replace("\n", ""))
    ),
    min_size=1,
    max_size=9,
)


@given(st.lists(LINES, max_size=40))
def test_chunks_keep_lines_passages_and_microseconds(passages: list[list[tuple[float, str]]]) -> None:
    chunks = encode_chunks([Passage(lines) for lines in passages])
    expand = zstandard.ZstdDecompressor()
    lines: list[tuple[float, str]] = []
    counts: list[int] = []
    for chunk in chunks:
        text = decode_chunk(chunk.stored, expand)
        assert len(text.text) == chunk.size
        assert chunk.size <= CHUNK_SIZE
        assert (min(text.times), max(text.times)) == (chunk.first, chunk.last)
        lines += zip(text.times, text.lines, strict=True)
        counts += [int(count) for count in text.counts]
    assert counts == [len(some) for some in passages]
    assert [t for t, _ in lines] == [t for some in passages for t, _ in some]
    assert [text for _, text in lines] == [text.replace("\x00", "\ufffd") for some in passages for _, text in some]
