"""A recording is deleted in an order that leaves the proof, whatever interrupts it, and nothing else of it."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from audit.indexing.indexer import find_unindexed, index_session
from audit.models import RecordingKey, RecordingView, RetentionPolicy, Segment, Session
from audit.recording.key import KeyUnavailableError, recording_key
from audit.recording.seal import manifest_name
from audit.recording.storage import load_object
from audit.retention import deletion
from audit.retention.deletion import delete_if_due
from audit.retention.sweep import apply_retention
from audit.verify import Verdict, verify_recording
from hosts.models import Host
from tests.environment import DATA_DIR
from tests.kept_recordings import (
    EVERYTHING,
    deletions_of,
    keep_recording,
    left_of,
    object_directory,
    objects_of,
    set_aside,
)
from tests.recordings import make_host

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]


class Killed(BaseException):
    """The process ends here, without a word."""


@pytest.fixture
def host(transactional_db: None) -> Host:
    return make_host("web-01")


@pytest.fixture
def policy(transactional_db: None) -> RetentionPolicy:
    return RetentionPolicy.objects.create(days=30)


@pytest.fixture
def old(bob: User, host: Host, policy: RetentionPolicy) -> Session:
    session = keep_recording(bob, host, days=31)
    assert left_of(session) == EVERYTHING
    return session


def test_all_of_it_goes_and_the_proof_stays(old: Session, policy: RetentionPolicy) -> None:
    seal = load_object(manifest_name(old.pk))
    chain = list(old.segments.values_list("n", "object_sha256", "plain_sha256", "chain"))
    (commitment,) = RecordingKey.objects.filter(session=old).values_list("commitment", flat=True)

    assert apply_retention().deleted == 1

    assert left_of(old) == set()
    assert objects_of(old) == {"manifest.note"}
    assert load_object(manifest_name(old.pk)) == seal
    assert list(old.segments.values_list("n", "object_sha256", "plain_sha256", "chain")) == chain
    key = RecordingKey.objects.get(session=old)
    assert (key.commitment, key.wrapped, key.destroyed_at is not None) == (commitment, None, True)
    with pytest.raises(KeyUnavailableError, match="deleted"):
        recording_key(old.pk)
    row = Session.objects.get(pk=old.pk)
    assert (row.user_name, row.host_name, row.state) == ("bob", "web-01", Session.State.SEALED)
    assert row.deleted_under == "the default retention policy (30 days)"
    assert row.deleted_at is not None
    assert row.destroyed_at is not None
    assert row.deleted_at <= row.destroyed_at
    assert RecordingView.objects.filter(session=old).count() == 1


@pytest.mark.skipif(connection.vendor != "sqlite", reason="asks the files of SQLite")
def test_no_file_holds_a_word_of_it_any_more(bob: User, host: Host, policy: RetentionPolicy) -> None:
    word = f"canary-{uuid4().hex}"
    session = keep_recording(bob, host, days=31, word=word)

    def files_with_it() -> set[str]:
        # By another process: closing a file of SQLite drops the locks that this process has on it
        # (sqlite.org/howtocorrupt.html, section 2.2).
        command = ["grep", "--recursive", "--fixed-strings", "--text", "--files-with-matches", word, str(DATA_DIR)]
        found = subprocess.run(command, check=False, capture_output=True, text=True).stdout.splitlines()
        return {Path(name).name for name in found}

    assert {"search.sqlite3", *(path.name for path in set_aside(session))} <= {
        name.removesuffix("-wal") for name in files_with_it()
    }
    apply_retention()
    assert files_with_it() == set()


def test_the_ledger_says_what_was_deleted_under_which_policy(old: Session, policy: RetentionPolicy) -> None:
    apply_retention()
    (line,) = deletions_of(old)
    last = old.segments.last()
    assert last is not None
    assert (line.actor_id, line.object_id, line.host_id) == (None, str(old.pk), old.host_id)
    assert line.detail == {
        "under": "the default retention policy (30 days)",
        "policy": str(policy.pk),
        "days": 30,
        "state": "sealed",
        "manifest_sha256": old.manifest_sha256,
        "chain": last.chain,
        "segments": 2,
    }
    assert apply_retention().deleted == 0
    assert deletions_of(old) == [line]


def interrupt(monkeypatch: pytest.MonkeyPatch, name: str, moment: str) -> None:
    """Have the process die before or after a step does its work."""
    step = getattr(deletion, name)

    def dying(session: Session) -> None:
        if moment == "after":
            step(session)
        raise Killed

    monkeypatch.setattr(deletion, name, dying)
    monkeypatch.setattr(deletion, "STEPS", tuple(dying if one is step else one for one in deletion.STEPS))


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("name", ["destroy_keys", *(step.__name__ for step in deletion.STEPS)])
def test_what_is_interrupted_is_finished_by_the_next_run(
    old: Session, monkeypatch: pytest.MonkeyPatch, name: str, moment: str
) -> None:
    with monkeypatch.context() as patch:
        interrupt(patch, name, moment)
        with pytest.raises(Killed):
            apply_retention()
    left = left_of(old)
    # Whatever is gone: the ledger said so first, and then the keys went.
    assert len(deletions_of(old)) == 1
    assert left == EVERYTHING or "keys" not in left
    assert "wrapped keys in the store" not in left or "segments" in left
    assert Session.objects.get(pk=old.pk).destroyed_at is None

    assert apply_retention().unfinished == 0

    assert left_of(old) == set()
    assert objects_of(old) == {"manifest.note"}
    assert len(deletions_of(old)) == 1
    assert Session.objects.get(pk=old.pk).destroyed_at is not None


def test_a_decision_that_is_not_committed_deletes_nothing(old: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(deletion, "record_about", lambda *_, **__: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            apply_retention()
    assert left_of(old) == EVERYTHING
    assert Session.objects.get(pk=old.pk).deleted_at is None
    assert apply_retention().deleted == 1


def test_an_object_that_cannot_be_removed_blocks_no_other_recording(old: Session, bob: User) -> None:
    other = keep_recording(bob, old.host, days=40)
    stuck = object_directory(old) / "000001.segment"
    content = stuck.read_bytes()
    stuck.unlink()
    # A directory is something that no file storage removes.
    (stuck / "x").mkdir(parents=True)

    plan = apply_retention()

    assert (plan.deleted, plan.unfinished) == (2, 1)
    assert left_of(other) == set()
    # All that could go did go, the keys above all.
    assert left_of(old) == {"segments"}
    (stuck / "x").rmdir()
    stuck.rmdir()
    stuck.write_bytes(content)
    assert apply_retention().unfinished == 0
    assert left_of(old) == set()


def test_redis_that_is_away_is_made_up_for_by_the_next_run(old: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(settings, "REDIS_URL", "unix:///nowhere/valkey.sock")
        assert apply_retention().unfinished == 1
    assert left_of(old) == {"stream"}
    assert apply_retention().unfinished == 0
    assert left_of(old) == set()


def test_objects_that_no_row_knows_go_as_well(old: Session) -> None:
    for name in ("000007.segment", "000001-1.segment", "key-3.age"):
        (object_directory(old) / name).write_bytes(b"stored just before a crash")
    apply_retention()
    assert objects_of(old) == {"manifest.note"}


def test_objects_that_are_gone_already_are_no_hindrance(old: Session) -> None:
    for path in object_directory(old).iterdir():
        path.unlink()
    for path in set_aside(old):
        path.unlink()
    plan = apply_retention()
    assert (plan.deleted, plan.unfinished) == (1, 0)


def test_what_is_being_indexed_waits_for_the_next_run(old: Session) -> None:
    Session.objects.filter(pk=old.pk).update(index_claimed_until=timezone.now() + timedelta(minutes=2))
    assert apply_retention().deleted == 0
    assert left_of(old) == EVERYTHING
    Session.objects.filter(pk=old.pk).update(index_claimed_until=timezone.now() - timedelta(seconds=1))
    assert apply_retention().deleted == 1


def test_nothing_is_indexed_again_of_what_was_deleted(old: Session) -> None:
    Segment.objects.filter(session=old, n=1).update(indexed_at=None)
    apply_retention()
    assert find_unindexed() == []
    assert index_session(old.pk) == 0
    call_command("rebuild_search_index", "--keep")
    assert find_unindexed() == []
    assert index_session(old.pk) == 0
    assert left_of(old) == set()


def test_several_runs_at_once_decide_each_recording_once(bob: User, host: Host, policy: RetentionPolicy) -> None:
    sessions = [keep_recording(bob, host, days=31 + n) for n in range(4)]

    def run(_: int) -> int:
        try:
            return apply_retention().deleted
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        deleted = list(pool.map(run, range(4)))
    assert sum(deleted) == 4
    for session in sessions:
        assert len(deletions_of(session)) == 1
        assert left_of(session) == set()


@pytest.mark.parametrize(
    "change",
    [
        lambda session: RetentionPolicy.objects.update(days=32),
        lambda session: RetentionPolicy.objects.all().delete(),
        lambda session: Session.objects.filter(pk=session.pk).update(state=Session.State.LIVE),
    ],
)
def test_what_changed_since_the_plan_was_made_counts(old: Session, policy: RetentionPolicy, change: Any) -> None:
    change(old)
    assert not delete_if_due(old.pk, policy.pk)
    assert left_of(old) == EVERYTHING
    assert deletions_of(old) == []


def test_a_deletion_behind_our_back_is_told_apart(old: Session, bob: User) -> None:
    """One is announced, the other is a loss."""
    lost, forged = (keep_recording(bob, old.host, days=1, has_all=False) for _ in range(2))
    apply_retention()
    for path in object_directory(lost).glob("*.segment"):
        path.unlink()
    # Whoever can write the database makes it look like ours.
    Session.objects.filter(pk=forged.pk).update(deleted_at=timezone.now(), deleted_under="the default policy")
    RecordingKey.objects.filter(session=forged).update(wrapped=None, destroyed_at=timezone.now())
    for path in object_directory(forged).glob("*.segment"):
        path.unlink()

    verdicts = [verify_recording(Session.objects.get(pk=session.pk)).verdict for session in (old, lost, forged)]

    assert verdicts == [Verdict.INTACT, Verdict.ALTERED, Verdict.ALTERED]
    assert [len(deletions_of(session)) for session in (old, lost, forged)] == [1, 0, 0]
