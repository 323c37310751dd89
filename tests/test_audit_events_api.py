"""The ledger over REST."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from audit import ledger
from audit.models import AuditEvent
from hosts.access import Action
from hosts.tokens import create_token
from tests.recordings import make_grant, make_host, web_login

EVENTS = "/api/v1/audit-events/"


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def line(bob: User) -> AuditEvent:
    """Something that happened on a host."""
    host = make_host("web-01")
    return ledger.record(
        ledger.Action.SESSION_STARTED,
        login=web_login(bob),
        object_type="session",
        object_id="5c1f",
        object_name="bob → web-01",
        host_id=host.pk,
        session_id=uuid.uuid4(),
        detail={"account": "deploy"},
    )


def rows(client: Client, query: str = "", **headers: Any) -> list[dict[str, Any]]:
    answer = client.get(f"{EVENTS}{query}", **headers)
    assert answer.status_code == 200, answer.content
    found: list[dict[str, Any]] = answer.json()["results"]
    return found


def test_administrators_read_all_and_auditors_what_is_about_their_hosts(
    line: AuditEvent, alice: User, bob: User, carol: User, mallory: User
) -> None:
    ledger.record(ledger.Action.SETTING_CHANGED, login=None)
    assert len(rows(signed_in(alice))) == 2
    for person in (bob, carol, mallory):
        assert rows(signed_in(person)) == []
    host = make_host("web-02")
    make_grant(carol, host, Action.AUDIT)
    assert rows(signed_in(carol)) == []
    ledger.record(ledger.Action.SESSION_DENIED, login=None, host_id=host.pk)
    assert [row["action"] for row in rows(signed_in(carol))] == ["session.denied"]


def test_tokens_need_the_scope(line: AuditEvent, alice: User) -> None:
    def header(*scopes: str) -> dict[str, Any]:
        return {"HTTP_AUTHORIZATION": f"Bearer {create_token(alice, 'test', scopes, 1)[1].reveal().decode()}"}

    assert len(rows(Client(), **header("read", "audit"))) == 1
    assert Client().get(EVENTS, **header("read")).status_code == 403
    assert Client().get(EVENTS).status_code in {401, 403}


def test_a_line_shows_everything_but_what_is_internal(line: AuditEvent, alice: User) -> None:
    (row,) = rows(signed_in(alice))
    assert row.pop("id") == line.pk
    assert row.pop("at").endswith("Z")
    assert row == {
        "actor": "bob",
        "action": "session.started",
        "object_type": "session",
        "object_id": "5c1f",
        "object_name": "bob → web-01",
        "session": str(line.session_id),
        "address": "192.0.2.7",
        "outcome": "ok",
        "detail": {"account": "deploy"},
    }


@pytest.mark.parametrize(
    ("query", "is_found"),
    [
        ("actor=bob", True),
        ("actor=alice", False),
        ("action=session.started", True),
        ("action=session.ended,session.started", True),
        ("action=session.ended", False),
        ("object_type=session", True),
        ("object_id=5c1f", True),
        ("object_id=5c1", False),
        ("outcome=ok", True),
        ("outcome=denied,failed", False),
        ("after=2026-01-01", True),
        ("before=2026-01-01", False),
        ("q=WEB-01", True),
        ("q=192.0.2", True),
        ("q=%25", False),
    ],
)
def test_filters_mean_what_they_say(line: AuditEvent, alice: User, query: str, is_found: bool) -> None:
    assert len(rows(signed_in(alice), f"?{query}")) == is_found


def test_hostile_text_stays_one_line_and_no_formula(alice: User) -> None:
    ledger.record(
        ledger.Action.SIGN_IN_FAILED,
        login=None,
        actor_name="=cmd|' /C calc'!A0\r\n\x1b[2J\u2028\u202e",
        outcome="failed",
    )
    client = signed_in(alice)
    assert client.get(f"{EVENTS}?format=jsonl").getvalue().count(b"\n") == 1
    assert "'=cmd" in client.get(f"{EVENTS}?format=csv").getvalue().decode()
    # Exports are themselves in the ledger.
    assert AuditEvent.objects.filter(action="audit.exported").count() == 2


def test_there_is_no_way_to_change_the_ledger(line: AuditEvent, alice: User) -> None:
    client = signed_in(alice)
    for method in (client.post, client.put, client.patch, client.delete):
        assert method(EVENTS, {}, content_type="application/json").status_code == 405
