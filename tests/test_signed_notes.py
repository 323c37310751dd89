"""Signed notes as https://c2sp.org/signed-note describes them, checked against known answers and against openssl."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from audit.evidence.notes import Note, NoteError, Signature, format_vkey, parse_note, parse_vkey, sign, verify
from audit.evidence.signer import FileSigner
from tests.peers import require_program

SUMDB = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
# The example of the specification. Its key is not published, so that it can be parsed and not verified.
EXAMPLE = (
    "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n"
    "— quasimodo.example/salvatore"
    " NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n"
)


def make_signer(name: str = "example.org/log", seed: int = 1) -> FileSigner:
    return FileSigner(name, Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32))


def test_the_key_id_is_the_one_of_a_log_that_everybody_knows() -> None:
    key = parse_vkey(SUMDB)
    assert (key.name, key.key_id) == ("sum.golang.org", "033de0ae")
    assert format_vkey(key.name, key.public_key) == SUMDB


def test_the_example_of_the_specification_is_read_and_written_alike() -> None:
    note = parse_note(EXAMPLE.encode())
    assert note.text.endswith("\n\ned è subito sera.\n")
    assert [(signature.name, signature.key_id) for signature in note.signatures] == [
        ("quasimodo.example/salvatore", "367ba04b")
    ]
    assert bytes(note) == EXAMPLE.encode()


def test_what_was_signed_is_verified() -> None:
    signer = make_signer()
    stored = bytes(sign("a text\n\nof two parts\n", signer))
    assert [str(key) for key in verify(parse_note(stored), [SUMDB, signer.vkey()])] == [signer.vkey()]


def test_the_same_text_is_signed_alike_each_time() -> None:
    assert bytes(sign("text\n", make_signer())) == bytes(sign("text\n", make_signer()))


def test_a_note_may_be_signed_by_two_and_unknown_keys_are_ignored() -> None:
    old, new = make_signer(seed=1), make_signer(seed=2)
    note = parse_note(bytes(sign("text\n", old, new)))
    assert {str(key) for key in verify(note, [old.vkey(), new.vkey()])} == {old.vkey(), new.vkey()}
    assert [str(key) for key in verify(note, [new.vkey()])] == [new.vkey()]
    with pytest.raises(NoteError, match="not signed by a key that is known"):
        verify(note, [SUMDB])
    with pytest.raises(NoteError, match="not signed by a key that is known"):
        verify(note, [])


def test_one_wrong_signature_of_a_known_key_spoils_the_note() -> None:
    first, second = make_signer(seed=1), make_signer(seed=2)
    note = sign("text\n", first, second)
    forged = Note(note.text, (note.signatures[0], Signature(*_name_and_id(second), b"\0" * 64)))
    with pytest.raises(NoteError, match="is wrong"):
        verify(forged, [first.vkey(), second.vkey()])


def _name_and_id(signer: FileSigner) -> tuple[str, str]:
    key = parse_vkey(signer.vkey())
    return key.name, key.key_id


@given(position=st.integers(0, 10_000), change=st.integers(1, 255))
def test_every_change_of_a_byte_is_found(position: int, change: int) -> None:
    signer = make_signer()
    stored = bytearray(bytes(sign("bastion-test\n12\nAAAA\n", signer)))
    stored[position % len(stored)] ^= change
    with pytest.raises(NoteError):
        verify(parse_note(bytes(stored)), [signer.vkey()])


@pytest.mark.parametrize(
    "stored",
    [
        b"",
        b"\n",
        b"text\n",
        b"text\n\n",
        b"text\n\n- name AAAAAAAA\n",
        b"text\n\n\xe2\x80\x94 name\n",
        b"text\n\n\xe2\x80\x94 name !!!!\n",
        b"text\n\n\xe2\x80\x94 name AAAA\n",
        b"text\n\n\xe2\x80\x94 a+b AAAAAAAAAAA=\n",
        b"text\n\n\xe2\x80\x94 name AAAAAAAAAAA=",
        b"te\x00xt\n\n\xe2\x80\x94 name AAAAAAAAAAA=\n",
        b"te\rxt\n\n\xe2\x80\x94 name AAAAAAAAAAA=\n",
        b"\xff\n\n\xe2\x80\x94 name AAAAAAAAAAA=\n",
        b"text\n\n" + b"\xe2\x80\x94 name AAAAAAAAAAA=\n" * 65,
    ],
)
def test_what_is_no_note_is_refused(stored: bytes) -> None:
    with pytest.raises(NoteError):
        parse_note(stored)


@given(st.binary(max_size=200))
def test_no_bytes_make_the_parser_fall_over(stored: bytes) -> None:
    try:
        note = parse_note(stored)
    except NoteError:
        return
    assert bytes(note) == stored


@pytest.mark.parametrize("text", ["", "no newline", "tab\there\n", "nul\0\n", "return\r\n"])
def test_a_text_that_no_note_can_carry_is_not_signed(text: str) -> None:
    with pytest.raises(NoteError):
        sign(text, make_signer())


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "name",
        "name+033de0ae",
        SUMDB.replace("033de0ae", "033de0af"),
        SUMDB.replace("sum.", "some."),
        SUMDB.replace("+Ac4", "+As4"),
        SUMDB[:-4],
        "+".join(["name", "00000000", base64.b64encode(b"\x02" + b"k" * 32).decode()]),
        "with space+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
    ],
)
def test_what_is_no_verification_key_is_refused(vkey: str) -> None:
    with pytest.raises(NoteError):
        parse_vkey(vkey)


@pytest.mark.parametrize("name", ["", "with space", "with+plus", "new\nline"])
def test_a_name_that_notes_cannot_carry_is_refused(name: str) -> None:
    with pytest.raises(NoteError):
        format_vkey(name, b"k" * 32)


@pytest.mark.peer
def test_openssl_verifies_our_signature(tmp_path: Path) -> None:
    openssl = require_program("openssl")
    private_key = Ed25519PrivateKey.generate()
    note = sign("bastion-0\n1\ntext\n", FileSigner("bastion-0", private_key))
    (tmp_path / "text").write_bytes(note.text.encode())
    (tmp_path / "signature").write_bytes(note.signatures[0].signature)
    pem = private_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "key.pem").write_bytes(pem)

    command = [openssl, "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", "key.pem"]
    command += ["-sigfile", "signature", "-in", "text"]
    assert subprocess.run(command, cwd=tmp_path, check=False).returncode == 0
    (tmp_path / "text").write_bytes(note.text.encode() + b"x")
    assert subprocess.run(command, cwd=tmp_path, check=False).returncode != 0
