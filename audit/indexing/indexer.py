"""Closed segments become commands, text for the search, and screens to begin a replay at.

A session is worked on by one process at a time, segment by segment, each in one transaction with the state that the
next one begins with. Whatever is interrupted is done again with the same result.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from audit.asciicast import CastError
from audit.events import Resize
from audit.indexing.carried import Carried
from audit.indexing.found import RECENT, index_update, plan_update, store_update
from audit.indexing.screen import ScreenError
from audit.indexing.snapshots import encrypt_snapshot
from audit.indexing.text import passages
from audit.models import Segment, Session
from audit.recording.encryption import DecryptionError
from audit.recording.key import recording_key
from audit.recording.reading import read_events
from audit.search import backend

log = structlog.get_logger(__name__)

# Longer than the biggest segment takes on a slow machine; a crashed indexer holds its session up for this long.
LEASE: Final = timedelta(seconds=45)
# How long whoever is next in the queue waits behind a long recording: somebody who types may be.
TURN_SECONDS: Final = 3.0
# No segment is closed any more in these.
_OVER: Final = (Session.State.SEALED, Session.State.RECOVERED, Session.State.IMPORTED, Session.State.FAILED)


class _LeaseLostError(Exception):
    """Somebody else indexes this session by now."""


def find_unindexed() -> list[UUID]:
    """Return the sessions that have something to index and nobody at it, those waiting longest first."""
    return list(_unindexed_sessions().order_by("started_at").values_list("pk", flat=True))


def _unindexed_sessions() -> QuerySet[Session]:
    waiting = Segment.objects.filter(session=OuterRef("pk"), indexed_at__isnull=True)
    idle = Q(index_claimed_until__isnull=True) | Q(index_claimed_until__lt=timezone.now())
    unfinished = Q(state__in=_OVER, index_state__isnull=False)
    return Session.objects.filter(idle, deleted_at__isnull=True).filter(Exists(waiting) | unfinished)


def is_unindexed(session_id: UUID) -> bool:
    """Whether a session has something to index and nobody at it."""
    return _unindexed_sessions().filter(pk=session_id).exists()


def index_session(session_id: UUID, seconds: float = TURN_SECONDS) -> int:
    """Index the closed segments of a session that are not indexed yet; return how many that were.

    Stops after the segment in which `seconds` are over; `is_unindexed` says whether there is more.
    Returns 0 if another process is at it, or if there is no such session. Raises audit.recording.storage.StorageError
    when a segment cannot be read at the moment, audit.recording.key.KeyUnavailableError when it cannot be read here.
    """
    count, deadline = 0, time.monotonic() + seconds
    while (until := _claim(session_id)) is not None:
        indexing = _Indexing(session_id, until)
        try:
            done = indexing.run(deadline)
        except _LeaseLostError:
            return count
        finally:
            indexing.release()
        count += done
        # A segment that was closed meanwhile was perhaps told to a task that found the session claimed.
        if not done or time.monotonic() >= deadline or not is_unindexed(session_id):
            break
    return count


def _claim(session_id: UUID) -> datetime | None:
    now = timezone.now()
    idle = Q(index_claimed_until__isnull=True) | Q(index_claimed_until__lt=now)
    until = now + LEASE
    return until if Session.objects.filter(idle, pk=session_id).update(index_claimed_until=until) else None


class _Indexing:
    """One process at one session, as long as it has the lease."""

    def __init__(self, session_id: UUID, until: datetime) -> None:
        self._session = Session.objects.get(pk=session_id)
        self._until = until
        self._key = b""

    def run(self, deadline: float) -> int:
        self._key = recording_key(self._session.pk)
        done = 0
        for segment in self._unindexed():
            self._index(segment)
            done += 1
            if time.monotonic() >= deadline:
                break
        session = self._session
        session.refresh_from_db(fields=["state", "index_state"])
        if session.state in _OVER and session.index_state and not self._unindexed():
            self._finish()
        return done

    def _unindexed(self) -> list[Segment]:
        segments = list(self._session.segments.filter(indexed_at__isnull=True).order_by("n"))
        if segments and segments[0].n != self._next_n():
            # The state that belongs to the first of them is lost: begin again, and index all of them.
            self._session.segments.update(indexed_at=None)
            Session.objects.filter(pk=self._session.pk).update(index_state=None)
            self._session.index_state = None
            segments = list(self._session.segments.order_by("n"))
        return segments

    def _next_n(self) -> int:
        carried = self._carried()
        return carried.next_n if carried else 0

    def _carried(self) -> Carried | None:
        encrypted = self._session.index_state
        try:
            return Carried.decrypted(self._key, self._session.pk, bytes(encrypted)) if encrypted else None
        except (DecryptionError, ScreenError, KeyError, TypeError, ValueError) as error:
            log.warning("index_state_unusable", session=str(self._session.pk), error=str(error))
            return None

    def release(self) -> None:
        Session.objects.filter(pk=self._session.pk, index_claimed_until=self._until).update(index_claimed_until=None)

    def _index(self, segment: Segment) -> None:
        # Always from the stored state, also in one run: then it makes no difference where a run was interrupted.
        carried = self._carried() or Carried.at_start(segment.cols, segment.rows)
        snapshot = _play(carried, segment)
        carried.next_n = segment.n + 1
        self._index_text(segment, carried)
        update = plan_update(self._session, carried.observations, carried.first_t, RECENT)
        index_update(update)
        encrypted = carried.encrypted(self._key, self._session.pk)
        with transaction.atomic():
            until = self._extend_lease()
            store_update(update)
            Session.objects.filter(pk=self._session.pk).update(index_state=encrypted, index_error=_error_of(carried))
            _store_snapshot(segment, snapshot, carried)
        self._session.index_state = encrypted
        self._until = until

    def _finish(self) -> None:
        """Tell all commands once more with all prompts known, and let go of the state."""
        carried = self._carried()
        if carried is not None:
            update = plan_update(self._session, carried.observations, carried.first_t, len(carried.observations) + 1)
            index_update(update)
        with transaction.atomic():
            until = self._extend_lease()
            if carried is not None:
                store_update(update)
            Session.objects.filter(pk=self._session.pk).update(index_state=None)
        self._until = until

    def _extend_lease(self) -> datetime:
        until = timezone.now() + LEASE
        mine = Session.objects.filter(pk=self._session.pk, index_claimed_until=self._until)
        if not mine.update(index_claimed_until=until):
            raise _LeaseLostError
        return until

    def _index_text(self, segment: Segment, carried: Carried) -> None:
        """Replace the segment's text in the search index, which need not be in our database: doing it twice is safe."""
        backend().replace(self._session, segment.n, "output", passages(carried.collector.take_lines()))
        backend().replace(self._session, segment.n, "title", passages(carried.collector.take_titles()))


def _store_snapshot(segment: Segment, snapshot: str | None, carried: Carried) -> None:
    if snapshot is not None:
        segment.snapshot = encrypt_snapshot(segment, snapshot)
        segment.snapshot_cols, segment.snapshot_rows = carried.collector.observer.screen.size
    segment.indexed_at = timezone.now()
    segment.save(update_fields=["snapshot", "snapshot_cols", "snapshot_rows", "indexed_at"])


def _play(carried: Carried, segment: Segment) -> str | None:
    """Show a segment on the carried screen; return the screen's dump, or nothing if the screen failed on the way."""
    cols, rows = segment.cols, segment.rows
    try:
        for event in read_events(segment):
            if isinstance(event, Resize):
                cols, rows = event.cols, event.rows
            carried.collector.feed(event)
        carried.collector.look(segment.end)
        carried.add(carried.collector.observer.take())
        return carried.collector.observer.screen.dump()
    except (ScreenError, CastError) as error:
        carried.failures += 1
        carried.failure = carried.failure or f"segment {segment.n}: {error}"
        carried.restart_screen(cols, rows)
        log.warning("segment_not_shown", session=str(segment.session_id), segment=segment.n, error=str(error))
        return None


def _error_of(carried: Carried) -> str:
    if not carried.failures:
        return ""
    return f"{carried.failures} segments could not be indexed; the first was {carried.failure}"[:500]
