"""From the host's bytes to text: no character is ever split, and every byte can be given back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.asciicast import raw_bytes
from audit.events import Output
from bastion.live.decoding import MOST_HELD, Decoded, OutputDecoder

ENCODINGS = ["utf-8", "gb18030", "euc-jp", "shift_jis", "latin-1", "big5"]


def decode(encoding: str, reads: list[bytes]) -> list[Output]:
    decoder = OutputDecoder(encoding)
    decoded = [*(decoder.feed(read, 0.0) for read in reads), decoder.flush(0.0)]
    for each in decoded:
        assert each is None or each.shown == each.output.text.encode()
    return [each.output for each in decoded if each is not None]


@given(st.sampled_from(ENCODINGS), st.lists(st.binary(min_size=1, max_size=40)))
def test_any_bytes_read_in_any_pieces_come_back(encoding: str, reads: list[bytes]) -> None:
    assert b"".join(raw_bytes(iter(decode(encoding, reads)), encoding)) == b"".join(reads)


@given(st.sampled_from(["utf-8", "gb18030"]), st.text(alphabet=st.characters(exclude_categories=["Cs"])), st.data())
def test_text_cut_anywhere_is_never_split_inside_a_character(encoding: str, text: str, data: st.DataObject) -> None:
    encoded = text.encode(encoding)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(encoded)))))
    reads = [encoded[a:b] for a, b in zip([0, *cuts], [*cuts, len(encoded)], strict=True) if a < b]

    events = decode(encoding, reads)

    assert "".join(event.text for event in events) == text
    if encoding == "utf-8":
        assert all(event.exact is None for event in events)


@given(st.sampled_from(ENCODINGS), st.lists(st.binary(min_size=1, max_size=8)))
def test_at_most_three_bytes_are_held_back(encoding: str, reads: list[bytes]) -> None:
    decoder = OutputDecoder(encoding)
    for read in reads:
        decoder.feed(read, 0.0)
        assert len(decoder._held) <= MOST_HELD


def test_a_beginning_without_its_rest_is_shown_as_a_replacement_and_kept_exactly() -> None:
    decoder = OutputDecoder("utf-8")

    assert decoder.feed(b"a\xe4\xbd", 1.0) == Decoded(Output(1.0, "a"), b"a")
    assert decoder.is_holding
    assert decoder.flush(1.05) == Decoded(Output(1.05, "\ufffd", exact=b"\xe4\xbd"), "\ufffd".encode())
    assert not decoder.is_holding


def test_an_unknown_encoding_is_an_error() -> None:
    with pytest.raises(LookupError):
        OutputDecoder("klingon")
