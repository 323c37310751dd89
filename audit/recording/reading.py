"""Stored recordings, read back segment by segment."""

from __future__ import annotations

from collections.abc import Iterator

from audit.asciicast import Header, decode_events, decode_header
from audit.events import Event
from audit.models import Segment, Session
from audit.recording import chain
from audit.recording.key import recording_key
from audit.recording.objects import ObjectError, decode_object
from audit.recording.shipping import chain_before
from audit.recording.storage import StorageError, load_object


def read_segment(segment: Segment) -> bytes:
    """Return the segment's asciicast v2 lines; segment 0 begins with the header.

    Raises StorageError, audit.recording.key.KeyUnavailableError.
    """
    # The key first: of a recording that was deleted, nothing else is to be looked for.
    key = recording_key(segment.session_id, segment.key_ordinal)
    stored = load_object(segment.object_name)
    if chain.sha256(stored).hex() != segment.object_sha256:
        raise StorageError(f"{segment.object_name} is not what was stored.")
    try:
        previous_chain = chain_before(segment.session_id, segment.n)
        return decode_object(
            key, segment.session_id, segment.n, previous_chain, stored, plain_bytes=segment.plain_bytes
        )
    except (ObjectError, ValueError) as error:
        raise StorageError(f"{segment.object_name} is not what was stored: {error}") from error


def read_events(segment: Segment) -> Iterator[Event]:
    """Yield the segment's events. Raises StorageError, KeyUnavailableError, audit.asciicast.CastError."""
    lines = read_segment(segment).splitlines(keepends=True)
    return decode_events(lines[1:] if segment.n == 0 else lines)


def closed_segments(session: Session, from_n: int = 0) -> Iterator[Segment]:
    return Segment.objects.filter(session=session, n__gte=from_n).order_by("n").iterator(chunk_size=200)


def read_header(session: Session) -> Header:
    """Return the header of a recording; before its first segment is closed, as the session's row has it."""
    first = Segment.objects.filter(session=session, n=0).first()
    if first is None:
        return Header(
            cols=session.cols,
            rows=session.rows,
            timestamp=int(session.started_at.timestamp()),
            encoding=session.encoding,
        )
    return decode_header(read_segment(first).split(b"\n", 1)[0])


def iter_lines(session: Session) -> Iterator[bytes]:
    """Yield the recording's asciicast v2 bytes, a closed segment at a time, beginning with the header."""
    for segment in closed_segments(session):
        yield read_segment(segment)


def iter_events(session: Session, from_n: int = 0) -> Iterator[Event]:
    """Yield the events of the closed segments from `from_n` on."""
    for segment in closed_segments(session, from_n):
        yield from read_events(segment)
