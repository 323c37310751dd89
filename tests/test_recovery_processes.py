"""Recovery beside live recordings, beside other recoveries, and killed itself: each recording is sealed once, whole."""

from __future__ import annotations

import os
import random
import threading
import time
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from audit.events import Event, Output
from audit.models import AuditEvent, Session
from audit.recording.directory import has_directory
from audit.recording.recorder import Outcome, Recorder
from hosts.models import Host
from tests.crashes import begin, leave, shown_in
from tests.recordings import make_host
from tests.recovering import RecoveryProcess

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def host() -> Host:
    return make_host("web-01")


def segments_of(number: int) -> list[list[Event]]:
    return [[Output(n + 0.1, f"{number}:{n} "), Output(n + 0.2, "and more ")] for n in range(3)]


def words_of(number: int) -> str:
    return "".join(event.text for events in segments_of(number) for event in events if isinstance(event, Output))


def leave_many(bob: User, host: Host, count: int) -> list[Path]:
    return [leave(bob, host, *segments_of(number)) for number in range(count)]


def assert_recovered_once(path: Path, number: int) -> None:
    session = Session.objects.get(pk=path.name)
    assert session.state == Session.State.RECOVERED
    assert shown_in(session.pk) == words_of(number)
    assert (session.gaps, session.events) == ([], 6)
    assert not has_directory(session.pk)
    said = AuditEvent.objects.filter(
        session_id=session.pk, action__in=["session.ended", "recording.recovered", "recording.sealed"]
    ).values_list("action", flat=True)
    assert sorted(said) == ["recording.recovered", "recording.sealed"]


def test_recoveries_in_three_processes_at_once_complete_each_recording_once(bob: User, host: Host) -> None:
    left = leave_many(bob, host, 20)
    processes = [RecoveryProcess(2) for _ in range(3)]
    for process in processes:
        process.begin()
    assert [process.wait() for process in processes] == [0, 0, 0]

    for number, path in enumerate(left):
        assert_recovered_once(path, number)


def test_a_recovery_that_is_killed_again_and_again_is_finished_by_the_next(bob: User, host: Host) -> None:
    seed = time.time_ns()
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    left = leave_many(bob, host, 12)
    for _ in range(12):
        process = RecoveryProcess()
        process.begin()
        time.sleep(chance.uniform(0.0, 0.4))
        process.kill()
    last = RecoveryProcess()
    last.begin()
    assert last.wait() == 0

    for number, path in enumerate(left):
        try:
            assert_recovered_once(path, number)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}") from error


def test_twenty_recoveries_during_load_touch_nothing_that_lives_and_stop_at_nothing_that_is_bad(
    bob: User, host: Host
) -> None:
    left = leave_many(bob, host, 30)
    corrupt = sorted(left)[3]
    (corrupt / "1.cast").write_bytes(os.urandom(3000))
    live = [begin(bob, host) for _ in range(4)]
    written = dict.fromkeys(live, 0)
    stop = threading.Event()

    def write(recorder: Recorder) -> None:
        while not stop.is_set():
            recorder.write([Output(written[recorder] / 1000, f"{written[recorder]} ")])
            written[recorder] += 1
            time.sleep(0.002)

    writers = [threading.Thread(target=write, args=(recorder,)) for recorder in live]
    for writer in writers:
        writer.start()
    process = RecoveryProcess(20)
    process.begin()
    status = process.wait()
    stop.set()
    for writer in writers:
        writer.join()
    assert status == 0

    for number, path in enumerate(left):
        if path != corrupt:
            assert_recovered_once(path, number)
    damaged = Session.objects.get(pk=corrupt.name)
    assert (damaged.state, damaged.has_gaps) == (Session.State.RECOVERED, True)
    for recorder in live:
        assert Session.objects.get(pk=recorder.session_id).state == Session.State.LIVE
        recorder.finish(Outcome("exit", "", timezone.now())).result(60)
        assert Session.objects.get(pk=recorder.session_id).state == Session.State.SEALED
        assert shown_in(recorder.session_id) == "".join(f"{number} " for number in range(written[recorder]))
