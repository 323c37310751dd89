"""From a closed segment's file to a stored, write-once object and its row."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import zstandard
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest
from django.utils import timezone

from audit.models import Segment, Session
from audit.queue import request_indexing
from audit.recording import chain
from audit.recording.segment import SegmentFacts
from audit.recording.storage import store_object, sync_directory


@dataclass(frozen=True, slots=True)
class ClosedSegment:
    """A segment that nothing is appended to any more. `facts` describe exactly the lines in `plain`."""

    facts: SegmentFacts
    plain: bytes
    recovered: bool = False


def encode_object(plain: bytes) -> bytes:
    """Return what is stored for a segment's asciicast bytes: one zstd frame with a checksum."""
    return zstandard.ZstdCompressor(level=3, write_checksum=True).compress(plain)


def decode_object(stored: bytes, plain_bytes: int) -> bytes:
    """Return the asciicast bytes of a stored object, never more than `plain_bytes`. Raises zstandard.ZstdError."""
    return zstandard.ZstdDecompressor().decompress(stored, max_output_size=plain_bytes)


def object_name(session_id: UUID, n: int) -> str:
    return f"{session_id.hex[:2]}/{session_id}/{n:06d}.cast.zst"


def ship_segment(session_id: UUID, key: bytes, segment: ClosedSegment, *, path: Path | None = None) -> None:
    """Store the segment and commit its row; doing it again is safe and changes nothing.

    With `path`, the segment's file, the encoded bytes are kept beside it until they are stored, so that a try after a
    crash ships the same bytes; then both files are removed. Raises StorageError, OSError or django.db.Error.
    """
    encoded_path = path.with_suffix(".object") if path else None
    encoded = _encode_once(segment.plain, encoded_path)
    name = object_name(session_id, segment.facts.n)
    store_object(name, encoded)
    _commit_row(session_id, key, segment, name, encoded)
    if path and encoded_path:
        path.unlink(missing_ok=True)
        encoded_path.unlink(missing_ok=True)
    request_indexing(session_id)


def _encode_once(plain: bytes, encoded_path: Path | None) -> bytes:
    if encoded_path is None:
        return encode_object(plain)
    if encoded_path.exists():
        return encoded_path.read_bytes()
    encoded = encode_object(plain)
    partial = encoded_path.with_suffix(".partial")
    with partial.open("wb") as file:
        file.write(encoded)
        file.flush()
        os.fsync(file.fileno())
    partial.rename(encoded_path)
    sync_directory(encoded_path.parent)
    return encoded


def _commit_row(session_id: UUID, key: bytes, segment: ClosedSegment, name: str, encoded: bytes) -> None:
    facts = segment.facts
    object_sha256 = chain.sha256(encoded)
    plain_sha256 = chain.plain_digest(key, facts.n, segment.plain)
    with transaction.atomic():
        previous = Segment.objects.filter(session_id=session_id, n=facts.n - 1).first()
        if previous is None and facts.n > 0:
            raise ValueError(f"segment {facts.n} of {session_id} came before segment {facts.n - 1}")
        before = bytes.fromhex(previous.chain) if previous else chain.start(session_id)
        _, is_created = Segment.objects.get_or_create(
            session_id=session_id,
            n=facts.n,
            defaults={
                "object_name": name,
                "object_sha256": object_sha256.hex(),
                "plain_sha256": plain_sha256.hex(),
                "chain": chain.link(before, object_sha256, plain_sha256).hex(),
                "start": facts.start or 0.0,
                "end": facts.end,
                "cols": facts.cols,
                "rows": facts.rows,
                "plain_bytes": len(segment.plain),
                "stored_bytes": len(encoded),
                "output_bytes": facts.output_bytes,
                "events": facts.events,
                "silences": facts.silences,
                "markers": facts.markers,
                "recovered": segment.recovered,
                "closed_at": timezone.now(),
            },
        )
        if is_created:
            Session.objects.filter(pk=session_id).update(
                duration=Greatest(F("duration"), facts.end),
                output_bytes=F("output_bytes") + facts.output_bytes,
                events=F("events") + facts.events,
            )


def end_of_recording(session: Session) -> datetime:
    """Return the moment of the last stored event."""
    return session.started_at + timedelta(seconds=session.duration)
