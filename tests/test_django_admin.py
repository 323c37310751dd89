"""The inventory in Django admin: each change announced once, nothing deleted, no secret shown."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.test import Client

from hosts.access import Action
from hosts.credentials import open_credential
from hosts.models import Credential, Grant, Host, HostGroup
from tests.inventory import announcements, give, new_host

BASE = "/django-admin/"
CANARY = "c4nary-passw0rd"
NO_KEYS = {"keys-TOTAL_FORMS": "0", "keys-INITIAL_FORMS": "0"}
HOST = {
    "name": "web-01",
    "address": "10.0.0.5",
    "port": "22",
    "labels": "{}",
    "enabled": "on",
    "encoding": "utf-8",
    "input_policy": "masked",
    **NO_KEYS,
}


@pytest.fixture
def pages(alice: User, client: Client) -> Client:
    client.force_login(alice, backend=settings.AUTHENTICATION_BACKENDS[0])
    return client


def saved(response: Any) -> bool:
    """Whether the page said yes; on no, what it said is in the failure."""
    if response.status_code == 200:
        pytest.fail(str(response.context["errors"]))
    return bool(response.status_code == 302)


def refused(response: Any) -> str:
    assert response.status_code == 200
    return str(response.context["errors"])


def test_it_covers_the_inventory_and_nothing_that_was_recorded() -> None:
    names = {model._meta.label for model in admin.site._registry}
    assert names == {
        "auth.Group",
        "auth.User",
        "hosts.Credential",
        "hosts.Grant",
        "hosts.Host",
        "hosts.HostGroup",
    }


def test_nothing_can_be_deleted(pages: Client, alice: User) -> None:
    rows = [new_host(), HostGroup.objects.create(name="g"), alice, Group.objects.create(name="g")]
    rows += [Credential.objects.create(name="c", username="u", kind="password", sealed_secret=b"")]
    rows += [give(alice, new_host(), Action.CONNECT)]
    for row in rows:
        path = f"{BASE}{row._meta.app_label}/{row._meta.model_name}/"
        assert pages.post(f"{path}{row.pk}/delete/", {"post": "yes"}).status_code == 403
        pages.post(path, {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"})
        assert type(row).objects.filter(pk=row.pk).exists()  # type: ignore[attr-defined]


def test_every_page_opens(pages: Client, alice: User) -> None:
    rows = [new_host(), HostGroup.objects.create(name="g"), alice, Group.objects.create(name="g")]
    rows += [Credential.objects.create(name="c", username="u", kind="password", sealed_secret=b"")]
    rows += [give(alice, new_host(), Action.CONNECT)]
    for row in rows:
        path = f"{BASE}{row._meta.app_label}/{row._meta.model_name}/"
        for page in (path, f"{path}add/", f"{path}{row.pk}/change/", f"{path}{row.pk}/history/", f"{path}?q=x"):
            assert pages.get(page).status_code == 200, page


def test_only_administrators_get_in(bob: User, client: Client) -> None:
    assert client.get(BASE).status_code == 302
    client.force_login(bob, backend=settings.AUTHENTICATION_BACKENDS[0])
    assert client.get(f"{BASE}hosts/host/").status_code in {302, 403}
    # Its own sign-in page, which counts no attempts, is not there.
    answer = Client().post(f"{BASE}login/", {"username": "bob", "password": "x"})
    assert answer.status_code == 302
    assert answer["Location"].startswith("/signin")


def test_hosts_are_added_changed_and_retired(pages: Client) -> None:
    group = HostGroup.objects.create(name="servers")
    with announcements() as heard:
        assert saved(pages.post(f"{BASE}hosts/host/add/", {**HOST, "groups": [str(group.pk)]}))
        host = Host.objects.get()
        change = f"{BASE}hosts/host/{host.pk}/change/"
        assert saved(pages.post(change, {**HOST, "port": "2222", "groups": [str(group.pk)]}))
        assert saved(pages.post(change, {**HOST, "port": "2222"}))
        assert saved(pages.post(change, {**HOST, "port": "2222"}))
        pages.post(f"{BASE}hosts/host/", {"action": "retire_hosts", "_selected_action": [host.pk]})
    assert [(said["action"], said["detail"].get("after")) for said in heard[1:]] == [
        ("host.changed", {"port": 2222}),
        ("host.changed", {"groups": []}),
        ("host.retired", None),
    ]
    assert heard[0]["action"] == "host.created"
    assert heard[0]["detail"]["after"]["groups"] == ["servers"]
    assert {said["actor"].user.username for said in heard} == {"alice"}
    host.refresh_from_db()
    assert host.retired_at is not None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "-x"),
        ("address", "169.254.169.254"),
        ("address", "root@x"),
        ("port", "0"),
        ("labels", '{"a": 1}'),
        ("labels", "{"),
        ("encoding", "utf-16"),
        ("notes", "\x1b[2J"),
    ],
)
def test_hosts_have_the_same_rules_as_in_the_api(pages: Client, field: str, value: str) -> None:
    with announcements() as heard:
        assert refused(pages.post(f"{BASE}hosts/host/add/", {**HOST, field: value}))
    assert heard == []
    assert not Host.objects.exists()


def test_secrets_are_written_and_never_shown(pages: Client) -> None:
    body = {"name": "deploy", "username": "deploy", "kind": "password", "secret": CANARY, "passphrase": ""}
    with announcements() as heard:
        assert saved(pages.post(f"{BASE}hosts/credential/add/", body))
        credential = Credential.objects.get()
        change = f"{BASE}hosts/credential/{credential.pk}/change/"
        assert CANARY not in pages.get(change).content.decode()
        assert saved(pages.post(change, {**body, "secret": "", "name": "deploy 2"}))
        assert saved(pages.post(change, {**body, "secret": CANARY + "2", "name": "deploy 2"}))
        for bad in ({"kind": "private_key"}, {"kind": "private_key", "secret": ""}, {"passphrase": CANARY}):
            answer = pages.post(change, {**body, **bad})
            assert answer.status_code == 200
            assert CANARY not in answer.content.decode()
    assert [(said["action"], sorted(said["detail"]["after"])) for said in heard] == [
        ("credential.created", ["fingerprint", "kind", "name", "secret", "username"]),
        ("credential.changed", ["name"]),
        ("credential.changed", ["secret"]),
    ]
    assert CANARY not in json.dumps([said["detail"] for said in heard])
    credential.refresh_from_db()
    login = open_credential(credential)
    assert login.password is not None
    assert login.password.reveal().decode() == CANARY + "2"


def test_a_secret_is_needed_at_first(pages: Client) -> None:
    body = {"name": "deploy", "username": "deploy", "kind": "password", "secret": "", "passphrase": ""}
    assert "password or the private key" in refused(pages.post(f"{BASE}hosts/credential/add/", body))


def test_grants_are_given_and_revoked_but_not_changed(pages: Client, bob: User) -> None:
    host = new_host()
    body = {"user": bob.pk, "host": host.pk, "connect": "on", "valid_from_0": "2026-01-01", "valid_from_1": "00:00:00"}
    with announcements() as heard:
        assert saved(pages.post(f"{BASE}hosts/grant/add/", body))
        grant = Grant.objects.get()
        assert pages.post(f"{BASE}hosts/grant/{grant.pk}/change/", {**body, "audit": "on"}).status_code == 403
        for _time in range(2):
            pages.post(f"{BASE}hosts/grant/", {"action": "revoke_grants", "_selected_action": [grant.pk]})
    assert [said["action"] for said in heard] == ["grant.created", "grant.revoked"]
    grant.refresh_from_db()
    assert (grant.granted_by_name, grant.revoked_by_name, grant.audit) == ("alice", "alice", False)
    group = HostGroup.objects.create(name="g")
    for bad in ({"host": ""}, {"host_group": group.pk}, {"user": ""}, {"connect": ""}, {"reason": "a\x07b"}):
        assert refused(pages.post(f"{BASE}hosts/grant/add/", {**body, **bad}))


def test_people_are_added_changed_and_disabled(pages: Client) -> None:
    group = Group.objects.create(name="operators")
    person = {"username": "dave", "first_name": "Dave", "is_active": "on", "groups": [group.pk]}
    with announcements() as heard:
        new = {"username": "dave", "usable_password": "true", "password1": CANARY, "password2": CANARY}
        assert saved(pages.post(f"{BASE}auth/user/add/", new))
        dave = User.objects.get(username="dave")
        change = f"{BASE}auth/user/{dave.pk}/change/"
        assert saved(pages.post(change, person))
        password = {"password1": CANARY + "2", "password2": CANARY + "2", "usable_password": "true"}
        assert saved(pages.post(f"{BASE}auth/user/{dave.pk}/password/", password))
        assert pages.post(f"{BASE}auth/user/{dave.pk}/password/", {**password, "password2": "x"}).status_code == 200
        assert saved(pages.post(change, {**person, "is_active": ""}))
    assert [(said["action"], sorted(said["detail"]["after"])) for said in heard[1:]] == [
        ("user.changed", ["full_name", "groups"]),
        ("user.changed", ["password"]),
        ("user.changed", ["is_active"]),
    ]
    assert heard[0]["action"] == "user.created"
    assert CANARY not in json.dumps([said["detail"] for said in heard])
    assert "pbkdf2" not in json.dumps([said["detail"] for said in heard])


def test_nobody_locks_themselves_out(pages: Client, alice: User) -> None:
    body = {"username": "alice", "is_active": "on", "is_staff": "on", "is_superuser": "on"}
    change = f"{BASE}auth/user/{alice.pk}/change/"
    for name in ("is_active", "is_staff", "is_superuser"):
        assert "demote themselves" in refused(pages.post(change, {**body, name: ""}))
    assert saved(pages.post(change, body))


def test_groups_are_announced(pages: Client) -> None:
    with announcements() as heard:
        assert saved(pages.post(f"{BASE}auth/group/add/", {"name": "operators"}))
        group = Group.objects.get()
        assert saved(pages.post(f"{BASE}auth/group/{group.pk}/change/", {"name": "ops"}))
        assert saved(pages.post(f"{BASE}hosts/hostgroup/add/", {"name": "servers", "notes": ""}))
    assert [said["action"] for said in heard] == ["group.created", "group.changed", "host_group.created"]
