"""Users and groups through the API."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.utils import timezone

from hosts.access import Action
from tests.inventory import Browser, announcements, brief, fields_of, give, new_host

CANARY = "c4nary-passw0rd"


@pytest.fixture
def admin(alice: User) -> Browser:
    return Browser(alice)


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
