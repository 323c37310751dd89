"""The hash chain that ties the segments of a recording together.

    chain[-1] = SHA-256("bastion-chain-v1" || id)
    chain[n]  = SHA-256(0x02 || chain[n-1] || SHA-256(object n) || SHA-256(salt n || asciicast bytes n))
    salt n    = HKDF-SHA256(recording key, n)

With the stored objects and the plain hashes anybody can check the chain without a key; with the salts, anybody can
check a plain cast. The salt keeps a guess at a short segment's text from being confirmed by its hash.
"""

from __future__ import annotations

import hashlib
from uuid import UUID

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def start(recording_id: UUID) -> bytes:
    """Return chain[-1], 32 bytes."""
    return hashlib.sha256(b"bastion-chain-v1" + recording_id.bytes).digest()


def link(previous: bytes, object_sha256: bytes, plain_sha256: bytes) -> bytes:
    """Return chain[n] from chain[n-1] and the two hashes of segment n; all 32 bytes."""
    return hashlib.sha256(b"\x02" + previous + object_sha256 + plain_sha256).digest()


def salt_for(recording_key: bytes, n: int) -> bytes:
    """Return the 32-byte salt of segment n."""
    return HKDF(SHA256(), length=32, salt=None, info=b"bastion-salt-v1" + n.to_bytes(8, "big")).derive(recording_key)


def plain_digest(recording_key: bytes, n: int, plain: bytes) -> bytes:
    """Return SHA-256(salt n || asciicast bytes n)."""
    return hashlib.sha256(salt_for(recording_key, n) + plain).digest()


def sha256(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()
