"""The index stays whole and leaves nothing behind, whatever is merged, replaced, forgotten, killed or done at once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from urllib.parse import quote
from uuid import UUID

import numpy as np
import pytest
import zstandard
from django.contrib.auth.models import User
from django.db import connection

from audit.models import Session
from audit.search import KINDS, Filters, Kind, Passage, Scope, SignatureSearch, backend, compaction, finding
from audit.search.chunks import decode_chunk
from audit.search.grams import ROWS
from audit.search.runs import catalogue_of, live_runs, read_rows
from audit.search.signatures import pack
from hosts.models import Host
from tests.recordings import STARTED_AT, make_host, make_session

WORKER = """
import os, signal, sys, django
django.setup()
from audit.search import backend, compaction
from tests.test_search_index import make_passage, known_session
compaction.SEAL_CHUNKS, compaction.FAN_OUT = 4, 2
first, last, moment = int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
calls = {"merge": 0}

def dies_in(name, after):
    original = getattr(compaction, name)
    def dying(*arguments):
        calls[name] = calls.get(name, 0) + 1
        if calls[name] == after:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments)
    setattr(compaction, name, dying)

if moment:
    name, after = moment.split(":")
    dies_in(name, int(after))
for n in range(first, last):
    backend().replace(known_session(sys.argv[1], sys.argv[2]), n, "output", [make_passage(n)])
"""


def known_session(session_id: str, host_id: str) -> Session:
    """What the index needs to know of a session, in a process that does not see the database of the test."""
    facts = SimpleNamespace(
        pk=UUID(session_id), user_id=None, user_name="bob", host_id=UUID(host_id), host_name="w", started_at=STARTED_AT
    )
    return cast("Session", facts)


def make_passage(n: int) -> Passage:
    return Passage([(float(n), f"needle {n} end"), (n + 0.5, f"hay {n * 7919} " * 50)])


def worker(session: Session, first: int, last: int, moment: str = "") -> subprocess.Popen[bytes]:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "bastion.settings"}
    if connection.vendor == "postgresql":
        found = connection.settings_dict
        environment["DATABASE_URL"] = f"postgres://{found['USER']}@{quote(str(found['HOST']), safe='')}/{found['NAME']}"
    arguments = [str(session.pk), str(session.host_id), str(first), str(last), moment]
    root = Path(__file__).parent.parent
    return subprocess.Popen([sys.executable, "-c", WORKER, *arguments], cwd=root, env=environment)


def index() -> SignatureSearch:
    found = backend()
    assert isinstance(found, SignatureSearch)
    return found


def found_times(session: Session, query: str = "needle", limit: int = 7) -> list[float]:
    """All hits of a session, page by page, in their order."""
    scope = Scope(0, frozenset(), frozenset({session.host_id}))
    times: list[float] = []
    cursor: str | None = None
    while True:
        page = backend().find(scope, query, cursor=cursor, limit=limit, filters=Filters())
        times += [hit.t for hit in page.hits]
        cursor = page.next
        if cursor is None:
            return times


def assert_runs_are_exact() -> int:
    """Every run has the bits of the text that is there, and no other; return how many there are."""
    expand = zstandard.ZstdDecompressor()
    with index().store.reading() as statements:
        runs = live_runs(statements)
        for run in runs:
            sql = "SELECT id, z FROM audit_search_chunk WHERE id BETWEEN %s AND %s"
            stored = statements.execute(sql, [run.first, run.last])
            texts = {number: decode_chunk(bytes(z), expand).text for number, z in stored}
            catalogue = catalogue_of(statements, run)
            columns = [catalogue.ids[catalogue.column == number].tolist() for number in range(8 * run.width)]
            expected = pack([texts[number] for number in column if number in texts] for column in columns)
            assert np.array_equal(read_rows(statements, run, 0, ROWS), expected)
        states = statements.execute("SELECT count(*) FROM audit_search_run WHERE state <> 'live'")
        assert states == [(0,)]
        assert statements.execute("SELECT count(DISTINCT k >> 17) FROM audit_search_signature") == [(len(runs),)]
    return len(runs)


@pytest.fixture
def small_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "SEAL_CHUNKS", 4)
    monkeypatch.setattr(compaction, "FAN_OUT", 2)


@pytest.fixture
def session(bob: User) -> Session:
    return make_session(bob, make_host())


@pytest.fixture(autouse=True)
def empty_index(db: None) -> None:
    backend().clear()


@pytest.mark.usefixtures("small_runs")
def test_runs_are_sealed_and_merged_and_everything_is_found_once(session: Session) -> None:
    for n in range(40):
        backend().replace(session, n, "output", [make_passage(n)])
    assert found_times(session) == [float(n) for n in reversed(range(40))]
    assert found_times(session, '"needle 33 end"') == [33.0]
    with index().store.reading() as statements:
        assert {run.level for run in live_runs(statements)} >= {2}
    assert assert_runs_are_exact() > 1


@pytest.mark.usefixtures("small_runs")
def test_pages_that_are_turned_while_runs_are_merged_lose_nothing(session: Session) -> None:
    for n in range(30):
        backend().replace(session, n, "output", [make_passage(n)])
    scope = Scope(0, frozenset(), frozenset({session.host_id}))
    times: list[float] = []
    cursor: str | None = None
    for late in range(100, 200):
        page = backend().find(scope, "needle", cursor=cursor, limit=3, filters=Filters())
        times += [hit.t for hit in page.hits]
        cursor = page.next
        if cursor is None:
            break
        for n in range(5):
            backend().replace(session, 10 * late + n, "output", [make_passage(10 * late + n)])
    assert times == [float(n) for n in reversed(range(30))]


@pytest.mark.usefixtures("small_runs")
@pytest.mark.parametrize("seed", range(2))
def test_what_is_forgotten_or_replaced_leaves_no_bit_behind(bob: User, seed: int) -> None:
    host = make_host()
    sessions = [make_session(bob, host) for _ in range(4)]
    choose = random.Random(seed)  # noqa: S311 - nothing secret
    kept: dict[tuple[int, int, Kind], str] = {}
    for step in range(60):
        which, segment = choose.randrange(4), choose.randrange(4)
        if step % 20 == 19:
            backend().forget(sessions[which].pk)
            kept = {place: word for place, word in kept.items() if place[0] != which}
        else:
            word = f"w{step}x{choose.randrange(10**6)}"
            long = [Passage([(1.0, f"{word} {choose.random()} " * 60)])] * choose.choice([1, 1, 30])
            kind = choose.choice(KINDS)
            backend().replace(sessions[which], segment, kind, long)
            kept[which, segment, kind] = word
    assert_runs_are_exact()
    for (which, _, _), word in kept.items():
        hits = (
            backend()
            .find(Scope(0, frozenset(), frozenset({host.pk})), word, cursor=None, limit=9, filters=Filters())
            .hits
        )
        assert {hit.session_id for hit in hits} == {sessions[which].pk}
    for one in sessions:
        backend().forget(one.pk)
    assert assert_runs_are_exact() == 0
    with index().store.reading() as statements:
        assert statements.execute("SELECT count(*) FROM audit_search_chunk") == [(0,)]


@pytest.mark.usefixtures("small_runs")
def test_a_long_session_is_forgotten_out_of_runs_that_it_shares(bob: User) -> None:
    host = make_host()
    long, short = make_session(bob, host), make_session(bob, host)
    compaction_of = [Passage([(float(n), f"line {n} of much {n * 31} " * 90)]) for n in range(900)]
    backend().replace(short, 0, "output", [make_passage(1)])
    backend().replace(long, 0, "output", compaction_of)
    backend().replace(short, 1, "output", [make_passage(2)])
    backend().forget(long.pk)
    assert_runs_are_exact()
    assert found_times(short) == [2.0, 1.0]
    assert found_times(short, "much") == []


@pytest.mark.usefixtures("small_runs")
def test_the_session_itself_says_who_may_see_it_now(session: Session, carol: User) -> None:
    for n in range(9):
        backend().replace(session, n, "output", [make_passage(n)])
    assert len(found_times(session)) == 9
    own = Scope(session.user_id or 0, frozenset({session.host_id}), frozenset())

    def own_hits() -> int:
        return len(backend().find(own, "needle", cursor=None, limit=50, filters=Filters()).hits)

    assert own_hits() == 9
    Session.objects.filter(pk=session.pk).update(user=carol)
    assert own_hits() == 0
    elsewhere = Host.objects.create(name="elsewhere", address="127.0.0.1")
    Session.objects.filter(pk=session.pk).update(host=elsewhere)
    assert found_times(session) == []


@pytest.mark.usefixtures("small_runs")
@pytest.mark.parametrize("query", ["needle", "ne", "n", '"needle 3 end"', "absent"])
def test_a_page_that_read_its_share_says_where_to_go_on(
    session: Session, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    for n in range(20):
        backend().replace(session, n, "output", [make_passage(n)])
    complete = found_times(session, query)
    monkeypatch.setattr(finding, "MOST_READ", 1)
    assert found_times(session, query) == complete


@pytest.mark.usefixtures("small_runs")
def test_times_narrow_runs_too(session: Session) -> None:
    for n in range(40):
        backend().replace(session, n, "output", [make_passage(n)])
    scope = Scope(0, frozenset(), frozenset({session.host_id}))
    filters = Filters(after=STARTED_AT + timedelta(seconds=10), before=STARTED_AT + timedelta(seconds=13))
    hits = backend().find(scope, "needle", cursor=None, limit=50, filters=filters).hits
    assert [hit.t for hit in hits] == [12.0, 11.0, 10.0]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("moment", ["_merge:1", "_insert_blocks:4", "_remove_leftovers:4"])
def test_an_indexer_that_is_killed_leaves_an_index_that_goes_on(session: Session, moment: str) -> None:
    killed = worker(session, 0, 32, moment)
    assert killed.wait(120) == -signal.SIGKILL
    before = found_times(session)
    assert before == [float(n) for n in reversed(range(len(before)))]
    assert len(before) > 4
    # The same work again, and the rest of it.
    assert worker(session, 0, 32).wait(120) == 0
    assert found_times(session) == [float(n) for n in reversed(range(32))]
    assert_runs_are_exact()


@pytest.mark.django_db(transaction=True)
def test_writers_and_readers_at_once_lose_nothing_and_see_nothing_twice(bob: User) -> None:
    host = make_host()
    sessions = [make_session(bob, host) for _ in range(4)]
    # Two of them index the same session.
    writers = [worker(one, 0, 24) for one in (*sessions, sessions[0])]
    scope = Scope(0, frozenset(), frozenset({host.pk}))
    while any(writer.poll() is None for writer in writers):
        seen: set[tuple[UUID, float]] = set()
        cursor: str | None = None
        while True:
            page = backend().find(scope, "needle", cursor=cursor, limit=20, filters=Filters())
            hits = [(hit.session_id, hit.t) for hit in page.hits]
            assert len({*hits}) == len(hits)
            assert not seen.intersection(hits)
            seen.update(hits)
            cursor = page.next
            if cursor is None:
                break
    assert [writer.wait() for writer in writers] == [0] * 5
    assert sorted(found_times(sessions[0])) == sorted(float(n) for n in range(24) for _ in sessions)
    assert_runs_are_exact()
