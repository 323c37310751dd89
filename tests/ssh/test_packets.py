"""Packets come out as they went in, however the stream is cut; anything else is an error, in bounded memory."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st
from paramiko.ssh_exception import SSHException

from bastion.targets.packets import (
    LENGTH_BYTES,
    MOST_BYTES,
    EncryptAndMac,
    EncryptThenMac,
    Gcm,
    Mac,
    PacketReader,
    PacketWriter,
    Plain,
    Seal,
)

KEY, IV = bytes(range(16)), bytes(range(100, 116))


def counter() -> Cipher[modes.CTR]:
    return Cipher(algorithms.AES(KEY), modes.CTR(IV))


@dataclass(frozen=True)
class Mode:
    """How to make both ends of one direction."""

    writer: Callable[[], Seal]
    reader: Callable[[], Seal]


MODES = {
    "plain": Mode(Plain, Plain),
    "gcm": Mode(lambda: Gcm(AESGCM(KEY), IV[:12]), lambda: Gcm(AESGCM(KEY), IV[:12])),
    "etm": Mode(
        lambda: EncryptThenMac(counter().encryptor(), 16, Mac(hashlib.sha256, KEY, 32)),
        lambda: EncryptThenMac(counter().decryptor(), 16, Mac(hashlib.sha256, KEY, 32)),
    ),
    "encrypt and mac": Mode(
        lambda: EncryptAndMac(counter().encryptor(), 16, Mac(hashlib.sha512, KEY, 64)),
        lambda: EncryptAndMac(counter().decryptor(), 16, Mac(hashlib.sha512, KEY, 64)),
    ),
    "short mac": Mode(
        lambda: EncryptAndMac(counter().encryptor(), 16, Mac(hashlib.sha1, KEY, 12)),
        lambda: EncryptAndMac(counter().decryptor(), 16, Mac(hashlib.sha1, KEY, 12)),
    ),
}
PROTECTED = [name for name in MODES if name != "plain"]
PAYLOADS = st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=8)
modes_of = pytest.mark.parametrize("mode", MODES)
protected = pytest.mark.parametrize("mode", PROTECTED)


def writer_of(mode: str) -> PacketWriter:
    writer = PacketWriter()
    writer.put_on(MODES[mode].writer())
    return writer


def reader_of(mode: str) -> PacketReader:
    reader = PacketReader()
    reader.put_on(MODES[mode].reader())
    return reader


def read_pieces(reader: PacketReader, pieces: list[bytes]) -> list[bytes]:
    payloads = []
    for piece in pieces:
        reader.feed(piece)
        while (payload := reader.read()) is not None:
            payloads.append(bytes(payload))
    return payloads


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(stream), *(place % (len(stream) + 1) for place in places)})
    return [stream[begin:end] for begin, end in itertools.pairwise(edges)]


@modes_of
@given(payloads=PAYLOADS, places=st.lists(st.integers(min_value=0, max_value=10_000)))
def test_every_way_to_cut_the_stream_gives_the_same_packets(
    mode: str, payloads: list[bytes], places: list[int]
) -> None:
    stream = b"".join(map(writer_of(mode).build, payloads))
    assert read_pieces(reader_of(mode), cut(stream, places)) == payloads


@modes_of
def test_byte_by_byte_gives_the_same_packets(mode: str) -> None:
    payloads = [os.urandom(size) for size in (1, 11, 12, 16, 255, 1000)]
    stream = b"".join(map(writer_of(mode).build, payloads))
    assert read_pieces(reader_of(mode), [bytes([byte]) for byte in stream]) == payloads


@modes_of
def test_packets_of_the_greatest_size_pass(mode: str) -> None:
    payload = os.urandom(MOST_BYTES - 40)
    assert read_pieces(reader_of(mode), [writer_of(mode).build(payload)]) == [payload]


@modes_of
@given(size=st.integers(min_value=1, max_value=200))
def test_packets_are_padded_to_whole_blocks(mode: str, size: int) -> None:
    writer = writer_of(mode)
    packet = MODES[mode].writer()
    wire = len(writer.build(bytes(size)))
    mac = {"plain": 0, "gcm": 16, "etm": 32, "encrypt and mac": 64, "short mac": 12}[mode]
    assert (wire - mac - (0 if packet.pads_length else LENGTH_BYTES)) % packet.block_size == 0


@protected
@given(payloads=PAYLOADS, place=st.integers(min_value=0), bit=st.integers(min_value=0, max_value=7))
def test_a_flipped_bit_is_never_taken_for_a_packet(mode: str, payloads: list[bytes], place: int, bit: int) -> None:
    stream = bytearray(b"".join(map(writer_of(mode).build, payloads)))
    stream[place % len(stream)] ^= 1 << bit
    reader = reader_of(mode)
    reader.feed(bytes(stream))
    got: list[bytes] = []
    try:
        while (payload := reader.read()) is not None:
            got.append(bytes(payload))
    except SSHException:
        pass
    # A greater length makes it wait for more. What came out before is what was sent.
    assert got == payloads[: len(got)]
    assert len(got) < len(payloads)


@protected
@given(payloads=PAYLOADS, swap=st.integers(min_value=0))
def test_packets_in_another_order_are_refused(mode: str, payloads: list[bytes], swap: int) -> None:
    packets = list(map(writer_of(mode).build, [b"first", *payloads, b"last"]))
    at = swap % (len(packets) - 1)
    packets[at], packets[at + 1] = packets[at + 1], packets[at]
    with pytest.raises(SSHException):
        # What follows is as long as a wrong length could ask for.
        read_pieces(reader_of(mode), [*packets, bytes(MOST_BYTES * 2)])


@protected
def test_a_packet_that_comes_twice_is_refused(mode: str) -> None:
    packet = writer_of(mode).build(b"pay 100")
    with pytest.raises(SSHException):
        read_pieces(reader_of(mode), [packet, packet, bytes(MOST_BYTES * 2)])


@modes_of
@settings(max_examples=300)
@given(junk=st.binary(max_size=2000), places=st.lists(st.integers(min_value=0, max_value=2000), max_size=5))
def test_junk_is_an_error_or_waits_for_more_and_nothing_else(mode: str, junk: bytes, places: list[int]) -> None:
    with contextlib.suppress(SSHException):
        read_pieces(reader_of(mode), cut(junk, places))


@modes_of
@given(payloads=PAYLOADS, at=st.integers(min_value=0))
def test_a_cut_packet_is_waited_for(mode: str, payloads: list[bytes], at: int) -> None:
    writer = writer_of(mode)
    stream = b"".join(map(writer.build, payloads))
    whole = stream[: at % len(stream)]
    assert len(read_pieces(reader_of(mode), [whole])) < len(payloads)


@modes_of
@pytest.mark.parametrize("length", [0, 1, 5, 7, 17, MOST_BYTES + 1, MOST_BYTES + 16, 2**31, 2**32 - 1])
def test_a_wrong_length_is_refused_when_it_is_seen(mode: str, length: int) -> None:
    reader = reader_of(mode)
    first = length.to_bytes(4, "big") + bytes(12)
    if mode in {"encrypt and mac", "short mac"}:
        first = counter().encryptor().update(first)
    reader.feed(first)
    with pytest.raises(SSHException):
        reader.read()


@given(padding=st.integers(min_value=0, max_value=255))
def test_padding_that_leaves_no_payload_or_is_too_short_is_refused(padding: int) -> None:
    reader = PacketReader()
    reader.feed((12).to_bytes(4, "big") + bytes([padding]) + bytes(11))
    if 4 <= padding <= 10:
        assert bytes(reader.read() or b"") == bytes(11 - padding)
    else:
        with pytest.raises(SSHException):
            reader.read()


def test_no_more_is_held_than_was_fed_since_the_last_whole_packet() -> None:
    reader, writer = reader_of("gcm"), writer_of("gcm")
    stream = b"".join(writer.build(bytes(30_000)) for _ in range(40))
    for begin in range(0, len(stream), 1000):
        reader.feed(stream[begin : begin + 1000])
        while reader.read() is not None:
            pass
        assert len(reader._buffer) - reader._start < 31_100


# Compression.


def deflated(payloads: list[bytes], *, level: int = 6) -> tuple[PacketReader, bytes]:
    reader, writer, zipper = reader_of("gcm"), writer_of("gcm"), zlib.compressobj(level)
    reader.decompress = zlib.decompressobj()
    writer.compress = lambda data: zipper.compress(data) + zipper.flush(zlib.Z_SYNC_FLUSH)
    return reader, b"".join(map(writer.build, payloads))


@given(payloads=PAYLOADS)
def test_compressed_packets_come_out_as_they_went_in(payloads: list[bytes]) -> None:
    reader, stream = deflated(payloads)
    assert read_pieces(reader, [stream]) == payloads


def test_a_packet_that_unpacks_to_too_much_is_refused_before_it_does() -> None:
    reader, stream = deflated([bytes(100 * 2**20)], level=9)
    assert len(stream) < MOST_BYTES
    with pytest.raises(SSHException, match="too much"):
        read_pieces(reader, [stream])


@given(junk=st.binary(min_size=1, max_size=200))
def test_what_is_no_zlib_is_refused_or_nothing_worse(junk: bytes) -> None:
    reader, writer = reader_of("gcm"), writer_of("gcm")
    reader.decompress = zlib.decompressobj()
    with contextlib.suppress(SSHException):
        read_pieces(reader, [writer.build(junk)])


# Numbers.


def test_the_number_may_start_over_but_not_during_the_first_key_exchange() -> None:
    for is_first in (True, False):
        reader, writer = reader_of("etm"), writer_of("etm")
        for end in (reader, writer):
            end.number = 2**32 - 1
            end.is_first_exchange = is_first
        if is_first:
            with pytest.raises(SSHException, match="started over"):
                writer.build(b"x")
            continue
        assert read_pieces(reader, [writer.build(b"x"), writer.build(b"y")]) == [b"x", b"y"]
        assert reader.number == 1


def test_the_nonce_of_gcm_counts_past_its_end() -> None:
    iv = b"\0\0\0\0" + b"\xff" * 8
    reader, writer = PacketReader(), PacketWriter()
    reader.put_on(Gcm(AESGCM(KEY), iv))
    writer.put_on(Gcm(AESGCM(KEY), iv))
    assert read_pieces(reader, [writer.build(b"x"), writer.build(b"y")]) == [b"x", b"y"]


def test_new_keys_take_over_in_the_middle_of_what_was_fed() -> None:
    writer, reader = PacketWriter(), PacketReader()
    stream = writer.build(b"old")
    for mode in [*PROTECTED, *reversed(PROTECTED)]:
        writer.put_on(MODES[mode].writer())
        stream += writer.build(mode.encode())
        reader.feed(stream)
        assert reader.read() is not None
        reader.put_on(MODES[mode].reader())
        assert bytes(reader.read() or b"") == mode.encode()
        assert reader.read() is None
        stream = writer.build(b"old")
