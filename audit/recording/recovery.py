"""Recordings whose process died: every whole event is kept, torn bytes are set aside, and the rest is as at any end.

Recovery takes only what it can lock, so it never touches a live recording, and two recoveries at once are safe. It
cannot unwrap the key of the process that died in general: what is left is encrypted with a new one.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, close_old_connections, transaction

from audit.asciicast import decode_events
from audit.models import Session
from audit.recording.completion import complete, recovery_keys
from audit.recording.directory import LockedError, RecordingDirectory, lock_directory, unsealed_recordings
from audit.recording.ownership import claim_for_this_node, note_heard
from audit.recording.remains import Remains, age_of, read_synced
from audit.recording.salvage import split_torn
from audit.recording.seal import seal_recording
from audit.recording.segment import SegmentFacts, facts_of
from audit.recording.shipping import ClosedSegment, end_of_recording, ship_segment

log = structlog.get_logger(__name__)

# How old a directory must be before it can belong to no session: the row comes soon after it.
NO_SESSION_SECONDS: Final = 60.0
# A database that fails so often in a row is away; one recording that it does not take must not hold up the others.
_MOST_DATABASE_FAILURES: Final = 3
_SEALED: Final = (Session.State.SEALED, Session.State.RECOVERED, Session.State.IMPORTED)
# End reasons of sessions that nobody ended.
DIED: Final = "recovered"
NODE_LOST: Final = "node_lost"


def recover_all() -> list[UUID]:
    """Seal every recording of this machine whose process died; return their sessions."""
    close_old_connections()
    recovered = []
    failures = 0
    try:
        note_heard()
        for session_id in unsealed_recordings():
            try:
                if recover(session_id):
                    recovered.append(session_id)
                failures = 0
            except LockedError:
                continue
            except (OperationalError, InterfaceError):
                failures += 1
                log.exception("recovery_failed", session=str(session_id))
                if failures >= _MOST_DATABASE_FAILURES:
                    raise
            except Exception:
                # One bad recording must never keep the others from being sealed.
                log.exception("recovery_failed", session=str(session_id))
    except DatabaseError as error:
        log.warning("recovery_put_off", error=type(error).__name__)
    finally:
        close_old_connections()
    return recovered


def recover(session_id: UUID) -> bool:
    """Store and seal what is in the directory of a session; whether there was anything to do.

    Raises LockedError while its recorder lives, StorageError, KeyUnavailableError, OSError, django.db.Error.
    """
    if not Session.objects.filter(pk=session_id).exists() and _is_young(session_id):
        # Its row may be on its way. Even to take its lock would be in the way of whoever makes it.
        return False
    directory = lock_directory(session_id)
    try:
        return _recover_locked(Remains(directory))
    finally:
        directory.release()


def ship_file(
    directory: RecordingDirectory, key: bytes, path: Path, facts: SegmentFacts, *, known_size: int | None = None
) -> SegmentFacts:
    """Store the whole events of a segment's file and return the facts about them; for the recorder, which has the key.

    `facts` are believed if they are about exactly the `known_size` bytes that are there. Otherwise (a torn line) they
    are found again from the lines, beginning at their `n`, size and time. A later segment without one whole event is
    not stored: its bytes are kept with the torn ones.
    """
    plain = read_synced(path)
    whole, torn = split_torn(plain)
    Remains(directory).keep_torn(facts.n, torn)
    if not whole and facts.n > 0:
        path.unlink()
        return facts
    if len(whole) != known_size:
        facts = _facts_of_lines(whole, facts)
    ship_segment(directory.session_id, key, ClosedSegment(facts, whole), path=path)
    return facts


def _facts_of_lines(plain: bytes, before: SegmentFacts) -> SegmentFacts:
    fresh = replace(before, start=None, end=before.previous_t, events=0, output_bytes=0, silences=[], markers=[])
    lines = plain.splitlines(keepends=True)
    return facts_of(decode_events(lines[1:] if before.n == 0 else lines), fresh)


def _is_young(session_id: UUID) -> bool:
    return age_of(settings.OPEN_DIR / str(session_id)) < NO_SESSION_SECONDS


def _recover_locked(remains: Remains) -> bool:
    session_id = remains.directory.session_id
    # Only now: whoever commits a session's row holds its lock.
    session = Session.objects.filter(pk=session_id).first()
    if session is None:
        remains.set_aside()
        return False
    if session.state in _SEALED or session.deleted_at is not None:
        # What is still here came back after its seal or its deletion, or was left when its recorder died removing it.
        remains.close()
        return False
    if not claim_for_this_node(session):
        return False
    outcome = remains.outcome()
    has_died = outcome is None and (session.state in Session.RUNNING or session.end_reason in {DIED, NODE_LOST})
    remains.directory.free_reserve()
    complete(remains, session, has_died=has_died)
    is_whole = _end_session(session_id, outcome) and not has_died
    seal_recording(session_id, Session.State.SEALED if is_whole else Session.State.RECOVERED)
    recovery_keys.forget(session_id)
    remains.close()
    log.info("recording_recovered" if has_died else "recording_sealed_late", session=str(session_id))
    return True


def _end_session(session_id: UUID, outcome: dict[str, Any] | None) -> bool:
    """Say in the session's row how it ended, unless that is said already; return whether nothing is missing."""
    with transaction.atomic():
        session = Session.objects.select_for_update().get(pk=session_id)
        if session.state not in Session.RUNNING and session.end_reason != NODE_LOST:
            return not session.has_gaps
        if outcome is not None:
            found = outcome
        elif session.end_reason == NODE_LOST:
            found = {"ended_at": end_of_recording(session)}
        else:
            found = {
                "ended_at": end_of_recording(session),
                "end_reason": DIED,
                "end_detail": "The server stopped while this session was running. "
                + ("What is missing is marked." if session.has_gaps else "Every recorded event was kept."),
            }
        for name, value in found.items():
            setattr(session, name, value)
        session.state = Session.State.ENDED
        session.save(update_fields=["state", *found])
        return not session.has_gaps
