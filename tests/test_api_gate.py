"""Who gets which answer from the inventory's API: everybody, on every address, with every method."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import URLPattern

from hosts.access import Action
from hosts.api.urls import urlpatterns
from hosts.models import ApiToken, Credential, Grant, Host, HostGroup, HostKey
from hosts.tokens import create_token
from tests.inventory import API, Browser, Program, announcements, give, new_host

OPEN_TO_ANYBODY = {"instance"}


@pytest.fixture
def world(alice: User, bob: User) -> dict[str, Any]:
    """One of everything; bob may connect to the host and is in the group."""
    host, group = new_host("web-01"), Group.objects.create(name="operators")
    host_group = HostGroup.objects.create(name="servers")
    host.groups.add(host_group)
    bob.groups.add(group)
    return {
        "host": host,
        "host-group": host_group,
        "credential": Credential.objects.create(name="c", username="u", kind="password", sealed_secret=b""),
        "grant": give(bob, host, Action.CONNECT, Action.VIEW_OWN),
        "token": create_token(bob, "ci", ["read"], 1)[0],
        "user": alice,
        "group": group,
        "key": HostKey.objects.create(host=host, fingerprint="SHA256:" + "A" * 43, source="scan"),
    }


def addresses(world: dict[str, Any]) -> dict[str, str]:
    """Every route by name, with the ids of what is there filled in."""
    found = {}
    for route in urlpatterns:
        assert isinstance(route, URLPattern)
        name = str(route.name)
        kind = name.removesuffix("-detail").removesuffix("-list")
        values = {"host_id": world["host"].pk, "key_id": world["key"].pk}
        if kind in world:
            values["pk"] = world[kind].pk
        path = str(route.pattern).lstrip("^").rstrip("$")
        for argument, converter in route.pattern.converters.items():
            path = path.replace(f"<{type(converter).__name__[:4].lower()}:{argument}>", str(values[argument]))
        if "(?P<pk>" in path:
            path = f"{path.partition('(')[0]}{values['pk']}/"
        found[name] = path
    assert len(found) == len(urlpatterns)
    return found


def snapshot() -> str:
    rows = [
        list(model.objects.order_by("pk").values())
        for model in (Host, HostGroup, HostKey, Credential, Grant, Group, User)
    ]
    return str(rows) + str(list(ApiToken.objects.values("pk", "revoked_at", "scopes")))


def test_every_route_refuses_who_is_not_signed_in(world: dict[str, Any]) -> None:
    before = snapshot()
    client = Client()
    for name, path in addresses(world).items():
        for method in ("get", "post", "patch", "put", "delete", "head"):
            for headers in ({}, {"Authorization": "Bearer bst_" + "x" * 43}):
                answer = getattr(client, method)(API + path, headers=headers)
                expected = {200, 405} if name in OPEN_TO_ANYBODY else {401}
                assert answer.status_code in expected, (method, path, answer.status_code)
                if answer.status_code == 401:
                    assert answer["WWW-Authenticate"].startswith("Bearer")
                    assert answer["Content-Type"] == "application/problem+json"
    assert snapshot() == before


def test_with_no_grant_one_sees_and_changes_nothing(world: dict[str, Any], mallory: User) -> None:
    browser, program = Browser(mallory), Program(mallory, "read", "connect", "audit", "terminate")
    before = snapshot()
    for name, path in addresses(world).items():
        if name.startswith(("me", "instance")):
            continue
        for client in (browser, program):
            answer = client.get(path)
            if name in {"host-list", "host-group-list", "grant-list"}:
                assert answer.json()["results"] == [], path
            elif name == "token-list":
                assert {row["name"] for row in answer.json()["results"]} == {"test"}
            else:
                assert answer.status_code in {403, 404, 405}, (path, answer.status_code)
        for answer in (browser.patch(path, {"name": "x"}), browser.delete(path), browser.post(path, {"days": "x"})):
            assert answer.status_code in {400, 403, 404, 405}, (path, answer.status_code)
    assert snapshot() == before


def test_an_operator_changes_nothing_of_the_inventory(world: dict[str, Any], bob: User) -> None:
    browser = Browser(bob)
    before = snapshot()
    for name, path in addresses(world).items():
        if name.startswith(("me", "token", "instance")):
            continue
        for answer in (browser.patch(path, {"name": "x"}), browser.delete(path), browser.post(path, {})):
            assert answer.status_code in {403, 405}, (path, answer.status_code)
    assert snapshot() == before


def test_what_only_administrators_see_is_refused_to_operators(world: dict[str, Any], bob: User) -> None:
    for name, path in addresses(world).items():
        if name.split("-")[0] in {"credential", "user", "group"}:
            assert Browser(bob).get(path).status_code == 403, path
            assert Browser(bob).get(path, format="csv").status_code == 403, path


def test_no_change_is_made_without_the_csrf_token(world: dict[str, Any], alice: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice, backend=settings.AUTHENTICATION_BACKENDS[0])
    before = snapshot()
    for path in addresses(world).values():
        for method in ("post", "patch", "delete"):
            for headers in ({}, {"X-CSRFToken": "x" * 64}):
                body = json.dumps({"name": "x"})
                answer = getattr(client, method)(API + path, body, content_type="application/json", headers=headers)
                assert answer.status_code in {403, 405}, (method, path, answer.status_code)
    assert snapshot() == before


def test_a_form_or_plain_text_is_no_request(world: dict[str, Any], alice: User) -> None:
    browser = Browser(alice)
    for kind in (
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain",
        "application/xml",
    ):
        answer = browser.client.post(
            f"{API}host-groups/", b"name=x", content_type=kind, headers={"X-CSRFToken": browser.csrf}
        )
        assert answer.status_code in {403, 415}, kind
    assert HostGroup.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b"null", 400),
        (b'"x"', 400),
        (b'{"name": NaN}', 400),
        (b'{"name": "\xff"}', 400),
        (b"[" * 100_000 + b"]" * 100_000, 400),
        (b'{"name": ' + b"9" * 5000 + b"}", 400),
        (b'{"name": "' + b"x" * (2 << 20) + b'"}', 413),
        ('\ufeff{"name": "with a byte order mark"}'.encode(), 201),
    ],
    ids=range(11),
)
def test_a_body_that_is_no_usable_json_is_a_problem(alice: User, body: bytes, status: int) -> None:
    answer = Browser(alice).post("host-groups/", body)
    assert answer.status_code == status, answer.content[:300]
    if status != 201:
        assert answer["Content-Type"] == "application/problem+json"


def test_the_address_of_a_next_page_is_on_the_host_that_was_asked(alice: User) -> None:
    new_host("a")
    new_host("b")
    browser = Browser(alice)
    assert browser.client.get(f"{API}hosts/?page_size=1", headers={"Host": "evil.test"}).status_code == 400
    assert browser.get("hosts/", page_size=1).json()["next"].startswith("http://testserver/api/v1/hosts/?")


def test_refused_changes_are_not_announced(world: dict[str, Any], bob: User) -> None:
    with announcements() as heard:
        Browser(bob).patch(f"hosts/{world['host'].pk}/", {"name": "x"})
        Browser(bob).delete(f"grants/{world['grant'].pk}/")
    assert heard == []
