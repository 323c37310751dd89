"""The key of a recording: 256 random bits, sealed by the vault and bound to its session's row."""

from __future__ import annotations

import secrets
from uuid import UUID

from audit.models import Session
from hosts.vault import open_sealed, seal


def make_key(session_id: UUID) -> tuple[bytes, bytes]:
    """Return a fresh key, and the same sealed for Session.sealed_key."""
    key = secrets.token_bytes(32)
    return key, seal(key, _context(session_id))


def recording_key(session: Session) -> bytes:
    """Return the key of a recording. Raises hosts.vault.VaultError."""
    return open_sealed(bytes(session.sealed_key), _context(session.pk)).reveal()


def _context(session_id: UUID) -> str:
    return f"audit.session:{session_id}:key"
