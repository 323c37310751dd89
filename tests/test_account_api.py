"""Tokens, oneself and the instance through the API."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache

from hosts.access import Action
from hosts.models import ApiToken
from tests.conftest import PASSWORD
from tests.inventory import API, Browser, Program, announcements, brief, fields_of, give, new_host

CANARY = "c4nary-passw0rd"


def test_a_token_is_shown_once_and_only_to_its_owner(bob: User, alice: User) -> None:
    browser = Browser(bob)
    with announcements() as heard:
        made = browser.post("tokens/", {"name": "ci", "scopes": ["read", "audit"], "days": 7})
        assert made.status_code == 201, made.content
        assert made["Cache-Control"] == "no-store"
        text = made.json()["token"]
        path = f"tokens/{made.json()['id']}/"
        headers = {"Authorization": f"Bearer {text}"}
        assert browser.client.get(f"{API}me/", headers=headers).json()["scopes"] == ["audit", "read"]
        assert Browser(alice).get(path).status_code == 404
        assert Browser(alice).delete(path).status_code == 404
        assert text.encode() not in browser.get("tokens/").content + browser.get(path).content
        assert browser.delete(path).status_code == 204
        assert browser.client.get(f"{API}me/", headers=headers).status_code == 401
    assert [said["action"] for said in heard] == ["token.created", "token.revoked"]
    assert text not in json.dumps([said["detail"] for said in heard])


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "a\x00"}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["root"]}, "scopes"),
        ({"scopes": ["metrics"]}, "scopes"),
        ({"days": 0}, "days"),
        ({"days": 366}, "days"),
        ({"days": "7"}, "days"),
        ({"days": 2**63}, "days"),
    ],
    ids=brief,
)
def test_an_unusable_token_is_refused_at_its_field(bob: User, changes: dict[str, Any], field: str) -> None:
    response = Browser(bob).post("tokens/", {"name": "ci", **changes})
    assert response.status_code == 400, response.content
    assert {name.partition(".")[0] for name in fields_of(response)} == {field}
    assert not ApiToken.objects.exists()


def test_a_token_cannot_make_tokens_or_change_anything(alice: User) -> None:
    program = Program(alice, "read", "connect", "audit", "terminate")
    for path, body in (
        ("tokens/", {"name": "more"}),
        ("hosts/", {"name": "web-01", "address": "10.0.0.5"}),
        ("credentials/", {}),
        ("grants/", {}),
        ("users/", {}),
        ("me/password/", {"current": PASSWORD, "new": CANARY}),
        ("me/notice/", {}),
    ):
        assert program.post(path, body).status_code == 403, path


def test_a_token_without_the_scope_read_reads_nothing(bob: User) -> None:
    program = Program(bob, "connect")
    for path in ("hosts/", "grants/", "me/"):
        response = program.get(path)
        assert response.status_code == 403
        assert "read" in response.json()["detail"]


def test_me_says_who_and_what(alice: User, carol: User) -> None:
    assert Browser(alice).get("me/").json() | {"id": 0} == {
        "id": 0,
        "name": "alice",
        "full_name": "",
        "is_admin": True,
        "can_audit": False,
        "kind": "web",
        "scopes": ["audit", "connect", "read", "terminate"],
        "notice_accepted": False,
    }
    give(carol, new_host(), Action.AUDIT)
    assert Browser(carol).get("me/").json()["can_audit"] is True
    assert Program(carol).get("me/").json()["can_audit"] is False


def test_accepting_the_notice_is_announced_once(bob: User) -> None:
    browser = Browser(bob)
    with announcements() as heard:
        assert [browser.post("me/notice/").status_code for _ in range(2)] == [204, 204]
    assert [(said["action"], said["object_name"]) for said in heard] == [("notice.accepted", "bob")]


def test_one_changes_ones_password_and_other_sign_ins_end(bob: User) -> None:
    browser, elsewhere = Browser(bob), Browser(bob)
    with announcements() as heard:
        assert fields_of(browser.post("me/password/", {"current": "wrong", "new": CANARY})) == {"current"}
        assert fields_of(browser.post("me/password/", {"current": PASSWORD, "new": "short"})) == {"new"}
        assert browser.post("me/password/", {"current": PASSWORD, "new": CANARY}).status_code == 204
    assert browser.get("me/").status_code == 200
    assert elsewhere.get("me/").status_code == 401
    bob.refresh_from_db()
    assert bob.check_password(CANARY)
    assert [said["action"] for said in heard] == ["password.changed"]


def test_guessing_the_current_password_is_slowed_down(bob: User) -> None:
    cache.clear()
    browser = Browser(bob)
    answers = [browser.post("me/password/", {"current": f"guess {n}", "new": CANARY}).status_code for n in range(8)]
    assert answers[0] == 400
    assert answers[-1] == 429
    assert browser.post("me/password/", {"current": PASSWORD, "new": CANARY}).status_code == 429
    cache.clear()


def test_the_instance_introduces_itself_to_anybody(db: None, client: Any) -> None:
    response = client.get(f"{API}instance/")
    assert response.status_code == 200
    facts = response.json()
    assert set(facts) == {"name", "version", "notice", "demo", "languages", "csrf_cookie"}
    assert facts["csrf_cookie"] in response.cookies
    assert facts["demo"] is False
    new_host("demo", is_demo=True)
    assert client.get(f"{API}instance/").json()["demo"] is True
