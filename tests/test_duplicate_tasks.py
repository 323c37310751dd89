"""Jobs may be lost, doubled, shuffled or killed in the middle: what they make is the same, and nothing is forgotten."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from celery.contrib.testing.worker import start_worker
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone
from redis import Redis

from audit import tasks
from audit.events import Event, Input, Output
from audit.indexing.indexer import LEASE, find_unindexed
from audit.indexing.snapshots import decrypt_snapshot
from audit.models import Session
from audit.queue import request_indexing
from audit.recording.recovery import recover_all
from audit.search import Filters, Scope, backend
from celery_app import app
from hosts.models import Host
from tests.crashes import leave, shown_in
from tests.polling import eventually
from tests.recordings import make_host, make_session, record_segments

pytestmark = pytest.mark.django_db(transaction=True)

PROMPT = "me@box:~$ "


def typed(t: float, command: str, output: str) -> list[Event]:
    """A command at a prompt that is there: typed slowly, run, and the next prompt."""
    events: list[Event] = []
    for number, key in enumerate(command):
        events += [Input(t + number / 10, key), Output(t + number / 10, key)]
    t += len(command) / 10
    return [*events, Input(t, "\r"), Output(t, "\r\n"), Output(t + 0.2, output), Output(t + 0.3, PROMPT)]


def work() -> list[list[Event]]:
    """Six segments with a command each, and needles to search for."""
    segments = [typed(10.0 * n + 1, f"cat file-{n}", f"needle number {n}\r\n") for n in range(6)]
    segments[0].insert(0, Output(0.1, PROMPT))
    return segments


@pytest.fixture
def host() -> Host:
    return make_host("web-01")


def made_of(session: Session) -> list[Any]:
    """Everything that indexing makes of a session, but for row numbers and the times of the work."""
    commands = session.commands.order_by("ordinal").values_list(
        "ordinal", "t", "end_t", "command", "source", "confidence", "exit_status"
    )
    screens = [(segment.n, decrypt_snapshot(segment)) for segment in session.segments.order_by("n")]
    scope = Scope(user_id=0, own_host_ids=frozenset(), audited_host_ids=frozenset([session.host_id]))
    page = backend().find(scope, "needle", cursor=None, limit=50, filters=Filters(session_id=session.pk))
    lines = sorted((hit.t, hit.kind, hit.snippet) for hit in page.hits)
    session.refresh_from_db()
    return [*commands, *screens, *lines, (session.command_count, session.commands_confidence, session.index_error)]


def expected_of(bob: User, host: Host) -> list[Any]:
    """What a session gives whose every job comes once and in order."""
    session = make_session(bob, host, state=Session.State.SEALED)
    for number in range(1, 7):
        record_segments(session, *work()[:number])
        tasks.index_session(str(session.pk))
    assert list(session.commands.values_list("command", flat=True).order_by("ordinal")) == [
        f"cat file-{n}" for n in range(6)
    ]
    return made_of(session)


def test_a_job_that_comes_five_times_shuffled_makes_the_same(bob: User, host: Host) -> None:
    expected = expected_of(bob, host)
    sessions = [make_session(bob, host, state=Session.State.SEALED) for _ in range(4)]
    seed = time.time_ns()
    for session in sessions:
        record_segments(session, *work()[:3])
    with deliveries([session for session in sessions for _ in range(5 * 6)], seed):
        for session in sessions:
            record_segments(session, *work())
    tasks.find_missing_index_work()
    for session_id in find_unindexed():
        tasks.index_session(str(session_id))

    for session in sessions:
        assert made_of(session) == expected, f"seed {seed}"


@contextmanager
def deliveries(sessions: list[Session], seed: int) -> Iterator[None]:
    """Four workers that are told to index these sessions, in any order, while the body runs."""
    random.Random(seed).shuffle(sessions)  # noqa: S311 - not for secrets
    lock = threading.Lock()

    def deliver() -> None:
        while True:
            with lock:
                session = sessions.pop() if sessions else None
            if session is None:
                break
            tasks.index_session(str(session.pk))
        connection.close()

    workers = [threading.Thread(target=deliver) for _ in range(4)]
    for worker in workers:
        worker.start()
    yield
    for worker in workers:
        worker.join()


def test_a_worker_that_is_killed_in_the_middle_leaves_nothing_behind(bob: User, host: Host) -> None:
    expected = expected_of(bob, host)
    session = make_session(bob, host, state=Session.State.SEALED)
    record_segments(session, *work())
    seed = time.time_ns()
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    for _ in range(6):
        kill_while_indexing(session.pk, chance.uniform(0.0, 0.15))
        # Its lease runs out; that is waiting, which is not to be done here.
        Session.objects.filter(pk=session.pk).update(index_claimed_until=timezone.now() - timedelta(seconds=1))
    tasks.index_session(str(session.pk))

    assert made_of(session) == expected, f"seed {seed}"
    assert find_unindexed() == []


def test_the_work_of_a_worker_that_was_killed_is_taken_up_within_a_minute() -> None:
    sweep = next(entry["schedule"] for name, entry in app.conf.beat_schedule.items() if name.startswith("find missing"))
    assert LEASE.total_seconds() + sweep <= 60


def kill_while_indexing(session_id: UUID, after: float) -> None:
    script = (
        "import sys, django\n"
        "from django.conf import settings\n"
        f"settings.DATABASES['default']['NAME'] = {str(connection.settings_dict['NAME'])!r}\n"
        "django.setup()\n"
        "from audit.indexing.indexer import index_session\n"
        "from uuid import UUID\n"
        "print('ready', flush=True)\n"
        "sys.stdin.readline()\n"
        f"index_session(UUID('{session_id}'))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin
    assert process.stdout
    assert process.stdout.readline() == b"ready\n"
    process.stdin.write(b"go\n")
    process.stdin.flush()
    time.sleep(after)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdin.close()
    process.stdout.close()


@contextmanager
def working() -> Iterator[None]:
    """A real worker on the real queue, in a thread of this process."""
    app.loader.import_default_modules()
    with start_worker(app, pool="solo", perform_ping_check=False, shutdown_timeout=30):
        yield


def test_jobs_that_redis_lost_are_found_again_from_the_database(bob: User, host: Host, valkey: str) -> None:
    expected = expected_of(bob, host)
    indexed = make_session(bob, host, state=Session.State.SEALED)
    record_segments(indexed, *work())
    died = leave(bob, host, *work())
    with Redis.from_url(settings.REDIS_URL) as redis:
        redis.flushall()
    assert find_unindexed() == [indexed.pk]

    with working():
        for task in ["find_missing_index_work", "recover_recordings"]:
            app.send_task(f"audit.tasks.{task}")
        eventually(lambda: made_of(indexed) == expected, 60)
        eventually(lambda: Session.objects.get(pk=died.name).state == Session.State.RECOVERED, 60)
        eventually(lambda: Session.objects.get(pk=died.name).command_count == 6, 60)

    assert "needle number 5" in shown_in(died.name)


def test_jobs_that_nobody_could_be_asked_for_are_found_when_redis_is_back(
    bob: User, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    died = leave(bob, host, *work())
    with monkeypatch.context() as patch:
        patch.setattr(app.conf, "broker_url", "redis+socket:///nowhere/at-all.sock")
        # Connections are pooled by the address that was configured when the pool was made.
        app._after_fork()  # type: ignore[attr-defined] # its types lack it
        recover_all()
        request_indexing(UUID(died.name))
    app._after_fork()  # type: ignore[attr-defined]

    assert find_unindexed() == [UUID(died.name)]
    tasks.index_session(died.name)
    assert find_unindexed() == []
