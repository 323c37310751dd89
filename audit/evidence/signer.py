"""Who signs seals and checkpoints: an Ed25519 key in a file that only Bastion reads, made at the first use.

All machines of an installation sign with the same key: the database knows which one that is. A file that is missing,
or holds another key, is refused, so that nobody's seals stand on a key that nobody meant.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import re
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from audit.evidence.notes import ED25519, NoteError, Signer, format_vkey, key_id, parse_vkey
from audit.models import VerificationKey
from audit.recording.durable import create_file
from audit.recording.storage import sync_directory

_FORMAT = re.compile(r"PRIVATE\+KEY\+([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)")
_READABLE_BY_ALL = 0o007


class SigningUnavailableError(Exception):
    """Nothing can be signed here. The message says why and what to do."""


class FileSigner:
    """Signs with a key that was read from a file."""

    def __init__(self, name: str, private_key: Ed25519PrivateKey) -> None:
        self._private_key = private_key
        self._vkey = format_vkey(name, private_key.public_key().public_bytes_raw())

    def vkey(self) -> str:
        return self._vkey

    def sign(self, message: bytes) -> bytes:
        return self._private_key.sign(message)


def current_signer() -> Signer:
    """Return who signs now; the key is made if nothing was ever signed. Raises SigningUnavailableError."""
    return current_signers()[0]


def current_signers() -> list[Signer]:
    """Return who signs now, and after that the one before while a rotation is not finished.

    Raises SigningUnavailableError.
    """
    path: Path = settings.SIGNING_KEY_FILE
    active = active_vkey()
    if active is None:
        return [_first_signer(path)]
    signers = _signers_here(path)
    if not signers:
        raise SigningUnavailableError(
            f"The signing key {path} is missing. Restore it from a copy, or replace it with"
            " `manage.py rotate_signing_key --lost`."
        )
    if active not in signers:
        # A rotation may have been finished between the two looks.
        active, signers = active_vkey() or active, _signers_here(path)
    if active not in signers:
        raise SigningUnavailableError(
            f"The signing key {path} is not the one that this installation signs with. Copy the file from a machine"
            " that signs."
        )
    known = set(known_vkeys())
    before = [signer for vkey, signer in signers.items() if vkey != active and vkey in known]
    return [signers[active], *before]


def why_not_signing() -> str:
    """Return why nothing can be signed here, for people, or nothing. No session starts while there is a reason."""
    try:
        current_signer()
    except SigningUnavailableError as error:
        return str(error)
    return ""


def _first_signer(path: Path) -> Signer:
    make_key_file(path)
    signer = read_signer(path)
    if register(signer) != signer.vkey():
        # Made in the same moment as another machine's, and it never signed anything.
        VerificationKey.objects.filter(vkey=signer.vkey()).delete()
        raise SigningUnavailableError("Another machine of this installation signs already. Copy its signing key file.")
    return signer


def register(signer: Signer) -> str:
    """Write down the public half of a key before its first use; return the one that this installation signs with."""
    key = parse_vkey(signer.vkey())
    VerificationKey.objects.get_or_create(vkey=str(key), defaults={"key_id": key.key_id})
    return active_vkey() or str(key)


def _signers_here(path: Path) -> dict[str, Signer]:
    """Return by public half who can sign: the key that a rotation brings, then the one that is in use."""
    signers: dict[str, Signer] = {}
    # In this order: a rotation ends by renaming the first to the second.
    for file in (next_key_file(), path):
        if file.exists():
            with contextlib.suppress(FileNotFoundError):
                signer = read_signer(file)
                signers[signer.vkey()] = signer
    return signers


def active_vkey() -> str | None:
    """Return the public half of the key that this installation signs with; None before the first use."""
    # Of two machines that made a key in the same moment, the first counts.
    row = VerificationKey.objects.filter(retired_at=None).order_by("pk").first()
    return row.vkey if row else None


def known_vkeys() -> list[str]:
    """Return the public halves of all keys that this installation ever signed with, oldest first."""
    return list(VerificationKey.objects.order_by("pk").values_list("vkey", flat=True))


def next_key_file() -> Path:
    """Return where a new key waits until a rotation is finished."""
    path: Path = settings.SIGNING_KEY_FILE
    return path.with_name(f"{path.name}.next")


def finish_rotation() -> None:
    """Put the new key in the place of the old one, which is gone then. Nothing happens if no rotation is under way."""
    waiting = next_key_file()
    if not waiting.exists():
        return
    with contextlib.suppress(FileNotFoundError):
        # A key that a rotation left before it counted stays where it is.
        if read_signer(waiting).vkey() == active_vkey():
            waiting.rename(settings.SIGNING_KEY_FILE)
            sync_directory(waiting.parent)


def read_signer(path: Path) -> FileSigner:
    """Read a key file; no message has anything of the key in it.

    Raises FileNotFoundError, and SigningUnavailableError for anything else that is wrong with it.
    """
    try:
        text = path.read_text().strip()
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise SigningUnavailableError(f"The signing key {path} cannot be read: {reason}.") from error
    if mode & _READABLE_BY_ALL:
        raise SigningUnavailableError(f"Everybody on this machine can read the signing key {path}. Run: chmod 600.")
    found = _FORMAT.fullmatch(text)
    if found is None:
        raise SigningUnavailableError(f"The signing key {path} is damaged: expected one line PRIVATE+KEY+name+id+key.")
    name, identity, encoded = found.groups()
    try:
        raw = base64.b64decode(encoded, validate=True)
        private_key = Ed25519PrivateKey.from_private_bytes(raw[1:])
        signer = FileSigner(name, private_key)
    except (binascii.Error, ValueError, NoteError):
        # The cause would show parts of the key.
        raise SigningUnavailableError(f"The signing key {path} is damaged: its key cannot be decoded.") from None
    if raw[:1] != ED25519 or parse_vkey(signer.vkey()).key_id != identity:
        raise SigningUnavailableError(f"The signing key {path} is damaged: its id is not the one of its key.")
    return signer


def make_key_file(path: Path, name: str = "") -> None:
    """Make a key and write it to `path`, unless a file is there. Raises SigningUnavailableError if it cannot."""
    if path.exists():
        return
    try:
        create_file(path, _new_key(name or f"bastion-{secrets.token_hex(4)}").encode())
    except OSError as error:
        raise SigningUnavailableError(f"The signing key {path} cannot be made: {error.strerror}.") from error


def _new_key(name: str) -> str:
    private_key = Ed25519PrivateKey.generate()
    encoded = base64.b64encode(ED25519 + private_key.private_bytes_raw()).decode()
    return f"PRIVATE+KEY+{name}+{key_id(name, private_key.public_key().public_bytes_raw())}+{encoded}\n"
