"""AES-256-GCM with a recording's key: for its objects, its live copy, and the screens that are derived from it.

What is encrypted is nonce (12 random bytes) || ciphertext || tag (16 bytes). The associated data begins with a tag that
says what it is and goes on with whose it is, so that nothing can be put in the place of anything else.
"""

from __future__ import annotations

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12


class DecryptionError(Exception):
    """The bytes were changed, are from another place, or were encrypted with another key."""


def encrypt(key: bytes, context: bytes, plain: bytes) -> bytes:
    """Return `plain` encrypted and bound to `context`.

    Random nonces last for 2^32 messages with one key; the live copy of a day at 200 entries a second is 2^24.
    """
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, context)


def decrypt(key: bytes, context: bytes, encrypted: bytes) -> bytes:
    """Undo `encrypt`. Raises DecryptionError."""
    try:
        return AESGCM(key).decrypt(encrypted[:_NONCE_BYTES], encrypted[_NONCE_BYTES:], context)
    except (InvalidTag, ValueError) as error:
        # ValueError: fewer bytes than a nonce.
        raise DecryptionError("It was changed, or belongs elsewhere.") from error
