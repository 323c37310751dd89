"""Retention policies and legal holds over REST: who may do what, and what each change writes down."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from audit.models import AuditEvent, LegalHold, RetentionPolicy, Session
from hosts.access import Action
from hosts.models import Host, HostGroup
from tests.inventory import Browser, Program, brief, cases, fields_of
from tests.recordings import make_grant, make_host, make_session

pytestmark = pytest.mark.usefixtures("valkey")

POLICIES, HOLDS = "retention-policies/", "legal-holds/"


@pytest.fixture
def host(db: None) -> Host:
    return make_host("web-01")


@pytest.fixture
def group(host: Host) -> HostGroup:
    group = HostGroup.objects.create(name="servers")
    host.groups.add(group)
    return group


@pytest.fixture
def session(bob: User, host: Host) -> Session:
    session = make_session(bob, host, state=Session.State.SEALED)
    Session.objects.filter(pk=session.pk).update(ended_at=timezone.now() - timedelta(days=31))
    session.refresh_from_db()
    return session


def lines() -> list[tuple[str, str, Any]]:
    found = AuditEvent.objects.filter(action__in=["retention.changed", "hold.placed", "hold.released"]).order_by("id")
    return [(line.action, line.actor_name, line.detail) for line in found]


def test_policies_are_made_changed_and_removed_each_with_a_line(alice: User, group: HostGroup) -> None:
    admin = Browser(alice)
    made = admin.post(POLICIES, {"host_group_id": str(group.pk), "days": 365})
    assert made.status_code == 201, made.content
    policy = made.json()
    assert (policy["host_group"], policy["days"]) == ({"id": str(group.pk), "name": "servers"}, 365)
    path = f"{POLICIES}{policy['id']}/"
    assert admin.patch(path, {"days": 30}).json()["days"] == 30
    assert admin.patch(path, {"days": 30}).status_code == 200
    assert admin.get(POLICIES).json()["results"] == [admin.get(path).json()]
    assert admin.delete(path).status_code == 204
    assert admin.delete(path).status_code == 404
    before, after = {"host_group": "servers", "days": 365}, {"host_group": "servers", "days": 30}
    assert lines() == [
        ("retention.changed", "alice", {"before": None, "after": before}),
        ("retention.changed", "alice", {"before": before, "after": after}),
        ("retention.changed", "alice", {"before": after, "after": None}),
    ]


def test_there_is_one_policy_for_a_group_and_one_for_all_others(alice: User, group: HostGroup) -> None:
    admin = Browser(alice)
    for body in ({"host_group_id": str(group.pk), "days": 1}, {"days": 1}):
        assert admin.post(POLICIES, body).status_code == 201
        again = admin.post(POLICIES, body)
        assert again.status_code == 409
        assert "has a retention policy already" in again.json()["detail"]
    default = RetentionPolicy.objects.get(host_group=None)
    moved = admin.patch(f"{POLICIES}{default.pk}/", {"host_group_id": str(group.pk)})
    assert moved.status_code == 409
    assert RetentionPolicy.objects.filter(host_group=None).count() == 1
    assert len(lines()) == 2


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *cases("days", 0, -1, 36_501, 2**63, 1.5, "30", True, None, [], {}),
        *cases("host_group_id", "x", 5, [], {}, str(UUID(int=1))),
    ],
    ids=brief,
)
def test_an_unusable_policy_is_refused_at_its_field(alice: User, field: str, value: Any) -> None:
    assert fields_of(Browser(alice).post(POLICIES, {"days": 30, field: value})) == {field}
    assert not RetentionPolicy.objects.exists()


def test_policies_are_for_administrators_and_changed_in_a_browser_only(
    alice: User, bob: User, carol: User, host: Host, session: Session
) -> None:
    make_grant(carol, host, *Action)
    policy = RetentionPolicy.objects.create(days=30)
    path = f"{POLICIES}{policy.pk}/"
    for person in (bob, carol):
        for caller in (Browser(person), Program(person, "read", "audit")):
            for place in (POLICIES, path, "retention/preview"):
                assert caller.get(place).status_code == 403, place
        assert Browser(person).post(POLICIES, {"days": 1}).status_code == 403
        assert Browser(person).patch(path, {"days": 1}).status_code == 403
        assert Browser(person).delete(path).status_code == 403
    program = Program(alice, "read", "audit")
    assert program.get(POLICIES).status_code == program.get("retention/preview").status_code == 200
    assert program.post(POLICIES, {"days": 1}).status_code == 403
    policy.refresh_from_db()
    assert policy.days == 30
    assert lines() == []


def test_the_preview_says_what_would_be_deleted(alice: User, session: Session, host: Host) -> None:
    admin = Browser(alice)
    nothing: dict[str, Any] = {"count": 0, "bytes": 0, "oldest": None, "held": 0, "sessions": []}
    assert admin.get("retention/preview").json() == nothing
    RetentionPolicy.objects.create(days=30)
    found = admin.get("retention/preview").json()
    assert (found["count"], found["held"], [row["id"] for row in found["sessions"]]) == (1, 0, [str(session.pk)])
    assert found["oldest"] == found["sessions"][0]["ended_at"]
    LegalHold.objects.create(host=host, reason="case 17", owner_name="alice")
    assert admin.get("retention/preview").json() == {**nothing, "held": 1}
    assert fields_of(admin.get("retention/preview", days=3)) == {"days"}


def test_an_administrator_places_holds_on_anything_and_releases_them(
    alice: User, bob: User, host: Host, group: HostGroup, session: Session
) -> None:
    admin = Browser(alice)
    targets: dict[str, Any] = {"session": session.pk, "user": bob.pk, "host": host.pk, "host_group": group.pk}
    names = {"session": str(session), "user": "bob", "host": "web-01", "host_group": "servers"}
    for kind, target in targets.items():
        body = {f"{kind}_id": target if kind == "user" else str(target), "reason": f"case {kind}"}
        made = admin.post(HOLDS, body)
        assert made.status_code == 201, made.content
        hold = made.json()
        assert (hold["kind"], hold["object"]) == (kind, {"id": str(target), "name": names[kind]})
        assert (hold["reason"], hold["owner"], hold["released_at"]) == (f"case {kind}", "alice", None)
        path = f"{HOLDS}{hold['id']}/"
        assert admin.patch(path, {"reason": "x"}).status_code == 405
        assert admin.delete(path).status_code == 204
        assert admin.delete(path).status_code == 204
        assert admin.get(path).json()["released_by"] == "alice"
    assert [action for action, _, _ in lines()] == ["hold.placed", "hold.released"] * 4


def test_auditors_hold_what_they_may_audit_and_nothing_else(
    bob: User, carol: User, host: Host, group: HostGroup, session: Session
) -> None:
    elsewhere = make_session(bob, make_host("db-01"), state=Session.State.SEALED)
    make_grant(carol, host, Action.AUDIT)
    auditor = Browser(carol)
    body: dict[str, Any]
    for body in ({"session_id": str(session.pk)}, {"host_id": str(host.pk)}):
        assert auditor.post(HOLDS, {**body, "reason": "case 17"}).status_code == 201
    for body in (
        {"session_id": str(elsewhere.pk)},
        {"host_id": str(elsewhere.host_id)},
        {"user_id": bob.pk},
        {"host_group_id": str(group.pk)},
    ):
        refused = auditor.post(HOLDS, {**body, "reason": "case 17"})
        assert fields_of(refused) == set(body)
        assert refused.status_code == 400
    assert LegalHold.objects.count() == 2
    assert Program(carol, "read", "audit").post(HOLDS, {"host_id": str(host.pk), "reason": "x"}).status_code == 201


@pytest.mark.parametrize("actions", [[], [Action.CONNECT, Action.VIEW_OWN, Action.EXPORT, Action.VIEW_INPUT]])
def test_without_the_right_to_audit_one_places_no_hold_and_sees_none(
    bob: User, alice: User, host: Host, session: Session, actions: list[Action]
) -> None:
    """Not even on one's own session, whose hold may be about oneself."""
    if actions:
        make_grant(bob, host, *actions)
    hold = LegalHold.objects.create(session=session, reason="case 17", owner_name="alice")
    browser = Browser(bob)
    assert browser.get(HOLDS).json()["results"] == []
    assert browser.get(f"{HOLDS}{hold.pk}/").status_code == 404
    assert browser.delete(f"{HOLDS}{hold.pk}/").status_code == 404
    assert fields_of(browser.post(HOLDS, {"session_id": str(session.pk), "reason": "x"})) == {"session_id"}
    assert Program(bob, "read").get(HOLDS).status_code == 403
    hold.refresh_from_db()
    assert hold.released_at is None


def test_one_sees_holds_where_one_may_audit_and_administrators_see_all(
    alice: User, bob: User, carol: User, host: Host, session: Session
) -> None:
    make_grant(carol, host, Action.AUDIT)
    other = make_host("db-01")
    seen = {
        LegalHold.objects.create(**{kind: target}, reason="x", owner_name="alice")
        for kind, target in (("session", session), ("host", host))
    }
    unseen = {
        LegalHold.objects.create(**{kind: target}, reason="x", owner_name="alice")
        for kind, target in (("user", bob), ("host", other), ("session", make_session(bob, other)))
    }

    def ids(caller: Browser | Program) -> set[str]:
        return {row["id"] for row in caller.get(HOLDS).json()["results"]}

    assert ids(Browser(carol)) == {str(hold.pk) for hold in seen}
    assert ids(Browser(alice)) == ids(Program(alice, "audit")) == {str(hold.pk) for hold in seen | unseen}
    for hold in unseen:
        assert Browser(carol).delete(f"{HOLDS}{hold.pk}/").status_code == 404
    # A token of an administrator reads, and changes nothing.
    assert Program(alice, "read", "audit").post(HOLDS, {"host_id": str(host.pk), "reason": "x"}).status_code == 400
    assert not LegalHold.objects.filter(released_at__isnull=False).exists()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"session_id": None},
        {"session_id": "session", "host_id": "host"},
        {"session_id": "session", "user_id": "user"},
    ],
    ids=brief,
)
def test_a_hold_names_exactly_one_thing(
    alice: User, bob: User, host: Host, session: Session, body: dict[str, Any]
) -> None:
    known = {"session": str(session.pk), "host": str(host.pk), "user": bob.pk}
    answer = Browser(alice).post(HOLDS, {**{name: known.get(value) for name, value in body.items()}, "reason": "x"})
    assert answer.status_code == 400
    assert "exactly one of session_id, user_id, host_id, host_group_id" in answer.json()["detail"]


@pytest.mark.parametrize("reason", ["", " ", "a\nb", "x" * 501, None, 5, "\x00"], ids=brief)
def test_a_hold_needs_a_reason_in_one_line(alice: User, host: Host, reason: Any) -> None:
    assert fields_of(Browser(alice).post(HOLDS, {"host_id": str(host.pk), "reason": reason})) == {"reason"}
    assert not LegalHold.objects.exists()


def test_a_recording_that_is_deleted_cannot_be_held_any_more(alice: User, session: Session) -> None:
    Session.objects.update(deleted_at=timezone.now())
    answer = Browser(alice).post(HOLDS, {"session_id": str(session.pk), "reason": "x"})
    assert answer.status_code == 409
    assert "deleted already" in answer.json()["detail"]


def test_holds_are_found_by_filter(alice: User, bob: User, host: Host, group: HostGroup, session: Session) -> None:
    admin = Browser(alice)
    made = {
        kind: LegalHold.objects.create(**{kind: target}, reason=f"case of {kind}", owner_name="alice")
        for kind, target in (("session", session), ("user", bob), ("host", host), ("host_group", group))
    }
    LegalHold.objects.filter(pk=made["host"].pk).update(released_at=timezone.now())
    other = LegalHold.objects.create(host=make_host("db-01"), reason="another", owner_name="carol")

    def found(**query: Any) -> set[str]:
        return {row["id"] for row in admin.get(HOLDS, **query).json()["results"]}

    every = {str(hold.pk) for hold in made.values()}
    assert found(session=str(session.pk)) == every
    assert found(active="false") == {str(made["host"].pk)}
    assert found(active="true") == every - {str(made["host"].pk)} | {str(other.pk)}
    assert found(kind="user,host_group") == {str(made["user"].pk), str(made["host_group"].pk)}
    assert found(q="case of session") == {str(made["session"].pk)}
    assert found(q="CAROL") == found(q="db-01") == {str(other.pk)}
    assert fields_of(admin.get(HOLDS, kind="x")) == {"kind"}


@pytest.mark.parametrize("kind", ["session", "user", "host", "host_group"])
def test_auditors_and_administrators_are_told_that_a_session_is_held_and_its_person_is_not(
    alice: User, bob: User, carol: User, host: Host, group: HostGroup, session: Session, kind: str
) -> None:
    make_grant(bob, host, Action.VIEW_OWN, Action.EXPORT)
    make_grant(carol, host, Action.AUDIT)
    make_grant(alice, host, Action.AUDIT)

    def told() -> dict[str, bool]:
        return {
            person.username: Browser(person).get(f"sessions/{session.pk}/").json()["held"]
            for person in (alice, bob, carol)
        }

    assert told() == {"alice": False, "bob": False, "carol": False}
    target = {"session": session, "user": bob, "host": host, "host_group": group}[kind]
    hold = LegalHold.objects.create(**{kind: target}, reason="case 17", owner_name="alice")
    assert told() == {"alice": True, "bob": False, "carol": True}
    LegalHold.objects.filter(pk=hold.pk).update(released_at=timezone.now())
    assert told() == {"alice": False, "bob": False, "carol": False}
