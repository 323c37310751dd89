"""One recording while it is made: events go in, closed segments come out in order, a sealed recording at the end."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

import structlog
from django.conf import settings
from django.db import Error as DbError
from django.db import close_old_connections

from audit.asciicast import Header, encode_header
from audit.events import Event
from audit.models import Session
from audit.recording.directory import RecordingDirectory, create_directory
from audit.recording.recovery import ship_file
from audit.recording.seal import seal_recording
from audit.recording.segment import OpenSegment, RecordingFailedError, SegmentFacts
from audit.recording.storage import StorageError, sync_directory

log = structlog.get_logger(__name__)

# Storing waits for disks, databases and object stores. Each recording has at most one job in each pool, so that a store
# that stalls for some holds up only as many others as there are threads left for.
_shippers = ThreadPoolExecutor(max_workers=8, thread_name_prefix="ship")
_sealers = ThreadPoolExecutor(max_workers=8, thread_name_prefix="seal")
# Seconds before a failed store is tried again; at the end of a session this many tries are made, and recovery makes all
# further ones.
RETRY_SECONDS = 2.0
FINAL_TRIES = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a session ended: a word of the table in bastion/live/endings.py, and a sentence for people."""

    reason: str
    detail: str
    ended_at: datetime
    exit_status: int | None = None
    exit_signal: str = ""


class Recorder:
    """Accepts events of one session. What `write` returned from is in the open segment's file.

    `write`, `rotate` and `finish` are called from one thread (the event loop); storing happens in others.
    """

    def __init__(self, session_id: UUID, key: bytes, directory: RecordingDirectory, open_segment: OpenSegment) -> None:
        """Use `open_recording`: a recorder exists only once the header is on disk."""
        self.session_id = session_id
        self._key = key
        self._directory = directory
        self._open: OpenSegment | None = open_segment
        self._next = open_segment.facts
        self._opened_at = time.monotonic()
        # Path, size and facts of segments that are to be stored.
        self._closed: deque[tuple[Path, int, SegmentFacts]] = deque()
        self._shipping = threading.Lock()
        self._is_requested = False
        self._retry_at = 0.0
        self._failure: str | None = None

    @property
    def segment(self) -> int:
        """Number of the segment that the next event goes to."""
        return self._open.facts.n if self._open else self._next.n

    def write(self, events: Sequence[Event]) -> bytes:
        """Record the events and return their asciicast lines.

        Raises RecordingFailedError, and then at every later call: a file that failed once is not tried again.
        """
        if self._failure is not None:
            raise RecordingFailedError(self._failure)
        try:
            segment = self._open or self._start_segment()
            lines = segment.append(events)
        except OSError as error:
            self._failure = error.strerror or str(error)
            raise RecordingFailedError(self._failure) from error
        if segment.size >= settings.SEGMENT_BYTES:
            self._close_segment()
        return lines

    def rotate(self) -> None:
        """Close the open segment if it is old enough, and try again to store what could not be stored."""
        now = time.monotonic()
        if self._open and self._open.facts.events and now - self._opened_at >= settings.SEGMENT_SECONDS:
            self._close_segment()
        elif self._closed and now >= self._retry_at:
            self._request_shipping()

    @property
    def needs_sync(self) -> bool:
        return self._open is not None and not self._open.is_synced

    def sync(self) -> None:
        """Make what was written survive a power cut; waits for the disk, so call it off the event loop.

        Raises RecordingFailedError, also where the file was removed under us: what is written to it is kept by nobody.
        """
        segment = self._open
        if self._failure is not None:
            raise RecordingFailedError(self._failure)
        if segment is None:
            return
        try:
            segment.sync()
        except OSError as error:
            # The segment may have been closed meanwhile; whoever stores it syncs it.
            if segment is self._open:
                self._failure = error.strerror or str(error)
                raise RecordingFailedError(self._failure) from error

    def finish(self, outcome: Outcome) -> Future[None]:
        """Close, store and seal. The result is there when the recording is sealed, or left for recovery to seal."""
        if self._open:
            self._close_segment(ship=False)
        self._failure = self._failure or "the recording has ended"
        return _sealers.submit(self._finish, outcome)

    def abandon(self) -> None:
        """Give up a recording that never got a session row."""
        if self._open:
            self._open.close()
        self._directory.discard()

    def _start_segment(self) -> OpenSegment:
        facts = self._next
        self._open = OpenSegment(self._directory.segment_path(facts.n), facts)
        self._opened_at = time.monotonic()
        return self._open

    def _close_segment(self, *, ship: bool = True) -> None:
        assert self._open is not None
        segment, self._open = self._open, None
        self._next = segment.facts.following()
        # First, so that nothing that was shown is forgotten if closing the file fails.
        self._closed.append((segment.path, segment.size, segment.facts))
        try:
            segment.close()
        except OSError as error:
            self._failure = error.strerror or str(error)
        if ship:
            self._request_shipping()

    def _request_shipping(self) -> None:
        if not self._is_requested:
            self._is_requested = True
            _shippers.submit(self._ship_requested)

    def _ship_requested(self) -> None:
        try:
            self._ship_closed()
        finally:
            self._is_requested = False

    def _ship_closed(self) -> bool:
        """Store closed segments in order; whether all of them are stored."""
        with self._shipping:
            close_old_connections()
            try:
                while self._closed:
                    path, size, facts = self._closed[0]
                    ship_file(self._directory, self._key, path, facts, known_size=size)
                    self._closed.popleft()
            except (StorageError, OSError, DbError) as error:
                self._retry_at = time.monotonic() + RETRY_SECONDS
                log.warning("segment_not_stored", session=str(self.session_id), error=str(error))
                return False
            finally:
                close_old_connections()
            return True

    def _finish(self, outcome: Outcome) -> None:
        try:
            for _ in range(FINAL_TRIES):
                if self._try_to_seal(outcome):
                    # What is still there was not stored: that is for recovery, and never to be removed.
                    if not self._directory.segments():
                        self._directory.discard()
                    return
                time.sleep(RETRY_SECONDS)
            log.error("recording_left_to_recovery", session=str(self.session_id))
        finally:
            self._directory.release()

    def _try_to_seal(self, outcome: Outcome) -> bool:
        try:
            Session.objects.filter(pk=self.session_id, state__in=Session.RUNNING).update(
                state=Session.State.ENDED,
                ended_at=outcome.ended_at,
                end_reason=outcome.reason,
                end_detail=outcome.detail[:500],
                exit_status=outcome.exit_status,
                exit_signal=outcome.exit_signal,
            )
            if not self._ship_closed():
                return False
            seal_recording(self.session_id, Session.State.SEALED)
        except (StorageError, OSError, DbError) as error:
            log.warning("recording_not_sealed", session=str(self.session_id), error=str(error))
            return False
        finally:
            close_old_connections()
        return True


def open_recording(session_id: UUID, key: bytes, header: Header) -> Recorder:
    """Begin a recording; when this returns, its directory and header survive a power cut.

    Raises RecordingFailedError with a reason for the person.
    """
    try:
        directory = create_directory(session_id)
    except OSError as error:
        raise RecordingFailedError(error.strerror or str(error)) from error
    segment = None
    try:
        facts = SegmentFacts(n=0, cols=header.cols, rows=header.rows, encoding=header.encoding, previous_t=0.0)
        segment = OpenSegment(directory.segment_path(0), facts, header=encode_header(header))
        segment.sync()
        sync_directory(directory.path)
    except OSError as error:
        if segment is not None:
            segment.close()
        directory.discard()
        raise RecordingFailedError(error.strerror or str(error)) from error
    return Recorder(session_id, key, directory, segment)
