"""Signed notes: a text, and under it who signs it (https://c2sp.org/signed-note, Ed25519 signatures of type 0x01)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ED25519 = b"\x01"
MOST_SIGNATURES = 64
_KEY_ID_BYTES = 4
_PUBLIC_KEY_BYTES = 32
_NAME = re.compile(r"[^\s+]+")
_CONTROL_CHARACTER = re.compile(r"[\x00-\x09\x0b-\x1f]")


class NoteError(ValueError):
    """A note or a verification key is not well-formed, or a note is not signed by whom it must be."""


class Signer(Protocol):
    """Who signs. The key may be anywhere: in a file, in another process, in a device."""

    def vkey(self) -> str:
        """Return the public half, `<name>+<key id in hex>+<base64>`."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Return the Ed25519 signature of `message`, 64 bytes."""
        ...


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """The public half of a key. `key_id` is eight hex digits, `public_key` 32 bytes."""

    name: str
    key_id: str
    public_key: bytes

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id}+{base64.b64encode(ED25519 + self.public_key).decode()}"


@dataclass(frozen=True, slots=True)
class Signature:
    """One line under a note: the key's name, its id (eight hex digits), and the signature's bytes."""

    name: str
    key_id: str
    signature: bytes

    def __str__(self) -> str:
        return f"— {self.name} {base64.b64encode(bytes.fromhex(self.key_id) + self.signature).decode()}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """`text` ends in a newline. Nothing in it is to be believed before `verify` says who signed it."""

    text: str
    signatures: tuple[Signature, ...]

    def __bytes__(self) -> bytes:
        return (self.text + "\n" + "".join(map(str, self.signatures))).encode()


def key_id(name: str, public_key: bytes) -> str:
    """Return the id of a key: the first four bytes of SHA-256(name || newline || 0x01 || public key), in hex."""
    return hashlib.sha256(name.encode() + b"\n" + ED25519 + public_key).digest()[:_KEY_ID_BYTES].hex()


def format_vkey(name: str, public_key: bytes) -> str:
    """Return the text form of a public key. Raises NoteError for a name that notes cannot carry."""
    if not _NAME.fullmatch(name):
        raise NoteError(f"Expected a key's name without spaces and plus signs, got {name!r}.")
    return str(VerifyingKey(name, key_id(name, public_key), public_key))


def parse_vkey(text: str) -> VerifyingKey:
    """Return what a vkey says. Raises NoteError if it is malformed or its id is not the one of its key."""
    name, plus, rest = text.strip().partition("+")
    identity, second_plus, encoded = rest.partition("+")
    if not (plus and second_plus and _NAME.fullmatch(name)):
        raise NoteError(f"Expected name+id+key, got {text.strip()[:80]!r}.")
    key = _base64(encoded)
    if len(key) != 1 + _PUBLIC_KEY_BYTES or key[:1] != ED25519:
        raise NoteError(f"The verification key of {name} is not an Ed25519 key.")
    found = VerifyingKey(name, key_id(name, key[1:]), key[1:])
    if found.key_id != identity:
        raise NoteError(f"The verification key of {name} has the id {found.key_id}, and says {identity[:20]!r}.")
    return found


def sign(text: str, *signers: Signer) -> Note:
    """Return `text` signed by all `signers`, in their order. Raises NoteError for a text that no note can carry."""
    if not text.endswith("\n") or _CONTROL_CHARACTER.search(text):
        raise NoteError("Expected a text that ends in a newline and has no other control characters.")
    signatures = []
    for signer in signers:
        key = parse_vkey(signer.vkey())
        signatures.append(Signature(key.name, key.key_id, signer.sign(text.encode())))
    return Note(text, tuple(signatures))


def parse_note(stored: bytes) -> Note:
    """Return the parts of a note. Raises NoteError if it is malformed; says nothing about its signatures."""
    try:
        whole = stored.decode()
    except UnicodeDecodeError as error:
        raise NoteError("The note is not UTF-8.") from error
    text, blank, under = whole.rpartition("\n\n")
    if not blank or not text or not under.endswith("\n") or _CONTROL_CHARACTER.search(whole):
        raise NoteError("The note has no signatures, or is not one.")
    lines = under[:-1].split("\n")
    if len(lines) > MOST_SIGNATURES:
        raise NoteError(f"The note has {len(lines)} signatures, expected at most {MOST_SIGNATURES}.")
    return Note(text + "\n", tuple(map(_parse_signature, lines)))


def verify(note: Note, vkeys: Iterable[str]) -> tuple[VerifyingKey, ...]:
    """Return which of the known keys signed the note, at least one.

    Signatures by keys that are not among `vkeys` are ignored, as the specification wants. Raises NoteError if a known
    key's signature is wrong or none of them signed.
    """
    known = {(key.name, key.key_id): key for key in map(parse_vkey, vkeys)}
    signed_by = []
    for signature in note.signatures:
        key = known.get((signature.name, signature.key_id))
        if key is None:
            continue
        try:
            Ed25519PublicKey.from_public_bytes(key.public_key).verify(signature.signature, note.text.encode())
        except InvalidSignature as error:
            raise NoteError(f"The signature by {key.name}+{key.key_id} is wrong: the text was changed.") from error
        signed_by.append(key)
    if not signed_by:
        raise NoteError("The note is not signed by a key that is known here.")
    return tuple(signed_by)


def _parse_signature(line: str) -> Signature:
    match line.split(" "):
        case ["—", name, encoded] if _NAME.fullmatch(name):
            raw = _base64(encoded)
        case _:
            raise NoteError(f"Expected a line with a signature, got {line[:80]!r}.")
    if len(raw) <= _KEY_ID_BYTES:
        raise NoteError(f"The signature by {name} is too short.")
    return Signature(name, raw[:_KEY_ID_BYTES].hex(), raw[_KEY_ID_BYTES:])


def _base64(text: str) -> bytes:
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoteError(f"Expected base64, got {text[:80]!r}.") from error
    if base64.b64encode(decoded).decode() != text:
        raise NoteError(f"Expected base64 in its one right form, got {text[:80]!r}.")
    return decoded
