"""Recordings that were made elsewhere, stored like ours but never sealed: we can prove nothing about their past."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.conf import settings

from audit.asciicast import Header, encode_event, encode_header
from audit.events import Event
from audit.models import Session
from audit.recording.segment import SegmentFacts, facts_of
from audit.recording.shipping import ClosedSegment, ship_segment


def store_imported(session: Session, key: bytes, header: Header, events: Iterable[Event]) -> None:
    """Store a whole recording as closed segments of the session, whose row has the header's size and encoding.

    `key` is the session's first one: whoever imports need not be able to read.

    Raises audit.asciicast.CastError if `events` do, StorageError, OSError.
    """
    facts = SegmentFacts(n=0, cols=header.cols, rows=header.rows, encoding=header.encoding, previous_t=0.0)
    prefix = encode_header(header)
    for chunk in _chunks(events):
        plain = prefix + b"".join(map(encode_event, chunk))
        facts = facts_of(chunk, facts)
        ship_segment(session.pk, key, ClosedSegment(facts, plain))
        facts, prefix = facts.following(), b""


def _chunks(events: Iterable[Event]) -> Iterator[list[Event]]:
    """Cut events where our own recordings are cut: by size, and by time."""
    chunk: list[Event] = []
    size = 0
    for event in events:
        is_late = bool(chunk) and event.t - chunk[0].t >= settings.SEGMENT_SECONDS
        if size >= settings.SEGMENT_BYTES or is_late:
            yield chunk
            chunk, size = [], 0
        chunk.append(event)
        size += len(encode_event(event))
    if chunk:
        yield chunk
