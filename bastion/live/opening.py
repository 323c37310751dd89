"""The first steps of a session: the gate, then a recording and a row that are durable. Nothing is connected here."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from django.conf import settings
from django.db import Error as DbError
from django.utils import timezone

from audit.evidence.signer import why_not_signing
from audit.models import Session
from audit.recording.key import KeyUnavailableError, make_key, new_recording_key
from audit.recording.recorder import Outcome, Recorder, open_recording
from audit.recording.segment import RecordingFailedError
from audit.sessions import (
    TooManySessionsError,
    header_of,
    new_session,
    record_denied,
    save_started,
    why_access_ended,
)
from bastion.live import endings, wire
from bastion.live.endings import EndedError, Ending
from hosts.access import Action, access_host
from hosts.logins import Login, notice_accepted
from hosts.models import Host

_NOT_BEGUN = "The database did not answer when the session was to begin. Nothing was connected."


@dataclass(frozen=True, slots=True)
class Opened:
    """A session that is durable, before anything was connected. `began_at` is on the monotonic clock."""

    host: Host
    session: Session
    key: bytes = field(repr=False)
    recorder: Recorder
    began_at: float


def open_session(login: Login, host_id: UUID, size: wire.Size) -> Opened:
    """Pass the gate, then make the recording and the row durable. Raises EndedError."""
    host = _admit(login, host_id)
    if problem := why_not_signing():
        raise EndedError(endings.CANNOT_RECORD.because(f"Recording could not begin: {problem}"))
    session_id = uuid4()
    key = make_key()
    began_at = time.monotonic()
    session = new_session(session_id, login, host, cols=size.cols, rows=size.rows)
    try:
        recording_key = new_recording_key(session_id, 0, key)
        recorder = open_recording(session_id, key, header_of(session))
    except (RecordingFailedError, KeyUnavailableError) as error:
        raise EndedError(endings.CANNOT_RECORD.because(f"Recording could not begin: {error}.")) from error
    try:
        save_started(session, recording_key, login, settings.SESSIONS_PER_USER)
    except TooManySessionsError as error:
        recorder.abandon()
        record_denied(login, host, host_id, "too many sessions")
        detail = f"You have {error.running} of {settings.SESSIONS_PER_USER} sessions open."
        raise EndedError(endings.TOO_MANY_SESSIONS.because(detail)) from error
    except DbError:
        # The row may have been committed all the same, and only the answer lost.
        recorder.leave(Outcome(endings.CANNOT_RECORD.reason, _NOT_BEGUN, timezone.now()))
        raise
    except BaseException:
        recorder.abandon()
        raise
    return Opened(host, session, key, recorder, began_at)


def why_not_again(login: Login, host_id: UUID) -> Ending | None:
    """Return why `login` may not take up a session on this host again, None if it may."""
    if not notice_accepted(login):
        return endings.NOTICE_NOT_ACCEPTED
    return endings.NO_SUCH_HOST if why_access_ended(login, host_id) else None


def _admit(login: Login, host_id: UUID) -> Host:
    if not notice_accepted(login):
        raise EndedError(endings.NOTICE_NOT_ACCEPTED)
    try:
        return access_host(login, host_id, Action.CONNECT)
    except Host.DoesNotExist:
        record_denied(login, Host.objects.filter(pk=host_id).first(), host_id, "no grant")
        raise EndedError(endings.NO_SUCH_HOST) from None
