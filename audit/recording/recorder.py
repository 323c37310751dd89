"""One recording while it is made: events go in, closed segments come out in order, a sealed recording at the end."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from uuid import UUID

import structlog
from django.conf import settings
from django.db import Error as DbError
from django.db import close_old_connections

from audit.asciicast import Header, encode_header
from audit.events import Event
from audit.evidence.signer import SigningUnavailableError
from audit.models import Session
from audit.recording.directory import RecordingDirectory, create_directory
from audit.recording.recovery import ship_file
from audit.recording.seal import seal_recording
from audit.recording.segment import OpenSegment, Prefix, RecordingFailedError, SegmentFacts
from audit.recording.storage import StorageError, sync_directory
from audit.recording.writer import Syncable, writer_of

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


@dataclass(frozen=True, slots=True)
class Written:
    """Events that the recorder has accepted: the segment that they are in, and the lines that stand for them."""

    segment: int
    lines: bytes


Accepted = Callable[[Written | RecordingFailedError], object]


def _ignore(*_: object) -> None:
    """Nobody listens."""


class Recorder:
    """Accepts events of one session, in order. What was accepted is in the open segment's file.

    `submit`, `rotate` and `finish` never wait for the disk: the writer's thread does, which alone touches the open
    segment. A recorder that failed once takes nothing more: a file that failed is not tried again.
    """

    def __init__(self, session_id: UUID, key: bytes, directory: RecordingDirectory, open_segment: OpenSegment) -> None:
        """Use `open_recording`: a recorder exists only once the header is on disk."""
        self.session_id = session_id
        # Called from other threads: once, when recording fails; with its number, when a segment is stored.
        self.on_failure: Callable[[str], object] = _ignore
        self.on_stored: Callable[[int], object] = _ignore
        self._key = key
        self._directory = directory
        self._writer = writer_of(settings.OPEN_DIR)
        self._open: OpenSegment | None = open_segment
        self._next = open_segment.facts
        self._opened_at = time.monotonic()
        self._waiting: deque[_Append] = deque()
        # Segments with lines that would not survive a power cut.
        self._unsynced: set[OpenSegment] = set()
        self._failing = threading.Lock()
        self._failure: str | None = None
        self._is_ended = False
        # Segments that are to be stored.
        self._closed: deque[OpenSegment] = deque()
        self._shipping = threading.Lock()
        self._is_requested = False
        self._retry_at = 0.0

    def submit(self, events: Sequence[Event], accepted: Accepted) -> None:
        """Queue events; `accepted` is called from another thread, in the order of the calls."""
        if self._is_ended or self._failure is not None:
            accepted(self.refusal() or RecordingFailedError("the recording has ended"))
            return
        job = _Append(self, events, accepted)
        self._waiting.append(job)
        self._writer.submit(job)

    def write(self, events: Sequence[Event]) -> Written:
        """Record the events; waits for the disk, so it is not for the event loop. Raises RecordingFailedError."""
        accepted: Future[Written | RecordingFailedError] = Future()
        self.submit(events, accepted.set_result)
        outcome = accepted.result()
        if isinstance(outcome, RecordingFailedError):
            raise outcome
        return outcome

    def stalled_for(self) -> float:
        """Return the seconds that the oldest events which are not accepted have been waiting; 0 if there are none."""
        while self._waiting and self._waiting[0].is_done:
            self._waiting.popleft()
        return time.monotonic() - self._waiting[0].since if self._waiting else 0.0

    def fail(self, reason: str) -> None:
        """Take nothing more, and say why to whoever listens. Only the first reason counts. Does not wait."""
        with self._failing:
            if self._failure is not None:
                return
            self._failure = reason
        self.on_failure(reason)

    def rotate(self) -> None:
        """Close the open segment if it is old enough, and try again to store what could not be stored."""
        segment, now = self._open, time.monotonic()
        if segment and segment.facts.events and now - self._opened_at >= settings.SEGMENT_SECONDS:
            self._writer.submit(_Close(self))
        elif self._closed and now >= self._retry_at:
            self._request_shipping()

    def synced_prefix(self) -> Prefix | None:
        """Return how far the open segment would survive a power cut."""
        segment = self._open
        return segment.synced if segment else None

    def sync(self) -> None:
        """Make everything that was accepted survive a power cut; for the writer's threads. A failure ends recording."""
        segments = [self._unsynced.pop() for _ in range(len(self._unsynced))]
        try:
            for segment in segments:
                segment.sync()
        except OSError as error:
            self._fail_for(error)

    def finish(self, outcome: Outcome) -> Future[None]:
        """Close, store and seal. The result is there when the recording is sealed, or left for recovery to seal."""
        closing = _Close(self)
        self._writer.submit(closing)
        self._is_ended = True
        return _sealers.submit(self._finish, outcome, closing.is_done)

    def abandon(self) -> None:
        """Give up a recording that never got a session row."""
        if self._open:
            with suppress(OSError):
                self._open.close()
        self._directory.discard()

    def leave(self, outcome: Outcome) -> None:
        """Give up a recording of which nobody knows whether it has a session row: recovery finds out."""
        if self._open:
            with suppress(OSError):
                self._open.close()
        self._keep_outcome(outcome)
        self._directory.release()

    def refusal(self) -> RecordingFailedError | None:
        """Return why nothing is recorded any more, None while it is."""
        return RecordingFailedError(self._failure) if self._failure is not None else None

    # In the writer's thread.

    def append(self, events: Sequence[Event]) -> Written | RecordingFailedError:
        """Write events to the open segment's file; for the writer alone."""
        if refusal := self.refusal():
            return refusal
        try:
            segment = self._open or self._start_segment()
            lines = segment.append(events)
        except OSError as error:
            return RecordingFailedError(self._fail_for(error))
        self._unsynced.add(segment)
        if segment.size >= settings.SEGMENT_BYTES:
            self.close_segment()
        return Written(segment.facts.n, lines)

    def close_segment(self) -> None:
        """Hand the open segment to those who store it; for the writer alone."""
        if self._open is None:
            return
        segment, self._open = self._open, None
        self._next = segment.facts.following()
        self._closed.append(segment)
        self._request_shipping()

    def _fail_for(self, error: OSError) -> str:
        reason = error.strerror or str(error)
        self.fail(reason)
        self._directory.free_reserve()
        return reason

    def _start_segment(self) -> OpenSegment:
        facts = self._next
        self._open = OpenSegment(self._directory.segment_path(facts.n), facts)
        self._opened_at = time.monotonic()
        return self._open

    # In threads that store.

    def _request_shipping(self) -> None:
        if not self._is_requested:
            self._is_requested = True
            _shippers.submit(self._ship_requested)

    def _ship_requested(self) -> None:
        self._is_requested = False
        self._ship_closed()

    def _ship_closed(self) -> bool:
        """Store closed segments in order; whether all of them are stored."""
        with self._shipping:
            close_old_connections()
            try:
                while self._closed:
                    segment = self._closed[0]
                    self._close_file(segment)
                    ship_file(self._directory, self._key, segment.path, segment.facts, known_size=segment.size)
                    self._closed.popleft()
                    self.on_stored(segment.facts.n)
            # ValueError: the row of the segment before is gone. Recovery says so, with a gap.
            except (StorageError, OSError, DbError, ValueError) as error:
                self._retry_at = time.monotonic() + RETRY_SECONDS
                log.warning("segment_not_stored", session=str(self.session_id), error=str(error))
                return False
            finally:
                close_old_connections()
            return True

    def _close_file(self, segment: OpenSegment) -> None:
        try:
            segment.close()
        except OSError as error:
            # What the disk still gives is stored; nothing more is written to a disk that lost something.
            self._fail_for(error)

    def _finish(self, outcome: Outcome, is_closed: threading.Event) -> None:
        # First: who asks what became of the session must not wait for a disk that hangs.
        is_told = self._save_end(outcome)
        is_closed.wait()
        self._directory.free_reserve()
        try:
            if not is_told:
                self._keep_outcome(outcome)
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

    def _save_end(self, outcome: Outcome) -> bool:
        close_old_connections()
        try:
            Session.objects.filter(pk=self.session_id, state__in=Session.RUNNING).update(
                state=Session.State.ENDED,
                ended_at=outcome.ended_at,
                end_reason=outcome.reason,
                end_detail=outcome.detail[:500],
                exit_status=outcome.exit_status,
                exit_signal=outcome.exit_signal,
            )
        except DbError as error:
            log.warning("end_not_saved", session=str(self.session_id), error=str(error))
            return False
        finally:
            close_old_connections()
        return True

    def _keep_outcome(self, outcome: Outcome) -> None:
        try:
            self._directory.save_outcome(asdict(outcome))
        except OSError as error:
            log.warning("outcome_not_kept", session=str(self.session_id), error=str(error))

    def _try_to_seal(self, outcome: Outcome) -> bool:
        if not self._save_end(outcome) or not self._ship_closed():
            return False
        try:
            seal_recording(self.session_id, Session.State.SEALED)
        except (StorageError, SigningUnavailableError, OSError, DbError) as error:
            log.warning("recording_not_sealed", session=str(self.session_id), error=str(error))
            return False
        finally:
            close_old_connections()
        return True


@dataclass(slots=True, eq=False)
class _Append:
    """Events on their way to the open segment's file."""

    recorder: Recorder
    events: Sequence[Event]
    accepted: Accepted
    since: float = field(default_factory=time.monotonic)
    is_done: bool = False
    _outcome: Written | RecordingFailedError | None = None

    def run(self) -> Syncable | None:
        self._outcome = self.recorder.append(self.events)
        return self.recorder if isinstance(self._outcome, Written) else None

    def finish(self) -> None:
        self.is_done = True
        assert self._outcome is not None
        # A sync may have failed since it was written.
        self.accepted(self.recorder.refusal() or self._outcome)


@dataclass(slots=True, eq=False)
class _Close:
    """The end of the open segment, after everything that was submitted before."""

    recorder: Recorder
    is_done: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        self.recorder.close_segment()

    def finish(self) -> None:
        self.is_done.set()


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
