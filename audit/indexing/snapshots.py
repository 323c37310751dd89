"""The screen at the end of a segment, kept in its row, encrypted with the segment's key and bound to the segment."""

from __future__ import annotations

from audit.models import Segment
from audit.recording.encryption import DecryptionError, decrypt, encrypt
from audit.recording.key import KeyUnavailableError, recording_key


def encrypt_snapshot(segment: Segment, dump: str) -> bytes:
    """Return what `Segment.snapshot` holds for terminal output that rebuilds a screen. Raises KeyUnavailableError."""
    key = recording_key(segment.session_id, segment.key_ordinal)
    return encrypt(key, _context(segment), dump.encode())


def decrypt_snapshot(segment: Segment) -> str | None:
    """Undo `encrypt_snapshot`; None if there is none that can be opened: it can be made again from the recording."""
    if segment.snapshot is None:
        return None
    try:
        key = recording_key(segment.session_id, segment.key_ordinal)
        return decrypt(key, _context(segment), bytes(segment.snapshot)).decode()
    except (KeyUnavailableError, DecryptionError):
        return None


def _context(segment: Segment) -> bytes:
    return b"bastion-snapshot-v1\n" + segment.session_id.bytes + segment.n.to_bytes(8, "big")
