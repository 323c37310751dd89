"""Credentials, grants, users, groups, tokens and oneself."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from django.contrib.auth.models import Group, User
from django.core.cache import cache
from django.utils import timezone

from hosts.access import Action
from hosts.credentials import open_credential
from hosts.models import ApiToken, Credential, Grant, HostGroup
from tests.conftest import PASSWORD
from tests.inventory import API, Browser, Program, announcements, brief, cases, fields_of, give, new_host

KEY = (
    ed25519.Ed25519PrivateKey.generate()
    .private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.BestAvailableEncryption(b"open sesame"),
    )
    .decode()
)
CANARY = "c4nary-passw0rd"


@pytest.fixture
def admin(alice: User) -> Browser:
    return Browser(alice)


def test_secrets_of_credentials_go_in_and_never_come_out(admin: Browser) -> None:
    body = {"name": "deploy", "username": "deploy", "kind": "password", "secret": CANARY}
    with announcements() as heard:
        made = admin.post("credentials/", body)
        assert made.status_code == 201, made.content
        path = f"credentials/{made.json()['id']}/"
        changed = admin.patch(path, {"secret": CANARY + "2"})
        kept = admin.patch(path, {"name": "deploy 2"})
    everything = (
        b"".join(
            [made.content, changed.content, kept.content, admin.get("credentials/").content, admin.get(path).content]
        )
        + json.dumps([said["detail"] for said in heard]).encode()
    )
    assert CANARY.encode() not in everything
    assert "secret" not in made.json()
    assert [(said["action"], sorted(said["detail"]["after"])) for said in heard] == [
        ("credential.created", ["fingerprint", "kind", "name", "secret", "username"]),
        ("credential.changed", ["secret"]),
        ("credential.changed", ["name"]),
    ]
    login = open_credential(Credential.objects.get())
    assert login.password is not None
    assert login.password.reveal().decode() == CANARY + "2"


def test_a_private_key_is_kept_with_its_fingerprint(admin: Browser) -> None:
    body = {"name": "k", "username": "deploy", "kind": "private_key", "secret": KEY, "passphrase": "open sesame"}
    made = admin.post("credentials/", body)
    assert made.status_code == 201, made.content
    assert made.json()["fingerprint"].startswith("SHA256:")
    assert open_credential(Credential.objects.get()).private_key_pem is not None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"secret": KEY}, "passphrase"),
        ({"secret": KEY, "passphrase": "wrong"}, "passphrase"),
        ({"secret": "rubbish"}, "secret"),
        ({"secret": None}, "secret"),
        ({"secret": "x" * 40_000}, "secret"),
        ({"kind": "password", "secret": "a\nb"}, "secret"),
        ({"kind": "password", "secret": "x", "passphrase": "y"}, "passphrase"),
        ({"kind": "token"}, "kind"),
        ({"username": "-oProxyCommand=x"}, "username"),
        ({"username": "root\n"}, "username"),
        ({"name": "a\x00b"}, "name"),
        ({"name": "TAKEN"}, "name"),
    ],
    ids=brief,
)
def test_an_unusable_credential_is_refused_at_its_field(admin: Browser, changes: dict[str, Any], field: str) -> None:
    Credential.objects.create(name="taken", username="x", kind="password", sealed_secret=b"")
    good = {"name": "k", "username": "deploy", "kind": "private_key", "secret": KEY, "passphrase": "open sesame"}
    if "secret" in changes and "passphrase" not in changes:
        del good["passphrase"]
    if "kind" in changes and changes["kind"] == "token":
        del good["passphrase"]
    response = admin.post("credentials/", {**good, **changes})
    assert (response.status_code, fields_of(response)) == (400, {field}), response.content
    assert Credential.objects.count() == 1
    assert b"BEGIN OPENSSH" not in response.content


def test_another_kind_needs_another_secret(admin: Browser) -> None:
    body = {"name": "deploy", "username": "deploy", "kind": "password", "secret": CANARY}
    path = f"credentials/{admin.post('credentials/', body).json()['id']}/"
    assert fields_of(admin.patch(path, {"kind": "private_key"})) == {"secret"}


def test_a_credential_in_use_stays(admin: Browser) -> None:
    credential = Credential.objects.create(name="deploy", username="x", kind="password", sealed_secret=b"")
    host = new_host("web-01", credential=credential)
    response = admin.delete(f"credentials/{credential.pk}/")
    assert response.status_code == 409
    assert "web-01" in response.json()["detail"]
    assert admin.get(f"credentials/{credential.pk}/").json()["host_count"] == 1
    assert admin.patch(f"hosts/{host.pk}/", {"credential_id": None}).status_code == 200
    with announcements() as heard:
        assert admin.delete(f"credentials/{credential.pk}/").status_code == 204
    assert [said["action"] for said in heard] == ["credential.deleted"]


def test_a_grant_is_given_and_revoked(admin: Browser, bob: User) -> None:
    host = new_host("web-01")
    body = {"user_id": bob.pk, "host_id": str(host.pk), "actions": ["connect", "view_own"], "reason": "on call"}
    with announcements() as heard:
        made = admin.post("grants/", body)
        assert made.status_code == 201, made.content
        grant = made.json()
        path = f"grants/{grant['id']}/"
        assert admin.patch(path, {"actions": ["audit"]}).status_code == 405
        assert admin.delete(path).status_code == 204
        assert admin.delete(path).status_code == 204
    assert grant["user"] == {"id": bob.pk, "name": "bob"}
    assert grant["host"] == {"id": str(host.pk), "name": "web-01"}
    assert (grant["group"], grant["host_group"]) == (None, None)
    assert (grant["actions"], grant["state"], grant["granted_by"]) == (["connect", "view_own"], "active", "alice")
    after = admin.get(path).json()
    assert (after["state"], after["revoked_by"]) == ("revoked", "alice")
    assert [said["action"] for said in heard] == ["grant.created", "grant.revoked"]
    assert heard[0]["host_id"] == host.pk
    assert heard[0]["detail"]["after"]["actions"] == ["connect", "view_own"]


def test_grants_name_exactly_one_person_and_one_place(admin: Browser, bob: User) -> None:
    group, host_group, host = Group.objects.create(name="g"), HostGroup.objects.create(name="hg"), new_host()
    who: dict[str, Any] = {"user_id": bob.pk, "group_id": group.pk}
    where = {"host_id": str(host.pk), "host_group_id": str(host_group.pk)}
    actions = {"actions": ["connect"]}
    assert fields_of(admin.post("grants/", {**who, "host_id": where["host_id"], **actions})) == {"user_id"}
    assert fields_of(admin.post("grants/", {"host_id": where["host_id"], **actions})) == {"user_id"}
    assert fields_of(admin.post("grants/", {"user_id": bob.pk, **where, **actions})) == {"host_id"}
    assert fields_of(admin.post("grants/", {"user_id": bob.pk, **actions})) == {"host_id"}
    good = {"group_id": group.pk, "user_id": None, "host_group_id": where["host_group_id"], **actions}
    assert admin.post("grants/", good).status_code == 201


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *cases("actions", [], ["fly"], "connect", [1], None, ["connect"] * 5, {}),
        *cases("user_id", 0, -1, 2**63, 2**200, 1.5, "1", True, [], 10**9),
        *cases("host_id", "x", 5, "{}", ["x"]),
        *cases("valid_from", "0000-00-00", "2026-13-01", "x", 5, "2026-11-21T10:00:00+25:00", "", None),
        *cases("valid_until", "2020-01-01", "9999-12-31", "2026-02-30T00:00:00Z", "0001-01-01T00:00Z"),
        *cases("reason", "a\nb", "x" * 501, 5, "\x00", None),
    ],
    ids=brief,
)
def test_an_unusable_grant_is_refused_at_its_field(admin: Browser, bob: User, field: str, value: Any) -> None:
    good = {"user_id": bob.pk, "host_id": str(new_host().pk), "actions": ["connect"]}
    response = admin.post("grants/", {**good, field: value})
    assert response.status_code == 400, response.content
    assert {name.partition(".")[0] for name in fields_of(response)} == {field}
    assert not Grant.objects.exists()


def test_a_grant_ends_after_it_begins(admin: Browser, bob: User) -> None:
    body = {"user_id": bob.pk, "host_id": str(new_host().pk), "actions": ["connect"], "valid_from": "2098-01-01"}
    assert fields_of(admin.post("grants/", {**body, "valid_until": "2097-01-01"})) == {"valid_until"}
    made = admin.post("grants/", {**body, "valid_until": "2099-01-01T00:00:00+02:00"})
    assert (made.json()["state"], made.json()["valid_until"]) == ("pending", "2098-12-31T22:00:00Z")


def test_grants_are_found_by_filter_and_by_state(admin: Browser, bob: User, carol: User) -> None:
    now, hour = timezone.now(), timedelta(hours=1)
    host = new_host()
    made = {
        "active": give(bob, host, Action.CONNECT),
        "pending": give(bob, host, Action.CONNECT, valid_from=now + hour),
        "expired": give(bob, host, Action.CONNECT, valid_until=now - hour),
        "revoked": give(bob, host, Action.CONNECT, revoked_at=now),
    }
    other = give(carol, HostGroup.objects.create(name="hg"), Action.AUDIT, valid_until=now + hour)

    def found(**query: Any) -> set[str]:
        return {row["id"] for row in admin.get("grants/", **query).json()["results"]}

    for state, grant in made.items():
        assert found(state=state, user=bob.pk) == {str(grant.pk)}
        assert admin.get(f"grants/{grant.pk}/").json()["state"] == state
    assert found(state="active") == {str(made["active"].pk), str(other.pk)}
    assert found(state="active,expired", host=str(host.pk)) == {str(made["active"].pk), str(made["expired"].pk)}
    assert found(host_group=str(other.host_group_id)) == found(user=carol.pk) == {str(other.pk)}
    assert {row["id"] for row in Browser(bob).get("grants/").json()["results"]} == {
        str(row.pk) for row in made.values()
    }
    assert Browser(bob).get(f"grants/{other.pk}/").status_code == 404


def test_an_administrator_adds_and_changes_people(admin: Browser) -> None:
    group = Group.objects.create(name="operators")
    body = {
        "name": "dave",
        "full_name": "Dave Ng",
        "email": "d@example.org",
        "password": CANARY,
        "group_ids": [group.pk],
    }
    with announcements() as heard:
        made = admin.post("users/", body)
        assert made.status_code == 201, made.content
        path = f"users/{made.json()['id']}/"
        assert admin.patch(path, {"is_active": False}).json()["is_active"] is False
        assert admin.patch(path, {"is_admin": True, "password": CANARY + "2"}).json()["is_admin"] is True
        assert admin.patch(path, {"group_ids": []}).json()["groups"] == []
    assert made.json()["groups"] == [{"id": group.pk, "name": "operators"}]
    assert (made.json()["full_name"], made.json()["last_sign_in"]) == ("Dave Ng", None)
    dave = User.objects.get(username="dave")
    assert dave.check_password(CANARY + "2")
    assert dave.is_superuser
    assert [said["action"] for said in heard] == ["user.created"] + ["user.changed"] * 3
    assert heard[2]["detail"]["after"]["password"] == "replaced"
    assert CANARY not in json.dumps([said["detail"] for said in heard])
    assert admin.delete(path).status_code == 405


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "ALICE"}, "name"),
        ({"name": "a b"}, "name"),
        ({"name": "\u0430\u200b"}, "name"),
        ({"name": "x" * 151}, "name"),
        ({"name": ""}, "name"),
        ({"password": "short"}, "password"),
        ({"password": "password123"}, "password"),
        ({"password": None}, "password"),
        ({"email": "not an address"}, "email"),
        ({"full_name": "a\x1b[2Jb"}, "full_name"),
        ({"is_admin": "yes"}, "is_admin"),
        ({"group_ids": [999_999]}, "group_ids"),
    ],
    ids=brief,
)
def test_an_unusable_person_is_refused_at_the_field(admin: Browser, changes: dict[str, Any], field: str) -> None:
    response = admin.post("users/", {"name": "dave", "password": CANARY, **changes})
    assert (response.status_code, fields_of(response)) == (400, {field}), response.content
    assert User.objects.count() == 1


def test_nobody_locks_themselves_out(admin: Browser, alice: User) -> None:
    for change in ({"is_active": False}, {"is_admin": False}):
        assert admin.patch(f"users/{alice.pk}/", change).status_code == 400
    alice.refresh_from_db()
    assert alice.is_active
    assert alice.is_staff


def test_groups_count_their_people_and_stay_while_grants_name_them(admin: Browser, bob: User) -> None:
    made = admin.post("groups/", {"name": "operators"}).json()
    group = Group.objects.get()
    bob.groups.add(group)
    assert admin.get("groups/").json()["results"] == [{**made, "user_count": 1}]
    grant = give(group, new_host(), Action.CONNECT, revoked_at=timezone.now())
    assert admin.delete(f"groups/{group.pk}/").status_code == 409
    grant.delete()
    assert admin.patch(f"groups/{group.pk}/", {"name": "ops"}).json()["name"] == "ops"
    assert admin.delete(f"groups/{group.pk}/").status_code == 204
    for number in ("0", "99999999999999999999", "-1", "1.5", "\u0661"):
        assert admin.get(f"groups/{number}/").status_code == 404


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
