"""One look at a recording is one line in the ledger, however many requests it takes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection, connections
from django.test import Client
from django.utils import timezone

from audit.events import Output
from audit.models import AuditEvent, RecordingView, Session
from audit.viewing import note_view
from hosts.access import Action
from hosts.logins import Login
from tests.recordings import make_grant, make_host, make_session, record_segments, web_login

pytestmark = pytest.mark.usefixtures("valkey")


@pytest.fixture
def session(bob: User) -> Session:
    host = make_host("web-01")
    make_grant(bob, host, Action.VIEW_OWN)
    session = make_session(bob, host)
    record_segments(session, [Output(1.0, "hello")])
    return session


def views() -> int:
    return AuditEvent.objects.filter(action="recording.viewed").count()


def test_everything_that_a_replay_page_asks_for_is_one_view(session: Session, bob: User) -> None:
    client = Client()
    client.force_login(bob)
    for path in ("replay.json", "segments/0.json", "commands/", "transcript.txt", "recording.cast", "replay.json"):
        assert client.get(f"/api/v1/sessions/{session.pk}/{path}").status_code == 200
    assert views() == 1
    line = AuditEvent.objects.get(action="recording.viewed")
    assert (line.actor_name, line.object_name, line.session_id) == ("bob", "bob → web-01", session.pk)
    assert line.host_id == session.host_id


def test_facts_about_a_session_are_not_a_view(session: Session, bob: User) -> None:
    client = Client()
    client.force_login(bob)
    client.get("/api/v1/sessions/")
    client.get(f"/api/v1/sessions/{session.pk}/")
    client.get(f"/api/v1/sessions/{session.pk}/verify")
    assert views() == 0


def test_another_sign_in_person_or_recording_is_another_view(session: Session, bob: User, carol: User) -> None:
    first = web_login(bob)
    note_view(session, first)
    note_view(session, first)
    assert views() == 1
    note_view(session, web_login(bob))
    note_view(session, web_login(carol))
    note_view(make_session(bob, session.host), first)
    assert views() == 4


def test_half_an_hour_later_it_is_another_view(session: Session, bob: User) -> None:
    login = web_login(bob)
    note_view(session, login)
    RecordingView.objects.update(at=timezone.now() - timedelta(minutes=29))
    note_view(session, login)
    assert views() == 1
    RecordingView.objects.update(at=timezone.now() - timedelta(minutes=31))
    note_view(session, login)
    note_view(session, login)
    assert views() == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_old", [False, True])
def test_requests_at_the_same_moment_are_one_view(bob: User, is_old: bool) -> None:
    session = make_session(bob, make_host())
    login = web_login(bob)
    if is_old:
        note_view(session, login)
        RecordingView.objects.update(at=timezone.now() - timedelta(hours=1))
    before = views()

    def look(one: Login) -> None:
        try:
            note_view(session, one)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(look, [login] * 8))
    connection.ensure_connection()
    assert views() == before + 1
