"""Keys of recordings: 256 random bits each, wrapped with age for those who may read (age-encryption.org/v1).

Whoever records needs the recipients alone, which are public; whoever reads needs the identity file. A machine that
records without reading has BASTION_RECIPIENTS and no identity file.
"""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path
from uuid import UUID

import pyrage
from django.conf import settings

from audit.models import RecordingKey
from audit.recording.durable import create_file


class KeyUnavailableError(Exception):
    """A recording cannot be read here. The message says why: no identity, another identity, a key that is destroyed."""


class KeyDestroyedError(KeyUnavailableError):
    """The recording was deleted, and nobody can read it any more."""


def make_key() -> bytes:
    return secrets.token_bytes(32)


def commitment(key: bytes) -> str:
    """Return what tells this key from others and says nothing about it, 64 hex digits."""
    return hashlib.sha256(b"bastion-key-v1" + key).hexdigest()


def wrap(key: bytes) -> bytes:
    """Encrypt `key` for every recipient. Raises KeyUnavailableError if there is none."""
    wrapped: bytes = pyrage.encrypt(key, recipients())
    return wrapped


def unwrap(wrapped: bytes) -> bytes:
    """Decrypt a wrapped key with the identities of this machine. Raises KeyUnavailableError."""
    try:
        key: bytes = pyrage.decrypt(wrapped, identities())
    except pyrage.DecryptError as error:
        raise KeyUnavailableError("The recording's key is wrapped for other identities than those here.") from error
    return key


def new_recording_key(session_id: UUID, ordinal: int, key: bytes) -> RecordingKey:
    """Return the row of a key, not saved yet."""
    return RecordingKey(session_id=session_id, ordinal=ordinal, wrapped=wrap(key), commitment=commitment(key))


def recording_key(session_id: UUID, ordinal: int = 0) -> bytes:
    """Return a key of a recording. Raises KeyUnavailableError."""
    row = RecordingKey.objects.filter(session_id=session_id, ordinal=ordinal).first()
    if row is None:
        raise KeyUnavailableError(f"The recording has no key number {ordinal}.")
    if row.wrapped is None:
        raise KeyDestroyedError("The recording was deleted under a retention policy: its key is destroyed.")
    key = unwrap(bytes(row.wrapped))
    if commitment(key) != row.commitment:
        raise KeyUnavailableError("The recording's key is not the one that it was made with.")
    return key


def recipients() -> list[pyrage.x25519.Recipient]:
    """Return whom keys are wrapped for. Raises KeyUnavailableError if that cannot be told."""
    try:
        named = [pyrage.x25519.Recipient.from_str(text) for text in settings.RECIPIENTS]
    except pyrage.RecipientError as error:
        raise KeyUnavailableError(f"BASTION_RECIPIENTS: expected age1… recipients by comma: {error}") from error
    return named or [identity.to_public() for identity in identities()]


def identities() -> list[pyrage.x25519.Identity]:
    """Return those of the identity file, one each line; it is made when nothing else says who reads.

    Raises KeyUnavailableError.
    """
    path: Path = settings.IDENTITY_FILE
    if not settings.RECIPIENTS:
        _make_identity(path)
    try:
        lines = [line.strip() for line in path.read_text().splitlines()]
        found = [pyrage.x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")]
    except OSError as error:
        raise KeyUnavailableError(f"There is no identity here that reads recordings: {error.strerror}.") from error
    except (pyrage.IdentityError, UnicodeDecodeError) as error:
        raise KeyUnavailableError("BASTION_IDENTITY_FILE cannot be used: expected AGE-SECRET-KEY-… lines.") from error
    if not found:
        raise KeyUnavailableError("BASTION_IDENTITY_FILE cannot be used: there is no identity in it.")
    return found


def why_not_wrapping() -> str:
    """Return why no key could be wrapped, so that nothing can be recorded here, or nothing."""
    try:
        recipients()
    except KeyUnavailableError as error:
        return str(error)
    return ""


def _make_identity(path: Path) -> None:
    if path.exists():
        return
    if RecordingKey.objects.filter(wrapped__isnull=False).exists():
        # A new one would read none of them, and split the recordings between two.
        raise KeyUnavailableError(
            "BASTION_IDENTITY_FILE is missing, and there are recordings that another identity reads: put it back, or"
            " set BASTION_RECIPIENTS."
        )
    identity = pyrage.x25519.Identity.generate()
    # Lost in a power cut, it would take everything that was recorded since with it.
    create_file(path, f"# public key: {identity.to_public()}\n{identity}\n".encode())
