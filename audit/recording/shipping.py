"""From a closed segment's file to a stored, write-once object and its row."""

from __future__ import annotations

import errno
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self
from uuid import UUID

import orjson
import structlog
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest
from django.utils import timezone

from audit.evidence.anchors import anchor_closed
from audit.models import Segment, Session
from audit.queue import request_indexing
from audit.recording import chain
from audit.recording.durable import replace_file
from audit.recording.objects import ObjectError, decode_object, encode_object, object_name
from audit.recording.ownership import ensure_owner
from audit.recording.segment import SegmentFacts
from audit.recording.storage import StorageError, load_object, store_object

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ClosedSegment:
    """A segment that nothing is appended to any more. `facts` describe exactly the lines in `plain`.

    `key_ordinal` says which RecordingKey it is to be encrypted with.
    """

    facts: SegmentFacts
    plain: bytes
    recovered: bool = False
    key_ordinal: int = 0


@dataclass(frozen=True, slots=True)
class Encoded:
    """A segment as it is stored, and what its row needs that cannot be found again without the key."""

    content: bytes
    key_ordinal: int
    plain_sha256: bytes
    previous_chain: bytes

    def to_file(self) -> bytes:
        """Return one line of JSON and then the object."""
        line = {
            "object_sha256": chain.sha256(self.content).hex(),
            "key": self.key_ordinal,
            "plain_sha256": self.plain_sha256.hex(),
            "previous_chain": self.previous_chain.hex(),
        }
        return orjson.dumps(line) + b"\n" + self.content

    @classmethod
    def from_file(cls, kept: bytes) -> Self:
        """Undo `to_file`. Raises ValueError, KeyError if that is not what it is."""
        line, _, content = kept.partition(b"\n")
        about = orjson.loads(line)
        if chain.sha256(content).hex() != about["object_sha256"]:
            raise ValueError("the object was damaged on the local disk")
        return cls(
            content=content,
            key_ordinal=int(about["key"]),
            plain_sha256=bytes.fromhex(about["plain_sha256"]),
            previous_chain=bytes.fromhex(about["previous_chain"]),
        )


def ship_segment(session_id: UUID, key: bytes, segment: ClosedSegment, *, path: Path | None = None) -> None:
    """Store the segment and commit its row; doing it again is safe and changes nothing.

    Segments come in order: the chain up to the one before is bound into the object. With `path`, the segment's file,
    the object is made once and kept beside it, durable, until its row is committed: a try after a crash ships the same
    bytes, even one that has not got the key. Then both files are removed.

    Raises StorageError, OSError, django.db.Error, ValueError if the segment before is missing.
    """
    n = segment.facts.n
    if not Segment.objects.filter(session_id=session_id, n=n).exists():
        encoded_path = encoded_path_of(path) if path else None
        encoded = _encode_once(session_id, key, segment, encoded_path)
        name = object_name(session_id, n, encoded.key_ordinal)
        store_object(name, encoded.content)
        _commit_row(session_id, segment, name, encoded)
    if path:
        path.unlink(missing_ok=True)
        encoded_path_of(path).unlink(missing_ok=True)
    request_indexing(session_id)


def encoded_path_of(path: Path) -> Path:
    """Return where the object of a segment's file is kept until it is stored."""
    return path.with_suffix(".object")


def chain_before(session_id: UUID, n: int) -> bytes:
    """Return chain[n-1]. Raises ValueError if segment n-1 is not stored."""
    if n == 0:
        return chain.start(session_id)
    previous = Segment.objects.filter(session_id=session_id, n=n - 1).values_list("chain", flat=True).first()
    if previous is None:
        raise ValueError(f"segment {n} of {session_id} came before segment {n - 1}")
    return bytes.fromhex(previous)


def _encode_once(session_id: UUID, key: bytes, segment: ClosedSegment, kept: Path | None) -> Encoded:
    n = segment.facts.n
    previous_chain = chain_before(session_id, n)
    encoded = _kept(kept) if kept is not None else None
    # Another chain: what came before it was given up and made again by a recovery.
    if encoded is not None and encoded.previous_chain == previous_chain:
        return encoded
    encoded = Encoded(
        content=encode_object(key, session_id, n, previous_chain, segment.plain),
        key_ordinal=segment.key_ordinal,
        plain_sha256=chain.plain_digest(key, n, segment.plain),
        previous_chain=previous_chain,
    )
    if kept is None:
        return encoded
    try:
        replace_file(kept, encoded.to_file())
    except OSError as error:
        # A full local disk must not keep a recording from a store that has room.
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        return _stored_before(session_id, key, segment, encoded) or encoded
    return encoded


def _stored_before(session_id: UUID, key: bytes, segment: ClosedSegment, made: Encoded) -> Encoded | None:
    """Return the object that an earlier try has stored without keeping it here, if it holds exactly this segment."""
    n = segment.facts.n
    try:
        stored = load_object(object_name(session_id, n, made.key_ordinal))
        plain = decode_object(key, session_id, n, made.previous_chain, stored, plain_bytes=len(segment.plain))
    except (StorageError, ObjectError):
        return None
    return replace(made, content=stored) if plain == segment.plain else None


def _kept(path: Path) -> Encoded | None:
    try:
        return Encoded.from_file(path.read_bytes())
    except FileNotFoundError:
        return None
    except (ValueError, KeyError) as error:
        log.warning("object_made_again", path=str(path), error=str(error))
        return None


def _commit_row(session_id: UUID, segment: ClosedSegment, name: str, encoded: Encoded) -> None:
    facts = segment.facts
    object_sha256 = chain.sha256(encoded.content)
    link = chain.link(encoded.previous_chain, object_sha256, encoded.plain_sha256)
    with transaction.atomic():
        ensure_owner(session_id)
        _, is_created = Segment.objects.get_or_create(
            session_id=session_id,
            n=facts.n,
            defaults={
                "object_name": name,
                "key_ordinal": encoded.key_ordinal,
                "object_sha256": object_sha256.hex(),
                "plain_sha256": encoded.plain_sha256.hex(),
                "chain": link.hex(),
                "start": facts.start or 0.0,
                "end": facts.end,
                "cols": facts.cols,
                "rows": facts.rows,
                "plain_bytes": len(segment.plain),
                "stored_bytes": len(encoded.content),
                "output_bytes": facts.output_bytes,
                "events": facts.events,
                "silences": facts.silences,
                "markers": facts.markers,
                "recovered": segment.recovered,
                "closed_at": timezone.now(),
            },
        )
        if not is_created:
            return
        Session.objects.filter(pk=session_id).update(
            duration=Greatest(F("duration"), facts.end),
            output_bytes=F("output_bytes") + facts.output_bytes,
            events=F("events") + facts.events,
        )
        anchor_closed(session_id, facts.n, link.hex(), object_sha256.hex())


def end_of_recording(session: Session) -> datetime:
    """Return the moment of the last stored event."""
    return session.started_at + timedelta(seconds=session.duration)
