"""Grants through the API."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.utils import timezone

from hosts.access import Action
from hosts.models import Grant, HostGroup
from tests.inventory import Browser, announcements, brief, cases, fields_of, give, new_host


@pytest.fixture
def admin(alice: User) -> Browser:
    return Browser(alice)


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
        *cases("actions", [], ["fly"], "connect", [1], None, ["connect"] * (len(Action) + 1), {}),
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
