"""Recordings of a node that is gone, disk and all: the open segment comes back from its live copy in Redis.

What is found is laid out as that node's directory was, and then completed as any directory is. What the live copy does
not have is a gap, and so is the last moment, which nobody can know of.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DatabaseError, close_old_connections
from django.db.models.functions import Now
from redis import Redis
from redis.exceptions import RedisError

from audit.asciicast import CastError, decode_events, encode_event, encode_header
from audit.models import Segment, Session
from audit.recording.directory import has_directory
from audit.recording.gaps import Gap, note_gap
from audit.recording.key import KeyUnavailableError, recording_key
from audit.recording.ownership import claim_lost, lost_sessions
from audit.recording.recovery import NODE_LOST, recover
from audit.recording.seal import manifest_name, seal_recording
from audit.recording.storage import StorageError, load_object, sync_directory
from audit.recording.stream import StreamEntry, read_stream, stream_key
from audit.sessions import header_of

log = structlog.get_logger(__name__)

_REDIS_SECONDS = 15


@dataclass(frozen=True, slots=True)
class Copy:
    """What is left of the segments that were never stored: their lines by number, and what is missing in them."""

    segments: dict[int, bytes]
    gaps: tuple[Gap, ...]


def take_over_all() -> list[UUID]:
    """Complete the recordings that no node has spoken for in NODE_LOST_SECONDS; return their sessions."""
    close_old_connections()
    taken: list[UUID] = []
    try:
        # What is here in full is recovery's, once its recorder is gone.
        elsewhere = [session for session in lost_sessions() if not has_directory(session.pk)]
        taken += [session.pk for session in elsewhere if _try_to_take_over(session)]
    except DatabaseError as error:
        log.warning("takeover_put_off", error=type(error).__name__)
    finally:
        close_old_connections()
    return taken


def take_over(session: Session) -> bool:
    """Complete one recording without its disk; False if another node is at it, or its own is back.

    Raises RedisError, KeyUnavailableError, StorageError, OSError, django.db.Error, all before anything is lost: then it
    can be tried again, perhaps by a node with the key.
    """
    entries = _live_copy(session)
    if not claim_lost(session, **_ending(session)):
        return False
    log.warning("recording_taken_over", session=str(session.pk), node=session.node, entries=len(entries))
    session.refresh_from_db()
    if session.end_reason != NODE_LOST and _has_manifest(session):
        # Its own node sealed it and died before it could say so.
        seal_recording(session.pk, Session.State.SEALED)
        return True
    found = copy_of(entries, Segment.objects.filter(session=session).order_by("n").last(), session)
    for gap in found.gaps:
        note_gap(session.pk, gap)
    _lay_out(session, found)
    return recover(session.pk)


def copy_of(entries: Iterable[StreamEntry], stored: Segment | None, session: Session) -> Copy:
    """Put together what the live copy has beyond the last stored segment."""
    n, t = (stored.n, stored.end) if stored else (-1, 0.0)
    segments: dict[int, list[bytes]] = {}
    gaps: list[Gap] = []
    # Segments that a recovery stored hold markers that were never in the stream: then its numbers say nothing here.
    expected = None if stored and stored.recovered else session.events
    for entry in entries:
        if entry.segment <= n or entry.lines is None or (expected is not None and entry.first < expected):
            continue
        try:
            events = list(decode_events(entry.lines.splitlines(keepends=True)))
        except (CastError, ValueError):
            continue
        lines = segments.setdefault(entry.segment, [])
        if expected is not None and entry.first > expected and events:
            gaps.append(Gap(t, events[0].t, f"{entry.first - expected} events are not in the live copy"))
            lines.append(encode_event(gaps[-1].marker()))
        lines.append(entry.lines)
        expected = entry.first + entry.count
        t = events[-1].t if events else t
    gaps.append(Gap(t, None, "the machine that recorded was lost with its disk; what came after this is not known"))
    last = max(segments, default=n + 1)
    segments.setdefault(last, []).append(encode_event(gaps[-1].marker()))
    return Copy({number: b"".join(lines) for number, lines in segments.items()}, tuple(gaps))


def _try_to_take_over(session: Session) -> bool:
    try:
        return take_over(session)
    except (RedisError, KeyUnavailableError) as error:
        log.warning("takeover_put_off", session=str(session.pk), error=str(error))
    except DatabaseError:
        raise
    except Exception:
        # One bad recording must never keep the others from being completed.
        log.exception("takeover_failed", session=str(session.pk))
    return False


def _live_copy(session: Session) -> list[StreamEntry]:
    with Redis.from_url(settings.REDIS_URL, socket_timeout=_REDIS_SECONDS) as redis:
        if not redis.exists(stream_key(session.pk)):
            return []
        return read_stream(redis, session.pk, recording_key(session.pk))


def _lay_out(session: Session, found: Copy) -> None:
    """Make the session's directory here, whole or not at all. Raises OSError."""
    path = settings.OPEN_DIR / str(session.pk)
    draft = path.with_name(f".{path.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    for n, lines in found.segments.items():
        (draft / f"{n}.cast").write_bytes((encode_header(header_of(session)) if n == 0 else b"") + lines)
    draft.rename(path)
    sync_directory(path.parent)


def _ending(session: Session) -> dict[str, Any]:
    """Return the columns of a session whose node is gone. Should its process live after all, it is asked to end."""
    if session.state not in Session.RUNNING:
        return {}
    node = session.node or "that ran it"
    return {
        "state": Session.State.ENDED,
        "ended_at": session.heard_at or session.started_at,
        "end_reason": NODE_LOST,
        "end_detail": f"The machine {node} was lost while this session was running. What is missing is marked.",
        "end_requested_at": Now(),
        "end_requested_by_name": "Bastion",
        "end_requested_reason": "another machine completed this recording",
    }


def _has_manifest(session: Session) -> bool:
    try:
        load_object(manifest_name(session.pk))
    except StorageError:
        return False
    return True
