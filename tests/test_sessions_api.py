"""Sessions over REST: who sees which, what filters mean, ending and verifying."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from audit.events import Output
from audit.models import AuditEvent, Command, Segment, Session
from hosts.access import Action
from hosts.models import Host
from hosts.tokens import create_token
from tests.recordings import STARTED_AT, make_grant, make_host, make_session, record_segments

SESSIONS = "/api/v1/sessions/"
EVERY_FILE = [
    "",
    "recording.cast",
    "transcript.txt",
    "commands/",
    "replay.json",
    "segments/0.json",
    "search/?q=secret",
    "verify",
]
# These need the grant `export`, too: tests/test_evidence_grants.py.
EXACT_COPIES = ["recording.raw", "replay.html", "evidence.zip"]

pytestmark = pytest.mark.usefixtures("valkey")


@pytest.fixture
def host(db: None) -> Host:
    return make_host("web-01")


@pytest.fixture
def session(bob: User, host: Host) -> Session:
    """Bob's session on web-01, on which he may see his own."""
    make_grant(bob, host, Action.CONNECT, Action.VIEW_OWN)
    session = make_session(bob, host)
    record_segments(session, [Output(1.0, "$ echo secret\r\nsecret\r\n")])
    Command.objects.create(
        session=session,
        ordinal=0,
        t=1.0,
        at=STARTED_AT + timedelta(seconds=1),
        command="echo secret",
        source="screen",
        confidence=0.9,
        user_id=bob.pk,
        host_id=host.pk,
    )
    return session


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def with_token(user: User, *scopes: str) -> dict[str, Any]:
    _, text = create_token(user, "test", scopes, 1)
    return {"HTTP_AUTHORIZATION": f"Bearer {text.reveal().decode()}"}


def ids(client: Client, query: str = "", **headers: Any) -> list[str]:
    answer = client.get(f"{SESSIONS}{query}", **headers)
    assert answer.status_code == 200, answer.content
    return [row["id"] for row in answer.json()["results"]]


def test_a_session_shows_the_names_of_then_and_what_one_may_do(session: Session, bob: User, host: Host) -> None:
    row = signed_in(bob).get(f"{SESSIONS}{session.pk}/").json()
    host.name = "renamed"
    host.save()
    assert row == signed_in(bob).get(SESSIONS).json()["results"][0]
    assert (row["user"], row["host"], row["account"], row["state"]) == ("bob", "web-01", "deploy", "live")
    assert (row["user_id"], row["host_id"]) == (bob.pk, str(host.pk))
    assert (row["proof"], row["actions"], row["events"]) == ("open", [], 1)
    make_grant(bob, host, Action.TERMINATE)
    assert signed_in(bob).get(f"{SESSIONS}{session.pk}/").json()["actions"] == ["terminate"]


@pytest.mark.parametrize("path", [*EVERY_FILE, *EXACT_COPIES])
def test_what_one_may_not_see_is_not_there(
    session: Session, path: str, alice: User, carol: User, mallory: User
) -> None:
    url = f"{SESSIONS}{session.pk}/{path}"
    # Administrators and people with grants for the host are strangers to the recording alike.
    granted = (Action.CONNECT, Action.VIEW_OWN, Action.TERMINATE, Action.EXPORT, Action.VIEW_INPUT)
    make_grant(carol, session.host, *granted)
    for person in (alice, carol, mallory):
        answer = signed_in(person).get(url)
        assert answer.status_code == 404
        missing = signed_in(person).get(f"{SESSIONS}{uuid.uuid4()}/{path}")
        assert answer.json() == missing.json()
    assert Client().get(url).status_code in {401, 403}
    assert not AuditEvent.objects.filter(action="recording.viewed").exists()


@pytest.mark.parametrize("path", EVERY_FILE)
def test_owners_auditors_and_tokens_with_the_scope_see_everything(
    session: Session, path: str, bob: User, carol: User, host: Host
) -> None:
    url = f"{SESSIONS}{session.pk}/{path}"
    make_grant(carol, host, Action.AUDIT)
    for person in (bob, carol):
        assert signed_in(person).get(url).status_code == 200
    assert Client().get(url, **with_token(carol, "read", "audit")).status_code == 200
    assert Client().get(url, **with_token(carol, "read")).status_code == 404
    assert Client().get(url, **with_token(carol, "connect")).status_code == 403
    assert Client().get(url, **with_token(bob, "read")).status_code == 200


@pytest.mark.parametrize("path", ["x", "0", "None", "..%2f..%2fetc", "{id}x", "%00", "9" * 400])
@pytest.mark.parametrize("suffix", ["/", "/recording.cast", "/segments/0.json"])
def test_an_id_that_is_none_is_not_there(bob: User, path: str, suffix: str) -> None:
    assert signed_in(bob).get(f"{SESSIONS}{path}{suffix}").status_code == 404


@pytest.mark.parametrize("n", ["1", "99999999999999999999999", "-1", "x"])
def test_a_segment_that_is_none_is_not_there(session: Session, bob: User, n: str) -> None:
    assert signed_in(bob).get(f"{SESSIONS}{session.pk}/segments/{n}.json").status_code == 404


def test_a_grant_that_ends_takes_the_sessions_away(session: Session, bob: User) -> None:
    client = signed_in(bob)
    assert ids(client) == [str(session.pk)]
    bob.grants.update(valid_until=STARTED_AT)
    assert ids(client) == []
    assert client.get(f"{SESSIONS}{session.pk}/").status_code == 404


@pytest.mark.parametrize(
    ("query", "is_found"),
    [
        ("user=bob", True),
        ("user=bo", False),
        ("host=web-01", True),
        ("host=web", False),
        ("state=live", True),
        ("state=sealed,live", True),
        ("state=sealed", False),
        ("started_after=2026-11-20T14:00:00Z", True),
        ("started_after=2026-11-20T14:00:01Z", False),
        ("started_before=2026-11-20T14:00:01Z", True),
        ("started_before=2026-11-20T14:00:00%2B00:00", False),
        ("active_at=2026-11-20T15:00:00Z", True),
        ("active_at=2026-11-20T13:00:00Z", False),
        ("q=WEB", True),
        ("q=deploy", True),
        ("q=nothing", False),
        ("q=%25", False),
        ("q=_", False),
    ],
)
def test_filters_mean_what_they_say(session: Session, bob: User, query: str, is_found: bool) -> None:
    assert ids(signed_in(bob), f"?{query}") == ([str(session.pk)] if is_found else [])


def test_ids_and_their_beginnings_find_sessions_and_hosts(session: Session, bob: User, host: Host) -> None:
    client = signed_in(bob)
    for query in (f"q={session.pk}", f"q={str(session.pk)[:8]}", f"q={str(session.pk)[:8].upper()}", f"host={host.pk}"):
        assert ids(client, f"?{query}") == [str(session.pk)]


def test_only_one_that_runs_and_only_who_may_can_end_it(session: Session, bob: User, carol: User, host: Host) -> None:
    url = f"{SESSIONS}{session.pk}/terminate"
    body = {"reason": "wrong host, call me"}
    client = signed_in(carol)
    assert client.post(url, body, content_type="application/json").status_code == 404
    make_grant(carol, host, Action.AUDIT)
    assert client.post(url, body, content_type="application/json").status_code == 404
    make_grant(carol, host, Action.TERMINATE)
    unusable: list[Any] = [{}, {"reason": ""}, {"reason": "x" * 501}, {"reason": 7}, [], "text"]
    for bad in unusable:
        assert client.post(url, bad, content_type="application/json").status_code == 400
    assert client.get(url).status_code == 405
    assert client.post(url, body, content_type="application/json").status_code == 202
    session.refresh_from_db()
    assert (session.end_requested_by_name, session.end_requested_reason) == ("carol", "wrong host, call me")
    line = AuditEvent.objects.get(action="session.terminated")
    assert (line.actor_name, line.session_id, line.detail["reason"]) == ("carol", session.pk, "wrong host, call me")
    Session.objects.filter(pk=session.pk).update(state=Session.State.SEALED)
    assert client.post(url, body, content_type="application/json").status_code == 409


def test_verifying_says_intact_and_then_which_segment_was_altered(session: Session, bob: User) -> None:
    client = signed_in(bob)
    report = client.get(f"{SESSIONS}{session.pk}/verify").json()
    assert (report["ok"], report["verdict"], report["segments"], report["problems"]) == (True, "intact", 1, [])
    assert report["chain"] == Segment.objects.get(session=session).chain
    Segment.objects.filter(session=session).update(plain_sha256="0" * 64)
    report = client.get(f"{SESSIONS}{session.pk}/verify").json()
    assert (report["ok"], report["verdict"]) == (False, "altered")
    assert report["problems"][0]["segment"] == 0
    assert AuditEvent.objects.filter(action="recording.verified", session_id=session.pk).count() == 2


def test_lists_leave_as_files_with_a_line_in_the_ledger(session: Session, bob: User) -> None:
    answer = signed_in(bob).get(f"{SESSIONS}?format=csv&state=live")
    lines = answer.getvalue().decode().splitlines()
    assert lines[0].startswith("id,kind,user,user_id,host")
    assert len(lines) == 2
    line = AuditEvent.objects.get(action="audit.exported")
    assert line.detail == {"format": "csv", "filters": {"state": "live"}}


def test_commands_of_one_session_come_in_order_and_those_of_all_newest_first(
    session: Session, bob: User, mallory: User
) -> None:
    client = signed_in(bob)
    (row,) = client.get(f"{SESSIONS}{session.pk}/commands/").json()["results"]
    assert row == {
        "session": str(session.pk),
        "user": "bob",
        "host": "web-01",
        "at": "2026-11-20T14:00:01Z",
        "t": 1.0,
        "end_t": None,
        "command": "echo secret",
        "source": "screen",
        "confidence": 0.9,
        "exit_status": None,
    }
    assert client.get("/api/v1/commands/?q=ECHO&user=bob&host=web-01").json()["results"] == [row]
    assert client.get("/api/v1/commands/?q=nothing").json()["results"] == []
    assert client.get(f"/api/v1/commands/?session={session.pk}").json()["results"] == [row]
    assert signed_in(mallory).get("/api/v1/commands/").json()["results"] == []
    assert client.get(f"{SESSIONS}{session.pk}/commands/?format=jsonl").getvalue().count(b"\n") == 1


def test_head_and_options_answer_without_content_or_a_view(session: Session, bob: User) -> None:
    client = signed_in(bob)
    for path in EVERY_FILE:
        url = f"{SESSIONS}{session.pk}/{path}"
        head = client.head(url)
        assert head.status_code == 200, url
        assert client.options(url).status_code in {200, 405}
    assert not AuditEvent.objects.filter(action="recording.viewed").exists()
