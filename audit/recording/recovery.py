"""Recordings whose process died: every whole event is kept, torn bytes are set aside, and the rest is as at any end.

Recovery takes only what it can lock, so it never touches a live recording, and two recoveries at once are safe.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DatabaseError, close_old_connections, transaction
from django.utils import timezone

from audit.asciicast import CastError, decode_events, decode_header
from audit.models import Segment, Session
from audit.recording.directory import (
    LockedError,
    RecordingDirectory,
    has_directory,
    lock_directory,
    unsealed_recordings,
)
from audit.recording.key import recording_key
from audit.recording.reading import read_events
from audit.recording.seal import note_lost, seal_recording
from audit.recording.segment import SegmentFacts, facts_of
from audit.recording.shipping import ClosedSegment, end_of_recording, ship_segment

log = structlog.get_logger(__name__)


def recover_all() -> list[UUID]:
    """Seal every recording of this machine whose process died; return their sessions."""
    close_old_connections()
    recovered = []
    try:
        for session_id in unsealed_recordings():
            try:
                if recover(session_id):
                    recovered.append(session_id)
            except LockedError:
                continue
            except Exception:
                # One bad recording must never keep the others from being sealed.
                log.exception("recovery_failed", session=str(session_id))
        mark_missing()
    except DatabaseError as error:
        log.warning("recovery_put_off", error=type(error).__name__)
    finally:
        close_old_connections()
    return recovered


def recover(session_id: UUID) -> bool:
    """Store and seal what is in the directory of a session; whether there was anything to do. Raises LockedError."""
    directory = lock_directory(session_id)
    try:
        session = Session.objects.filter(pk=session_id).first()
        if session is None:
            log.warning("recording_without_session", session=str(session_id))
            directory.set_aside()
            return False
        _ship_files(directory, session)
        _close_session(session_id)
        directory.discard()
        return True
    finally:
        directory.release()


def mark_missing() -> None:
    """Mark sessions of this machine that run by their row but have no directory: their recording is lost."""
    candidates = Session.objects.filter(state__in=[*Session.RUNNING, Session.State.ENDED], node=settings.NODE)
    for session in candidates:
        if has_directory(session.pk):
            continue
        # Sealing removes the directory after it has committed the state: look again before saying that it is lost.
        is_ours = Session.objects.filter(pk=session.pk, state__in=[*Session.RUNNING, Session.State.ENDED]).update(
            state=Session.State.FAILED,
            ended_at=end_of_recording(session),
            end_reason="lost",
            end_detail="The directory of this recording is missing.",
            has_gaps=True,
        )
        if is_ours:
            note_lost(session)


def ship_file(
    directory: RecordingDirectory,
    key: bytes,
    path: Path,
    facts: SegmentFacts,
    *,
    known_size: int | None = None,
    recovered: bool = False,
) -> SegmentFacts:
    """Store the whole events of a segment's file and return the facts about them.

    `facts` are believed if they are about exactly the `known_size` bytes that are there. Otherwise (a torn line, a
    crash) they are found again from the lines, beginning at their `n`, size and time. A later segment without one whole
    event is not stored: its bytes are kept with the torn ones.
    """
    session_id = directory.session_id
    plain = read_synced(path)
    whole, torn = split_torn(plain)
    if torn:
        directory.keep_torn(facts.n, torn)
    if not whole and facts.n > 0:
        path.unlink()
        return facts
    if len(whole) != known_size:
        facts = _facts_of_lines(whole, facts)
    ship_segment(session_id, key, ClosedSegment(facts, whole, recovered=recovered), path=path)
    return facts


def read_synced(path: Path) -> bytes:
    """Return a closed segment's bytes, safe from a power cut: what is made of them must not outlive them."""
    with path.open("rb") as file:
        os.fdatasync(file.fileno())
        return file.read()


def split_torn(plain: bytes) -> tuple[bytes, bytes]:
    """Split a segment's bytes after its last whole event: an exact-bytes line counts with the output line it is for."""
    end = plain.rfind(b"\n") + 1
    last_line = plain.rfind(b"\n", 0, end - 1) + 1 if end else 0
    if plain[last_line:end].split(b",", 2)[1:2] == [b'"b"']:
        end = last_line
    return plain[:end], plain[end:]


def _facts_of_lines(plain: bytes, before: SegmentFacts) -> SegmentFacts:
    fresh = replace(before, start=None, end=before.previous_t, events=0, output_bytes=0, silences=[], markers=[])
    lines = plain.splitlines(keepends=True)
    if before.n == 0:
        lines = lines[1:]
    return facts_of(decode_events(lines), fresh)


def _ship_files(directory: RecordingDirectory, session: Session) -> None:
    key = recording_key(session)
    stored = {segment.n: segment for segment in Segment.objects.filter(session=session)}
    facts = SegmentFacts(n=0, cols=session.cols, rows=session.rows, encoding=session.encoding, previous_t=0.0)
    has_died = session.state in Session.RUNNING
    for n, path in directory.segments():
        if n in stored:
            path.unlink()
            continue
        if n - 1 in stored:
            facts = _facts_after(stored[n - 1], session.encoding)
        whole, torn = split_torn(path.read_bytes())
        if not whole or (n == 0 and not _has_header(whole)):
            directory.keep_torn(n, whole + torn)
            path.unlink()
            continue
        facts = ship_file(directory, key, path, replace(facts, n=n), recovered=has_died).following()


def _facts_after(segment: Segment, encoding: str) -> SegmentFacts:
    """Return the empty facts of the segment after a stored one."""
    facts = SegmentFacts(n=segment.n, cols=segment.cols, rows=segment.rows, encoding=encoding, previous_t=segment.start)
    return facts_of(read_events(segment), facts).following()


def _has_header(plain: bytes) -> bool:
    try:
        decode_header(plain.split(b"\n", 1)[0])
    except CastError:
        return False
    return True


def _close_session(session_id: UUID) -> None:
    with transaction.atomic():
        session = Session.objects.select_for_update().get(pk=session_id)
        has_died = session.state in Session.RUNNING
        if has_died:
            session.state = Session.State.ENDED
            session.ended_at = end_of_recording(session)
            session.end_reason = "recovered"
            session.end_detail = "The server stopped while this session was running. Every recorded event was kept."
            session.save(update_fields=["state", "ended_at", "end_reason", "end_detail"])
    # Ended by its own process but not sealed by it: nothing was recovered, only finished.
    is_recovered = session.end_reason == "recovered"
    seal_recording(session_id, Session.State.RECOVERED if is_recovered else Session.State.SEALED)
    log.info(
        "recording_recovered" if has_died else "recording_sealed_late", session=str(session_id), at=str(timezone.now())
    )
