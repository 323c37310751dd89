"""Reading and writing asciicast: our own files strictly, anybody's with patience, every byte of the host kept."""

from __future__ import annotations

import gzip
import io
import json
import time
from collections.abc import Iterable

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from audit.asciicast import (
    Cast,
    CastError,
    Header,
    decode_events,
    decode_header,
    encode_event,
    encode_event_v3,
    encode_header,
    raw_bytes,
    read_cast,
)
from audit.events import Event, Exit, HiddenInput, Input, Marker, Output, Resize

HEADER = b'{"version":2,"width":80,"height":24}\n'
EVERY_KIND: list[Event] = [
    Output(0.0, "héllo\u2028\x1b[0m"),
    Output(0.5, "a\ufffd", b"a\xff"),
    Input(0.5, "ls\r"),
    HiddenInput(1.25, 8),
    Resize(2.0, 120, 40),
    Marker(2.0, "left"),
    Exit(3.000001, status=0),
]


def encoded(events: Iterable[Event]) -> bytes:
    return b"".join(map(encode_event, events))


def opened(content: bytes) -> Cast:
    return read_cast(io.BytesIO(content))


def events_of(content: bytes) -> list[Event]:
    return list(opened(content).events)


@pytest.mark.parametrize("end", [Exit(4.0, status=130), Exit(4.0, signal="TERM"), Exit(4.0)])
def test_every_kind_of_event_comes_back_as_it_was(end: Exit) -> None:
    events = [*EVERY_KIND, end]
    assert list(decode_events(encoded(events).splitlines())) == events


def test_a_header_comes_back_as_it_was() -> None:
    header = Header(
        cols=120, rows=40, timestamp=1_700_000_000, title="x", env={"TERM": "x"}, encoding="gb18030", extra={"a": [1]}
    )
    assert decode_header(encode_header(header)) == header
    assert decode_header(encode_header(header, version=3)) == header
    assert encode_header(Header(cols=80, rows=24)) == HEADER


def test_times_have_at_most_six_decimals() -> None:
    assert encode_event(Output(1.23456789, "x")) == b'[1.234568,"o","x"]\n'


def test_version_three_counts_from_the_event_before() -> None:
    assert encode_event_v3(Output(2.5, "x"), 1.2) == b'[1.3,"o","x"]\n'
    assert encode_event_v3(Output(2.5, "\ufffd", b"\xff"), 2.0) == b'[0.5,"b","/w=="]\n[0.0,"o","\xef\xbf\xbd"]\n'
    assert encode_event_v3(Exit(3.0, signal="TERM"), 3.0) == b'[0.0,"x","143"]\n'


def test_version_three_does_not_drift() -> None:
    times = [number / 3 for number in range(3000)]
    lines, previous = [encode_header(Header(cols=80, rows=24), version=3)], 0.0
    for t in times:
        lines.append(encode_event_v3(Output(t, "x"), previous))
        previous = t
    assert events_of(b"".join(lines))[-1].t == pytest.approx(times[-1], abs=1e-5)


def recorded(chunks: Iterable[bytes], encoding: str) -> Iterable[Event]:
    """Chunks as the recorder makes events of them: text, and the bytes where the text would not give them back."""
    for number, chunk in enumerate(chunks):
        text = chunk.decode(encoding, "replace")
        is_exact = text.encode(encoding, "replace") == chunk
        yield Output(float(number), text, None if is_exact else chunk)


@given(chunks=st.lists(st.binary(max_size=40)), encoding=st.sampled_from(["utf-8", "gb18030", "euc-jp", "latin-1"]))
def test_every_byte_of_the_host_comes_back(chunks: list[bytes], encoding: str) -> None:
    events = decode_events(encoded(recorded(chunks, encoding)).split(b"\n")[:-1])
    assert b"".join(raw_bytes(events, encoding)) == b"".join(chunks)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"nonsense\n", "not JSON"),
        (b'{"version":2}\n', "an event must be"),
        (b'[1.0,"o"]\n', "an event must be"),
        (b'[1.0,"o",5]\n', "an event must be"),
        (b'["1","o","x"]\n', "must be a number"),
        (b'[true,"o","x"]\n', "must be a number"),
        (b'[NaN,"o","x"]\n', "not JSON"),
        (b'[1e999,"o","x"]\n', "not JSON"),
        (b'[-0.1,"o","x"]\n', "between 0 and"),
        (b'[1e12,"o","x"]\n', "between 0 and"),
        (b'[0.5,"o","x"]\n', "must not run backwards"),
        (b'[2,"r","80"]\n', "COLSxROWS"),
        (b'[2,"r","80x0"]\n', "1 to 500 rows"),
        (b'[2,"r","1000000000x24"]\n', "1 to 1000 columns"),
        (b'[2,"h","many"]\n', "a number"),
        (b'[2,"b","%%%"]\n', "base64"),
        (b'[2,"b","eA=="]\n', "must be followed"),
        (b'[2,"b","eA=="]\n[2,"i","x"]\n', "must be followed"),
        (b'[2,"q","x"]\n', "unknown kind"),
    ],
)
def test_a_wrong_line_in_our_own_file_is_named(line: bytes, reason: str) -> None:
    lines = (b'[1.0,"o","x"]\n' + line).splitlines(keepends=True)
    with pytest.raises(CastError, match=reason) as caught:
        list(decode_events(lines, first_line=2))
    assert caught.value.line == 1 + len(lines)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"#!/bin/sh\n", "not JSON"),
        (b"[]\n", "must be a JSON object"),
        (b'"text"\n', "must be a JSON object"),
        (b'{"version":2,"width":80}\n', "1 to 500 rows"),
        (b'{"version":2,"width":1000000000,"height":24}\n', "1 to 1000 columns"),
        (b'{"version":2,"width":80.5,"height":24}\n', "columns"),
        (b'{"version":2,"width":true,"height":24}\n', "columns"),
        (b'{"version":9,"width":80,"height":24}\n', "version must be"),
        (b'{"version":3,"width":80,"height":24}\n', '"term" must be'),
        (b'{"width":80,"height":24}\n', "version must be"),
        (b"{" * 100_000 + b"\n", "not JSON"),
        (b'{"version":1,"width":80,"height":24,"stdout":{}}', '"stdout" must be'),
        (b'{"version":1,"width":80,"height":24,"stdout":[[1]]}', "must be .delay, text."),
    ],
)
def test_what_is_no_asciicast_is_refused_with_words(content: bytes, reason: str) -> None:
    with pytest.raises(CastError, match=reason):
        events_of(content)


def test_a_file_that_breaks_off_gives_the_events_before() -> None:
    content = HEADER + b'[1.0,"o","whole"]\n[2.0,"o","to'
    cast = opened(content)
    assert list(cast.events) == [Output(1.0, "whole")]
    assert cast.torn


def test_a_last_line_without_its_newline_is_whole() -> None:
    cast = opened(HEADER + b'[1.0,"o","whole"]')
    assert list(cast.events) == [Output(1.0, "whole")]
    assert not cast.torn


def test_a_wrong_line_in_the_middle_is_an_error_not_a_tear() -> None:
    with pytest.raises(CastError, match="line 2: not JSON"):
        events_of(HEADER + b'nonsense\n[1.0,"o","x"]\n')


def test_windows_line_ends_a_byte_order_mark_and_blank_lines_do_no_harm() -> None:
    content = b"\xef\xbb\xbf" + HEADER.replace(b"\n", b"\r\n") + b'\r\n[1.0,"o","x"]\r\n\r\n'
    assert events_of(content) == [Output(1.0, "x")]


def test_unknown_events_of_others_are_passed_over() -> None:
    content = HEADER + b'[1,"q","?"]\n[1,"b","not base64"]\n[1,"h","?"]\n[2,"o","x"]\n'
    assert events_of(content) == [Output(2.0, "x")]


def test_bytes_and_surrogates_that_are_no_text_become_replacement_characters() -> None:
    content = HEADER + b'[1,"o","\xff"]\n[2,"o","\\ud83d!"]\n'
    assert events_of(content) == [Output(1.0, "\ufffd"), Output(2.0, "\ufffd!")]


def test_a_small_step_back_is_forgiven_and_a_large_one_is_not() -> None:
    assert [event.t for event in events_of(HEADER + b'[5,"o","x"]\n[4.9,"i","y"]\n')] == [5.0, 5.0]
    with pytest.raises(CastError, match="backwards"):
        events_of(HEADER + b'[5,"o","x"]\n[3,"i","y"]\n')


@pytest.mark.parametrize("indent", [None, 2])
def test_version_one_is_read_on_one_line_or_many(indent: int | None) -> None:
    document = {"version": 1, "width": 80, "height": 24, "duration": 1.5, "stdout": [[0.5, "a"], [1.0, "b"]]}
    cast = opened(json.dumps(document, indent=indent).encode())
    assert cast.version == 1
    assert list(cast.events) == [Output(0.5, "a"), Output(1.5, "b")]


def test_version_three_has_comments_and_relative_times() -> None:
    content = b'{"version":3,"term":{"cols":100,"rows":50}}\n# a comment\n[0.5,"o","a"]\n[0.25,"x","0"]\n'
    cast = opened(content)
    assert (cast.version, cast.header.cols, cast.header.rows) == (3, 100, 50)
    assert list(cast.events) == [Output(0.5, "a"), Exit(0.75, status=0)]


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.ZstdCompressor().compress])
def test_compressed_files_are_read(compress: object) -> None:
    assert callable(compress)
    assert events_of(compress(HEADER + b'[1,"o","x"]\n')) == [Output(1.0, "x")]


def test_a_compressed_file_that_breaks_off_gives_the_events_before() -> None:
    lines = b"".join(b'[%d,"o","%d"]\n' % (number, number) for number in range(50_000))
    cast = opened(gzip.compress(HEADER + lines)[:-2000])
    assert len(list(cast.events)) > 1000
    assert cast.torn


def test_damaged_compressed_data_are_named() -> None:
    packed = bytearray(gzip.compress(HEADER + b'[1,"o","x"]\n' * 1000))
    packed[40] ^= 0xFF
    with pytest.raises(CastError):
        events_of(bytes(packed))


def test_a_bomb_is_refused_before_it_fills_the_memory() -> None:
    bomb = gzip.compress(HEADER + b'[1,"o","' + b"x" * (40 * 2**20) + b'"]\n')
    with pytest.raises(CastError, match="line 2: a line must be at most"):
        events_of(bomb)


def test_a_huge_single_line_takes_linear_time() -> None:
    started = time.monotonic()
    with pytest.raises(CastError, match="at most"):
        opened(b"x" * (200 * 2**20))
    assert time.monotonic() - started < 5
