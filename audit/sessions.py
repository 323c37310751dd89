"""The life of a session's row: started, detached, asked to end. Its end is the recorder's (audit/recording/)."""

from __future__ import annotations

import re
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import BooleanField, Case, DateTimeField, F, Func, Q, QuerySet, Value, When
from django.db.models.functions import Cast
from django.utils import timezone

from audit import ledger
from audit.asciicast import Header
from audit.models import AuditEvent, RecordingKey, Session
from hosts.access import Action, access_host
from hosts.logins import Login, check_login
from hosts.models import Host

_ID_START = re.compile(r"[0-9a-fA-F][0-9a-fA-F-]{3,35}")
_FIRST_ID, _LAST_ID = str(UUID(int=0)), str(UUID(int=2**128 - 1))
_HYPHENS = [at for at, char in enumerate(_FIRST_ID) if char == "-"]


class TooManySessionsError(Exception):
    """The person has `running` sessions already, and may have no more."""

    def __init__(self, running: int) -> None:
        super().__init__(f"{running} sessions are running")
        self.running = running


def save_started(session: Session, key: RecordingKey, login: Login, most: int) -> None:
    """Commit the row of a session whose recording is open, with its key and its line in the ledger.

    Raises TooManySessionsError if the person has `most` sessions running.
    """
    with transaction.atomic():
        # Of requests at the same moment, each must count the ones before it.
        User.objects.select_for_update().get(pk=login.user.pk)
        running = Session.objects.filter(user_id=login.user.pk, state__in=Session.RUNNING).count()
        if running >= most:
            raise TooManySessionsError(running)
        session.save(force_insert=True)
        key.save(force_insert=True)
        ledger.record_about(
            session,
            ledger.Action.SESSION_STARTED,
            login,
            detail={"account": session.account, "cols": session.cols, "rows": session.rows},
        )


def new_session(session_id: UUID, login: Login, host: Host, *, cols: int, rows: int) -> Session:
    """Return a session that is not saved yet."""
    return Session(
        pk=session_id,
        user=login.user,
        user_name=login.user.get_username(),
        host=host,
        host_name=host.name,
        account=host.credential.username if host.credential else "",
        encoding=host.encoding,
        started_at=timezone.now(),
        cols=cols,
        rows=rows,
        node=settings.NODE,
        client_address=login.address[:64],
        user_agent=login.user_agent[:300],
    )


def header_of(session: Session) -> Header:
    """Return the first line of a session's recording; made of its row alone, so that it can be made again."""
    return Header(
        cols=session.cols,
        rows=session.rows,
        timestamp=int(session.started_at.timestamp()),
        title=f"{session.user_name} on {session.host_name}",
        env={"TERM": "xterm-256color"},
        encoding=session.encoding,
    )


def record_denied(login: Login | None, host: Host | None, host_id: UUID, reason: str) -> None:
    """Note that somebody was refused a session."""
    ledger.record(
        ledger.Action.SESSION_DENIED,
        login=login,
        object_type="host",
        object_id=str(host_id),
        object_name=host.name if host else "",
        host_id=host.pk if host else None,
        outcome=AuditEvent.Outcome.DENIED,
        detail={"reason": reason},
    )


def record_changed_key(login: Login, host: Host, fingerprint: str) -> None:
    """Note that a host showed another key than the pinned one."""
    ledger.record(
        ledger.Action.HOST_KEY_CHANGED,
        login=login,
        object_type="host",
        object_id=str(host.pk),
        object_name=host.name,
        host_id=host.pk,
        outcome=AuditEvent.Outcome.DENIED,
        detail={"fingerprint": fingerprint},
    )


def set_detached(session_id: UUID, is_detached: bool) -> None:
    """Note that the session's person went away or came back."""
    before, after = Session.State.LIVE, Session.State.DETACHED
    if not is_detached:
        before, after = after, before
    Session.objects.filter(pk=session_id, state=before).update(state=after)


def request_end(session_id: UUID, login: Login, reason: str) -> bool:
    """Ask for a running session to end; False if it does not run. The asker must have passed audit.access."""
    with transaction.atomic():
        is_running = (
            Session.objects.filter(pk=session_id, state__in=Session.RUNNING, end_requested_at__isnull=True).update(
                end_requested_at=timezone.now(),
                end_requested_by_name=login.user.get_username(),
                end_requested_reason=reason[:500],
            )
            == 1
        )
        if is_running:
            session = Session.objects.get(pk=session_id)
            ledger.record_about(
                session,
                ledger.Action.SESSION_TERMINATED,
                login,
                detail={"reason": reason},
            )
    return is_running


def open_at(sessions: QuerySet[Session], moment: datetime) -> QuerySet[Session]:
    """Return those of `sessions` that were open at a moment."""
    if connection.vendor == "postgresql":
        # Implied by the rest, but this is the part for which there is an index (migration 0005).
        until = Case(When(ended_at__lt=F("started_at"), then=F("started_at")), default=F("ended_at"))
        times = Func(F("started_at"), until, Value("[]"), function="tstzrange")
        at = Cast(Value(moment), DateTimeField())
        is_open = Func(times, at, template="%(expressions)s", arg_joiner=" @> ", output_field=BooleanField())
        sessions = sessions.filter(is_open)
    still_open = Q(ended_at__isnull=True, state__in=Session.RUNNING)
    return sessions.filter(Q(ended_at__gte=moment) | still_open, started_at__lte=moment)


def ids_beginning_with(text: str) -> tuple[UUID, UUID] | None:
    """Return the first and the last id that begin like this; None for what is no beginning, or less than four digits.

    A range, unlike a pattern, is found by the index of the ids.
    """
    if not _ID_START.fullmatch(text):
        return None
    first, last = text + _FIRST_ID[len(text) :], text + _LAST_ID[len(text) :]
    return (UUID(first), UUID(last)) if _is_spelt(first) else None


def _is_spelt(text: str) -> bool:
    return [at for at, char in enumerate(text) if char == "-"] == _HYPHENS


def why_access_ended(login: Login, host_id: UUID) -> str | None:
    """Return None while the login stands and may connect to the host, else why not; reads the database."""
    ended = check_login(login)
    if ended is not None:
        return ended
    try:
        access_host(login, host_id, Action.CONNECT)
    except Host.DoesNotExist:
        return "grant ended"
    return None
