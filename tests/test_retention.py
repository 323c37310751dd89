"""Which recordings a retention policy lets go of, when, and what applying the policies says and does."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone

from audit import tasks
from audit.models import AuditEvent, RetentionPolicy, Session
from audit.retention.plan import Plan, make_plan
from audit.retention.sweep import apply_retention
from hosts.models import Host, HostGroup
from tests.kept_recordings import deletions_of, keep_recording, objects_of
from tests.recordings import make_host

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]


@pytest.fixture
def host(transactional_db: None) -> Host:
    return make_host("web-01")


def group_of(host: Host, name: str) -> HostGroup:
    group = HostGroup.objects.create(name=name)
    host.groups.add(group)
    return group


def keep(user: User, host: Host, days: float, state: Session.State = Session.State.SEALED) -> Session:
    return keep_recording(user, host, days=days, state=state, has_all=False)


def deleted() -> set[Session]:
    apply_retention()
    return set(Session.objects.filter(deleted_at__isnull=False))


def test_without_a_policy_everything_is_kept_for_ever(bob: User, host: Host) -> None:
    keep(bob, host, days=20_000)
    assert deleted() == set()


def test_a_policy_without_a_group_is_for_all_hosts_that_have_no_other(bob: User, host: Host) -> None:
    other = make_host("db-01")
    RetentionPolicy.objects.create(days=30)
    RetentionPolicy.objects.create(host_group=group_of(other, "databases"), days=60)
    group_of(host, "without a policy")
    gone, _kept = keep(bob, host, days=31), keep(bob, host, days=29)
    gone_there, _kept_there = keep(bob, other, days=61), keep(bob, other, days=59)
    assert deleted() == {gone, gone_there}


def test_of_several_groups_the_longest_policy_counts(bob: User, host: Host) -> None:
    RetentionPolicy.objects.create(days=1)
    for name, days in (("servers", 10), ("regulated", 90), ("europe", 30)):
        RetentionPolicy.objects.create(host_group=group_of(host, name), days=days)
    gone, _kept = keep(bob, host, days=91), keep(bob, host, days=89)
    assert deleted() == {gone}
    gone.refresh_from_db()
    assert gone.deleted_under == "the retention policy of regulated (90 days)"


def test_of_two_policies_that_are_as_long_one_counts(bob: User, host: Host) -> None:
    for name in ("servers", "regulated"):
        RetentionPolicy.objects.create(host_group=group_of(host, name), days=30)
    gone, _kept = keep(bob, host, days=31), keep(bob, host, days=29)
    assert make_plan().count == 1
    assert deleted() == {gone}


def test_a_retired_hosts_recordings_follow_the_policy_it_had(bob: User, host: Host) -> None:
    RetentionPolicy.objects.create(host_group=group_of(host, "servers"), days=30)
    Host.objects.update(retired_at=timezone.now())
    gone = keep(bob, host, days=31)
    assert deleted() == {gone}


@pytest.mark.parametrize(
    ("state", "is_deleted"),
    [
        (Session.State.SEALED, True),
        (Session.State.RECOVERED, True),
        (Session.State.IMPORTED, True),
        (Session.State.FAILED, True),
        (Session.State.LIVE, False),
        (Session.State.DETACHED, False),
        (Session.State.ENDED, False),
    ],
)
def test_only_what_is_over_is_deleted(bob: User, host: Host, state: Session.State, is_deleted: bool) -> None:
    RetentionPolicy.objects.create(days=30)
    session = keep(bob, host, days=31, state=state)
    assert deleted() == ({session} if is_deleted else set())


def test_days_count_from_the_end_and_not_from_the_start(bob: User, host: Host) -> None:
    RetentionPolicy.objects.create(days=30)
    session = keep(bob, host, days=29.9)
    Session.objects.filter(pk=session.pk).update(started_at=timezone.now() - timedelta(days=400))
    never_ended = keep(bob, host, days=400)
    Session.objects.filter(pk=never_ended.pk).update(ended_at=None)
    assert deleted() == set()


def test_an_old_recording_that_was_brought_in_today_is_as_old_as_today(bob: User, host: Host) -> None:
    RetentionPolicy.objects.create(days=30)
    session = keep(bob, host, days=4000, state=Session.State.IMPORTED)
    session.segments.filter(n=0).update(closed_at=timezone.now() - timedelta(days=29))
    assert deleted() == set()
    session.segments.update(closed_at=timezone.now() - timedelta(days=31))
    assert deleted() == {session}


@pytest.mark.parametrize("days_ahead", [-4000, 4000])
def test_one_clock_that_is_wrong_deletes_nothing_before_its_time(
    bob: User, host: Host, monkeypatch: pytest.MonkeyPatch, days_ahead: int
) -> None:
    """The database has another one, on a machine of its own or asked in another way."""
    RetentionPolicy.objects.create(days=30)
    keep(bob, host, days=1)
    wrong = timezone.now() + timedelta(days=days_ahead)
    monkeypatch.setattr("django.utils.timezone.now", lambda: wrong)
    assert deleted() == set()


def test_a_dry_run_says_what_the_run_then_does_and_changes_nothing(bob: User, host: Host) -> None:
    RetentionPolicy.objects.create(days=30)
    second, first = keep(bob, host, days=31), keep(bob, host, days=50)
    keep(bob, host, days=29)
    before = {session: objects_of(session) for session in (first, second)}
    size = sum(sum(session.segments.values_list("stored_bytes", flat=True)) for session in (first, second))

    plan = apply_retention(dry_run=True)

    assert plan == Plan(count=2, bytes=size, oldest=first.ended_at, sessions=[first, second])
    assert {session: objects_of(session) for session in before} == before
    assert not AuditEvent.objects.filter(action="recording.deleted").exists()
    assert apply_retention().deleted == 2
    assert make_plan() == Plan()


def test_a_plan_names_a_hundred_and_counts_all(bob: User, host: Host) -> None:
    RetentionPolicy.objects.create(days=30)
    ended_at = timezone.now() - timedelta(days=40)
    facts = {"user": bob, "host": host, "state": Session.State.SEALED, "cols": 80, "rows": 24, "ended_at": ended_at}
    Session.objects.bulk_create(Session(started_at=ended_at, **facts) for _ in range(150))
    plan = make_plan()
    assert (plan.count, len(plan.sessions)) == (150, 100)


def test_a_run_stops_in_time_and_the_next_one_goes_on(bob: User, host: Host) -> None:
    RetentionPolicy.objects.create(days=30)
    session = keep(bob, host, days=31)
    plan = apply_retention(seconds=0)
    assert (plan.deleted, plan.has_more) == (0, True)
    assert not apply_retention(seconds=60).has_more
    assert len(deletions_of(session)) == 1


def test_the_scheduled_job_applies_the_policies(bob: User, host: Host) -> None:
    RetentionPolicy.objects.create(days=30)
    session = keep(bob, host, days=31)
    tasks.apply_retention()
    assert len(deletions_of(session)) == 1


def run(*words: str) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command(*words, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_the_command_says_first_and_deletes_then(bob: User, host: Host) -> None:
    assert "kept for ever" in run("apply_retention")[1]
    RetentionPolicy.objects.create(days=30)
    session = keep(bob, host, days=31)
    said, _ = run("apply_retention", "--dry-run")
    assert said.startswith("1 recordings would be deleted, ")
    assert str(session.pk) in said
    assert deletions_of(session) == []
    assert run("apply_retention")[0] == "1 of 1 recordings were deleted. Legal holds keep 0.\n"
    assert len(deletions_of(session)) == 1


def test_an_order_deletes_before_the_time_and_names_who_gave_it(alice: User, bob: User, host: Host) -> None:
    session = keep(bob, host, days=1)
    running = keep(bob, host, days=1, state=Session.State.LIVE)
    with pytest.raises(CommandError, match="not complete yet"):
        run("delete_recording", str(running.pk), "--reason", "x", "--by", "alice")
    for by in ("bob", "nobody"):
        with pytest.raises(CommandError, match="name of an administrator"):
            run("delete_recording", str(session.pk), "--reason", "x", "--by", by)
    with pytest.raises(CommandError, match="grounds"):
        run("delete_recording", str(session.pk), "--reason", " ", "--by", "alice")
    assert deletions_of(session) == []

    said, _ = run("delete_recording", str(session.pk), "--reason", "erasure request 17", "--by", "alice")

    assert said == f"{session.pk} was deleted.\n"
    (line,) = deletions_of(session)
    assert (line.actor_name, line.detail["reason"]) == ("alice", "erasure request 17")
    assert objects_of(session) == {"manifest.note"}
    session.refresh_from_db()
    assert session.deleted_under == "an order: erasure request 17"
    run("delete_recording", str(session.pk), "--reason", "again", "--by", "alice")
    assert deletions_of(session) == [line]
