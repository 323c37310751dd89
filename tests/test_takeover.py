"""A machine is gone with its disk: another completes its recordings from their live copy, and marks what it lacks."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from pytest_django import Settings
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from audit import tasks
from audit.asciicast import encode_event
from audit.events import Event, Output
from audit.models import AuditEvent, Session
from audit.recording import seal, takeover
from audit.recording.directory import has_directory
from audit.recording.key import identities, make_key, recording_key
from audit.recording.ownership import NotOwnerError, ensure_owner, note_heard
from audit.recording.publishing import SessionStream, StreamPublisher
from audit.recording.recorder import Recorder, _Close
from audit.recording.recovery import recover_all
from audit.recording.segment import SegmentFacts
from audit.recording.shipping import ClosedSegment, ship_segment
from audit.recording.storage import store_object
from audit.recording.stream import stream_key
from audit.recording.takeover import take_over, take_over_all
from hosts.models import Host
from tests.crashes import begin, die, marks_in, shown_in
from tests.polling import eventually
from tests.recordings import make_host

pytestmark = pytest.mark.django_db(transaction=True)

FIRST: list[Event] = [Output(0.1, "one "), Output(0.4, "two ")]
SECOND: list[Event] = [Output(1.0, "three "), Output(1.2, "four ")]
THIRD: list[Event] = [Output(2.0, "five "), Output(2.5, "six")]


@pytest.fixture
def host() -> Host:
    return make_host("web-01")


@pytest.fixture
def lost(bob: User, host: Host, valkey: str) -> Recorder:
    """A recorder on a machine that is gone: one segment is stored, two are in the live copy alone."""
    recorder = begin(bob, host)
    recorder.write(FIRST)
    recorder._writer.submit(_Close(recorder))
    eventually(lambda: Session.objects.get(pk=recorder.session_id).events == 2)
    publish(recorder, valkey, (0, FIRST), (1, SECOND), (2, THIRD))
    lose(recorder)
    return recorder


def publish(recorder: Recorder, valkey: str, *segments: tuple[int, Sequence[Event]], first: int = 0) -> None:
    key = recording_key(recorder.session_id)

    async def run() -> None:
        publisher = StreamPublisher(AsyncRedis.from_url(valkey))
        publisher.start()
        stream = SessionStream(publisher, recorder.session_id, key)
        stream._next = first
        for n, events in segments:
            stream.follow(n, events, b"".join(map(encode_event, events)))
        await publisher.stop()

    asyncio.run(run())


def lose(recorder: Recorder) -> None:
    """The machine burns down; nobody has heard of it for an hour."""
    shutil.rmtree(die(recorder))
    long_ago = timezone.now() - timedelta(hours=1)
    Session.objects.filter(pk=recorder.session_id).update(node="burnt", heard_at=long_ago, started_at=long_ago)


def test_the_open_segments_come_back_from_the_live_copy(lost: Recorder) -> None:
    assert take_over_all() == [lost.session_id]

    session = Session.objects.get(pk=lost.session_id)
    assert (session.state, session.end_reason) == (Session.State.RECOVERED, "node_lost")
    assert "burnt" in session.end_detail
    assert shown_in(session.pk) == "one two three four five six"
    assert [segment.recovered for segment in session.segments.order_by("n")] == [False, True, True]
    assert [gap[:2] for gap in session.gaps] == [[2.5, None]]
    assert len(marks_in(session.pk)) == 1
    assert session.ended_at == session.started_at + timedelta(seconds=2.5)
    assert not has_directory(session.pk)


def test_without_a_live_copy_what_was_stored_is_kept_and_the_rest_is_a_gap(lost: Recorder, valkey: str) -> None:
    with Redis.from_url(valkey) as redis:
        redis.flushall()

    take_over_all()

    session = Session.objects.get(pk=lost.session_id)
    assert session.state == Session.State.RECOVERED
    assert shown_in(session.pk) == "one two "
    assert [gap[:2] for gap in session.gaps] == [[0.4, None]]


def test_what_the_live_copy_lacks_is_a_gap(bob: User, host: Host, valkey: str) -> None:
    recorder = begin(bob, host)
    publish(recorder, valkey, (0, FIRST))
    publish(recorder, valkey, (0, SECOND), first=12)
    publish(recorder, valkey, (3, THIRD), first=14)
    lose(recorder)

    take_over_all()

    session = Session.objects.get(pk=recorder.session_id)
    assert shown_in(session.pk) == "one two three four five six"
    assert [gap[:2] for gap in session.gaps] == [[0.4, 1.0], [1.2, 2.0], [1.2, 2.0], [2.5, None]]
    assert "10 events" in session.gaps[0][2]
    assert session.segments.count() == 4


def test_nobody_takes_what_belongs_to_a_machine_that_is_heard(lost: Recorder, settings: Settings) -> None:
    Session.objects.filter(pk=lost.session_id).update(heard_at=timezone.now())
    assert take_over_all() == []
    Session.objects.filter(pk=lost.session_id).update(
        heard_at=timezone.now() - timedelta(seconds=settings.NODE_LOST_SECONDS - 60)
    )
    assert take_over_all() == []
    assert Session.objects.get(pk=lost.session_id).node == "burnt"


def test_a_machine_is_heard_for_what_is_in_its_directory(bob: User, host: Host) -> None:
    here, gone = begin(bob, host), begin(bob, host)
    shutil.rmtree(die(gone))
    long_ago = timezone.now() - timedelta(hours=1)
    Session.objects.update(heard_at=long_ago)

    note_heard()

    assert Session.objects.get(pk=here.session_id).heard_at > timezone.now() - timedelta(minutes=1)  # type: ignore[operator]
    assert Session.objects.get(pk=gone.session_id).heard_at == long_ago
    assert take_over_all() == [gone.session_id]
    die(here)


def test_two_machines_that_find_it_complete_it_once(lost: Recorder) -> None:
    stale = Session.objects.get(pk=lost.session_id)
    take_over_all()
    sealed = Session.objects.get(pk=lost.session_id)

    assert not take_over(stale)
    assert Session.objects.get(pk=lost.session_id).manifest_sha256 == sealed.manifest_sha256
    ends = AuditEvent.objects.filter(
        session_id=lost.session_id, action__in=["session.ended", "recording.recovered", "recording.sealed"]
    )
    assert sorted(ends.values_list("action", flat=True)) == ["recording.recovered", "recording.sealed"]


def test_a_machine_that_comes_back_stores_nothing_more_and_seals_nothing(
    bob: User, host: Host, valkey: str, tmp_path: Path, settings: Settings
) -> None:
    recorder = begin(bob, host)
    recorder.write([*FIRST, *SECOND])
    publish(recorder, valkey, (0, FIRST))
    disk = die(recorder)
    shutil.copytree(disk, tmp_path / "disk")
    lose(recorder)
    take_over_all()
    session = Session.objects.get(pk=recorder.session_id)

    settings.NODE = "burnt"
    shutil.copytree(tmp_path / "disk", disk)
    with pytest.raises(NotOwnerError), transaction.atomic():
        ensure_owner(session.pk)
    with pytest.raises(NotOwnerError):
        ship_segment(session.pk, make_key(), ClosedSegment(SegmentFacts(1, 80, 24, "utf-8", 9.0), b""))
    Session.objects.filter(pk=session.pk).update(state=Session.State.ENDED)
    with pytest.raises(NotOwnerError):
        seal.seal_recording(session.pk, Session.State.SEALED)
    Session.objects.filter(pk=session.pk).update(state=session.state)
    recover_all()

    again = Session.objects.get(pk=session.pk)
    assert (again.manifest_sha256, again.events) == (session.manifest_sha256, session.events)
    assert (django_settings.RECORDINGS_DIR / "orphaned" / str(session.pk) / "0.cast").exists()


def test_a_machine_with_another_name_still_completes_what_is_on_its_disk(bob: User, host: Host) -> None:
    recorder = begin(bob, host)
    recorder.write(FIRST)
    die(recorder)
    Session.objects.filter(pk=recorder.session_id).update(node="its-name-before", heard_at=timezone.now())

    recover_all()

    session = Session.objects.get(pk=recorder.session_id)
    assert (session.state, session.gaps, session.node) == (Session.State.RECOVERED, [], django_settings.NODE)


def test_a_takeover_that_dies_is_begun_again(lost: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    def die_here(*_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(takeover, "_lay_out", die_here)
        assert take_over_all() == []
    assert take_over_all() == [], "it was just claimed"
    Session.objects.filter(pk=lost.session_id).update(heard_at=timezone.now() - timedelta(hours=1))

    assert take_over_all() == [lost.session_id]

    session = Session.objects.get(pk=lost.session_id)
    assert (session.state, session.end_reason) == (Session.State.RECOVERED, "node_lost")
    assert shown_in(session.pk) == "one two three four five six"
    assert len(session.gaps) == 1


def test_while_redis_is_away_nothing_is_given_up(lost: Recorder, settings: Settings, tmp_path: Path) -> None:
    url = settings.REDIS_URL
    settings.REDIS_URL = f"unix://{tmp_path}/no.sock"
    assert take_over_all() == []
    assert Session.objects.get(pk=lost.session_id).state == Session.State.LIVE
    settings.REDIS_URL = url
    assert take_over_all() == [lost.session_id]


def test_a_machine_without_the_key_leaves_it_to_one_with_it(lost: Recorder, settings: Settings, tmp_path: Path) -> None:
    settings.RECIPIENTS = [str(identity.to_public()) for identity in identities()]
    known, settings.IDENTITY_FILE = settings.IDENTITY_FILE, tmp_path / "none.age"
    assert take_over_all() == []
    settings.IDENTITY_FILE = known
    assert take_over_all() == [lost.session_id]


def test_a_recording_that_its_own_machine_had_sealed_gets_no_gap(bob: User, host: Host, valkey: str) -> None:
    recorder = begin(bob, host)
    recorder.write(FIRST)
    recorder._writer.submit(_Close(recorder))
    eventually(lambda: Session.objects.get(pk=recorder.session_id).events == 2)
    session = Session.objects.get(pk=recorder.session_id)
    session.state, session.end_reason, session.ended_at = Session.State.ENDED, "exit", timezone.now()
    session.save()
    lose(recorder)
    session.refresh_from_db()
    store_object(seal.manifest_name(session.pk), seal.sign_manifest(session, Session.State.SEALED))

    assert take_over_all() == [session.pk]

    session.refresh_from_db()
    assert (session.state, session.end_reason, session.gaps) == (Session.State.SEALED, "exit", [])


def test_the_worker_completes_them_too(lost: Recorder, valkey: str) -> None:
    tasks.recover_recordings()
    assert Session.objects.get(pk=lost.session_id).state == Session.State.RECOVERED
    with Redis.from_url(valkey) as redis:
        redis.delete(stream_key(lost.session_id))
