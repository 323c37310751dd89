"""Recordings that ended a while ago, with everything that the product makes of one, and what is left of them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone
from redis import Redis

from audit.access import search_scope
from audit.events import Input, Marker, Output
from audit.indexing.indexer import index_session
from audit.models import AuditEvent, Command, RecordingKey, RecordingView, Session
from audit.recording.seal import manifest_name, seal_recording
from audit.recording.stream import stream_key
from audit.search import Filters, backend
from hosts.access import Action
from hosts.models import Host
from tests.recordings import make_grant, make_session, record_segments, web_login

CANARY = "canary-in-the-recording"


def keep_recording(
    user: User,
    host: Host,
    *,
    days: float,
    state: Session.State = Session.State.SEALED,
    has_all: bool = True,
    word: str = CANARY,
) -> Session:
    """A session that ended `days` ago, recorded and sealed; with `has_all`, indexed, watched, torn and looked at, too.

    `word` was typed and shown. With a `state` that no seal leads to, the session is put into it afterwards.
    """
    ended_at = timezone.now() - timedelta(days=days)
    session = make_session(user, host, started_at=ended_at - timedelta(minutes=1), state=Session.State.ENDED)
    record_segments(
        session,
        [Output(0.1, "me@box:~$ "), Input(1.0, f"echo {word}\r"), Output(1.1, f"echo {word}\r\n{word}\r\n")],
        [Output(2.0, "me@box:~$ "), Marker(2.5, word)],
    )
    Session.objects.filter(pk=session.pk).update(ended_at=ended_at, end_reason="exit")
    session.segments.update(closed_at=ended_at)
    seal_recording(session.pk, Session.State.SEALED)
    if has_all:
        make_derived(session, word)
    Session.objects.filter(pk=session.pk).update(state=state)
    session.refresh_from_db()
    return session


def make_derived(session: Session, word: str) -> None:
    """Make of a recording what indexing, watching, a crash and a look make."""
    index_session(session.pk)
    facts = {"t": 1.0, "at": session.started_at, "source": "screen", "confidence": 0.9}
    Command.objects.create(
        session=session, ordinal=99, command=word, user_id=session.user_id, host_id=session.host_id, **facts
    )
    Session.objects.filter(pk=session.pk).update(index_state=b"carried along")
    with Redis.from_url(settings.REDIS_URL) as redis:
        redis.xadd(stream_key(session.pk), {"x": "1"})
    for path in set_aside(session):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'[3.0, "o", "{word}')
    RecordingView.objects.create(session=session, user_id=session.user_id or 0, login="0" * 64, at=timezone.now())


def set_aside(session: Session) -> list[Path]:
    """What recovery may have kept of a recording, as it names it."""
    name = str(session.pk)
    return [
        settings.RECORDINGS_DIR / "torn" / f"{name}-2",
        settings.RECORDINGS_DIR / "torn" / f"{name}-2.object",
        settings.RECORDINGS_DIR / "torn" / f".{name}-3.partial",
        settings.RECORDINGS_DIR / "orphaned" / name / "0.cast",
        settings.RECORDINGS_DIR / "orphaned" / f"{name}.1" / "0.cast",
        settings.OPEN_DIR / f"{name}.unreadable" / "0.cast",
    ]


def object_directory(session: Session) -> Path:
    location: str = settings.STORAGES["recordings"]["OPTIONS"]["location"]
    return Path(location) / manifest_name(session.pk).rpartition("/")[0]


def objects_of(session: Session) -> set[str]:
    return {path.name for path in object_directory(session).iterdir()}


def left_of(session: Session) -> set[str]:
    """What there is, by kind, of a recording that has_all."""
    row = Session.objects.get(pk=session.pk)
    with Redis.from_url(settings.REDIS_URL) as redis:
        has_stream = redis.exists(stream_key(session.pk))
    names = objects_of(session)
    found = {
        "keys": RecordingKey.objects.filter(session=session, wrapped__isnull=False).exists(),
        "wrapped keys in the store": any(name.endswith(".age") for name in names),
        "segments": any(name.endswith(".segment") for name in names),
        "commands": row.commands.exists(),
        "screens": row.segments.filter(snapshot__isnull=False).exists(),
        "labels": row.segments.exclude(markers=[]).exists(),
        "the indexer's state": row.index_state is not None,
        "text": has_text(session),
        "stream": bool(has_stream),
        "what a recovery set aside": any(path.exists() for path in set_aside(session)),
    }
    return {kind for kind, is_there in found.items() if is_there}


EVERYTHING = {
    "keys",
    "wrapped keys in the store",
    "segments",
    "commands",
    "screens",
    "labels",
    "the indexer's state",
    "text",
    "stream",
    "what a recovery set aside",
}


def has_text(session: Session) -> bool:
    """Whether the search index knows the recording, for somebody who may see it."""
    assert session.user is not None
    make_grant(session.user, session.host, Action.VIEW_OWN)
    filters = Filters(session_id=session.pk)
    return bool(
        backend().find(search_scope(web_login(session.user)), CANARY, cursor=None, limit=9, filters=filters).hits
    )


def deletions_of(session: Session) -> list[AuditEvent]:
    """The ledger's lines that say that a recording was deleted."""
    return list(AuditEvent.objects.filter(action="recording.deleted", session_id=session.pk))
