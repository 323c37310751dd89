"""A legal hold keeps recordings from everybody who would delete them, until it is released."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from audit.models import AuditEvent, LegalHold, RetentionPolicy, Session
from audit.retention import holds
from audit.retention.holds import DeletedError, holds_on, place_hold, release_hold
from audit.retention.plan import make_plan
from audit.retention.sweep import apply_retention
from hosts.inventory import InventoryConflict, remove
from hosts.models import Host, HostGroup
from tests.kept_recordings import deletions_of, keep_recording, objects_of
from tests.recordings import make_host, web_login

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]


@pytest.fixture
def host(transactional_db: None) -> Host:
    RetentionPolicy.objects.create(days=30)
    host = make_host("web-01")
    host.groups.add(HostGroup.objects.create(name="servers"))
    return host


@pytest.fixture
def old(bob: User, host: Host) -> Session:
    return keep_recording(bob, host, days=31, has_all=False)


def hold_on(session: Session, kind: str) -> LegalHold:
    """A hold, not placed yet, that names the session, or what it belongs to."""
    target = {"session": session, "user": session.user, "host": session.host, "host_group": HostGroup.objects.get()}
    return LegalHold(**{kind: target[kind]}, reason="case 17", owner_name="alice")


@pytest.mark.parametrize("kind", holds.KINDS)
def test_what_is_held_is_not_deleted_until_it_is_released(old: Session, alice: User, carol: User, kind: str) -> None:
    free = keep_recording(carol, make_host("db-01"), days=31, has_all=False)
    hold = hold_on(old, kind)
    place_hold(hold, web_login(alice))
    plan = make_plan()
    assert (plan.count, plan.held, plan.sessions) == (1, 1, [free])

    assert apply_retention().deleted == 1

    assert deletions_of(old) == []
    assert "000000.segment" in objects_of(old)
    assert len(deletions_of(free)) == 1
    release_hold(hold, web_login(alice))
    assert apply_retention().deleted == 1
    assert len(deletions_of(old)) == 1


def test_two_holds_must_both_be_released(old: Session, alice: User) -> None:
    placed = [hold_on(old, "host"), hold_on(old, "session")]
    for hold in placed:
        place_hold(hold, web_login(alice))
    for hold in placed:
        assert apply_retention().deleted == 0
        release_hold(hold, web_login(alice))
    assert apply_retention().deleted == 1


def test_an_order_to_delete_is_refused_as_well(old: Session, alice: User) -> None:
    place_hold(hold_on(old, "host_group"), web_login(alice))
    with pytest.raises(CommandError, match="A legal hold by alice keeps this recording: case 17"):
        call_command("delete_recording", str(old.pk), "--reason", "erasure request", "--by", "alice")
    assert deletions_of(old) == []
    assert "000000.segment" in objects_of(old)


@pytest.mark.parametrize("kind", holds.KINDS)
def test_a_hold_is_about_what_it_names_and_nothing_else(old: Session, carol: User, kind: str) -> None:
    other = keep_recording(carol, make_host("db-01"), days=1, has_all=False)
    hold = hold_on(old, kind)
    hold.save()
    assert list(holds_on(old.pk)) == [hold]
    assert list(holds_on(other.pk)) == []


def test_a_session_whose_person_is_gone_is_held_by_no_hold_on_hosts(old: Session, alice: User) -> None:
    """A column that is empty on both sides is no match."""
    other = make_host("db-01")
    LegalHold.objects.create(host=other, reason="case 18", owner_name="alice")
    Session.objects.filter(pk=old.pk).update(user=None)
    assert list(holds_on(old.pk)) == []
    assert apply_retention().deleted == 1


def test_placing_and_releasing_are_lines_in_the_ledger(old: Session, alice: User, carol: User) -> None:
    hold = hold_on(old, "session")
    place_hold(hold, web_login(alice))
    release_hold(hold, web_login(carol))
    release_hold(hold, web_login(alice))
    lines = AuditEvent.objects.filter(action__startswith="hold.").order_by("id")
    assert [(line.action, line.actor_name) for line in lines] == [("hold.placed", "alice"), ("hold.released", "carol")]
    for line in lines:
        assert (line.object_id, line.session_id, line.host_id) == (str(hold.pk), old.pk, old.host_id)
        assert line.detail == {"kind": "session", "id": str(old.pk), "reason": "case 17", "owner": "alice"}
    hold.refresh_from_db()
    assert hold.released_by_name == "carol"


def test_a_hold_on_a_deleted_recording_comes_too_late_and_says_so(old: Session, alice: User) -> None:
    apply_retention()
    with pytest.raises(DeletedError):
        place_hold(hold_on(old, "session"), web_login(alice))
    assert not LegalHold.objects.exists()


def in_thread(pool: ThreadPoolExecutor, work: Callable[[], Any]) -> Future[Any]:
    def run() -> Any:
        try:
            return work()
        finally:
            connection.close()

    return pool.submit(run)


def test_a_hold_that_is_placed_while_a_run_decides_is_seen_by_it(old: Session, alice: User) -> None:
    """The run has found the recording due and waits for the hold's transaction; then it looks once more."""
    hold_is_in, run_is_over = threading.Event(), threading.Event()

    def place() -> None:
        with transaction.atomic():
            place_hold(hold_on(old, "host"), web_login(alice))
            hold_is_in.set()
            # Long enough for a run that does not wait.
            run_is_over.wait(1)

    def run() -> int:
        try:
            return apply_retention().deleted
        finally:
            run_is_over.set()

    with ThreadPoolExecutor(2) as pool:
        placing = in_thread(pool, place)
        assert hold_is_in.wait(10)
        running = in_thread(pool, run)
        placing.result(30)
        assert running.result(30) == 0
    assert deletions_of(old) == []
    assert "000000.segment" in objects_of(old)


def test_whoever_is_first_wins_and_the_other_one_knows(old: Session, alice: User) -> None:
    """At the same moment: either the recording is held and there, or deleted and the hold refused."""

    def place() -> str:
        try:
            place_hold(hold_on(old, "session"), web_login(alice))
        except DeletedError:
            return "too late"
        return "placed"

    with ThreadPoolExecutor(2) as pool:
        deleting, placing = in_thread(pool, lambda: apply_retention().deleted), in_thread(pool, place)
        outcome = (placing.result(30), deleting.result(30))
    assert outcome in {("placed", 0), ("too late", 1)}
    assert len(deletions_of(old)) == outcome[1]
    assert ("000000.segment" in objects_of(old)) == (outcome[0] == "placed")


def test_a_group_that_a_hold_or_a_policy_names_cannot_be_removed(old: Session, alice: User) -> None:
    group = HostGroup.objects.get()
    RetentionPolicy.objects.create(host_group=group, days=900)
    with pytest.raises(InventoryConflict, match="named by a retention policy"):
        remove(group, actor=web_login(alice))
    RetentionPolicy.objects.filter(host_group=group).delete()
    place_hold(hold_on(old, "host_group"), web_login(alice))
    with pytest.raises(InventoryConflict, match="named by a legal hold"):
        remove(group, actor=web_login(alice))
    assert HostGroup.objects.filter(pk=group.pk).exists()
