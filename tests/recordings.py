"""Hosts, grants, logins and recordings for tests, made the way the product makes them, or nearly."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from django.contrib.auth.models import User
from django.utils import timezone

from audit.asciicast import Header, encode_event, encode_header
from audit.events import Event
from audit.models import Session
from audit.recording.key import make_key, new_recording_key
from audit.recording.segment import SegmentFacts, facts_of
from audit.recording.shipping import ClosedSegment, ship_segment
from audit.recording.storage import delete_object, list_objects
from hosts.access import Action
from hosts.logins import WEB_SCOPES, Login
from hosts.models import Grant, Host

STARTED_AT = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)


def make_host(name: str = "") -> Host:
    name = name or f"host-{secrets.token_hex(4)}"
    return Host.objects.create(name=name, address="127.0.0.1")


def make_grant(user: User, host: Host, *actions: Action, days: float | None = None) -> Grant:
    now = timezone.now()
    return Grant.objects.create(
        user=user,
        host=host,
        valid_from=now - timedelta(days=1),
        valid_until=None if days is None else now + timedelta(days=days),
        **{action.value: True for action in actions},
    )


def web_login(user: User, key: str = "") -> Login:
    """A login that reads as one through a browser, for calling what takes one directly."""
    return Login(user=user, kind="web", key=key or secrets.token_hex(32), scopes=WEB_SCOPES, address="192.0.2.7")


def make_session(
    user: User,
    host: Host,
    *,
    started_at: datetime = STARTED_AT,
    state: str = Session.State.LIVE,
    cols: int = 80,
    rows: int = 24,
    session_id: UUID | None = None,
) -> Session:
    session = Session(
        pk=session_id or uuid4(),
        user=user,
        user_name=user.get_username(),
        host=host,
        host_name=host.name,
        account="deploy",
        state=state,
        started_at=started_at,
        cols=cols,
        rows=rows,
    )
    # Of an earlier test with the same id: rows are rolled back, objects are not.
    for name in list_objects(f"{session.pk.hex[:2]}/{session.pk}"):
        delete_object(name)
    session.recording_key = make_key()  # type: ignore[attr-defined]
    session.save()
    new_recording_key(session.pk, 0, session.recording_key).save()  # type: ignore[attr-defined]
    return session


def record_segments(session: Session, *segments: Sequence[Event]) -> None:
    """Store each sequence of events as a closed segment, through the product's own shipping."""
    key: bytes = session.recording_key  # type: ignore[attr-defined]
    facts = SegmentFacts(n=0, cols=session.cols, rows=session.rows, encoding=session.encoding, previous_t=0.0)
    for events in segments:
        header = Header(cols=session.cols, rows=session.rows, timestamp=int(session.started_at.timestamp()))
        plain = (encode_header(header) if facts.n == 0 else b"") + b"".join(map(encode_event, events))
        facts = facts_of(events, facts)
        ship_segment(session.pk, key, ClosedSegment(facts, plain))
        facts = facts.following()
    session.refresh_from_db()
