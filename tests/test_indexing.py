"""Closed segments become commands, searchable text and screens, whatever interrupts the work."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from audit.events import Event, Input, Output, Resize
from audit.indexing import indexer
from audit.indexing.indexer import find_unindexed, index_session
from audit.indexing.screen import Screen, ScreenError
from audit.indexing.snapshots import decrypt_snapshot
from audit.models import Command, Segment, Session
from audit.recording.reading import read_events
from audit.recording.storage import StorageError
from audit.search import Filters, Scope, backend
from tests.recordings import STARTED_AT, make_host, make_session, record_segments

pytestmark = pytest.mark.django_db(transaction=True)

PROMPT = "me@box:~$ "


def typed(t: float, command: str, output: str) -> list[Event]:
    """A command at a prompt that is there: typed slowly, run, and the next prompt."""
    events: list[Event] = []
    for number, key in enumerate(command):
        events += [Input(t + number / 10, key), Output(t + number / 10, key)]
    t += len(command) / 10
    return [*events, Input(t, "\r"), Output(t, "\r\n"), Output(t + 0.2, output), Output(t + 0.3, PROMPT)]


def segments_of(*commands: tuple[str, str]) -> list[list[Event]]:
    """One segment for each command; the first begins with the prompt."""
    segments = [typed(10.0 * number + 1, *command) for number, command in enumerate(commands)]
    segments[0].insert(0, Output(0.1, PROMPT))
    return segments


@pytest.fixture
def session(bob: User) -> Session:
    return make_session(bob, make_host())


def rows_of(session: Session) -> list[tuple[Any, ...]]:
    """Everything that indexing a session makes, but for row numbers and the times of the work."""
    commands = session.commands.order_by("ordinal").values_list(
        "ordinal", "t", "end_t", "at", "command", "source", "confidence", "exit_status", "user_id", "host_id"
    )
    screens = [(s.n, screen_after(s), s.snapshot_cols, s.snapshot_rows) for s in session.segments.order_by("n")]
    session.refresh_from_db()
    return [*commands, *screens, (session.command_count, session.commands_confidence, session.index_error)]


def screen_after(segment: Segment) -> str | None:
    return decrypt_snapshot(segment)


def found_lines(session: Session, query: str) -> list[tuple[float, str, str]]:
    scope = Scope(user_id=session.user_id or 0, own_host_ids=frozenset([session.host_id]), audited_host_ids=frozenset())
    filters = Filters(session_id=session.pk)
    page = backend().find(scope, query, cursor=None, limit=50, filters=filters)
    return sorted((hit.t, hit.kind, hit.snippet) for hit in page.hits)


def test_commands_are_found_with_their_times_and_hosts(session: Session) -> None:
    record_segments(session, *segments_of(("ls -la", "total 0\r\n"), ("pwd", "/home/me\r\n")))
    assert index_session(session.pk) == 2
    ls, pwd = session.commands.order_by("ordinal")
    assert ls.command == "ls -la"
    assert (ls.t, ls.end_t) == pytest.approx((1.6, 1.9))
    assert (pwd.command, pwd.source) == ("pwd", "screen")
    assert ls.at == STARTED_AT + timedelta(seconds=ls.t)
    assert (ls.user_id, ls.host_id) == (session.user_id, session.host_id)
    session.refresh_from_db()
    assert (session.command_count, session.commands_confidence) == (2, "learned")


def test_text_is_found_with_the_second_at_which_it_was_shown(session: Session) -> None:
    record_segments(session, *segments_of(("ls -la", "needle in the hay\r\n"), ("pwd", "/home/me\r\n")))
    index_session(session.pk)
    [(t, kind, snippet)] = found_lines(session, "needle")
    assert kind == "output"
    assert t == pytest.approx(1.8)
    assert "needle in the hay" in snippet
    assert {kind for _, kind, _ in found_lines(session, "ls -la")} == {"output", "command"}


def test_text_that_stays_on_the_screen_is_found_once(session: Session) -> None:
    record_segments(session, *segments_of(("ls", "needle\r\n"), ("pwd", "/\r\n"), ("id", "me\r\n")))
    index_session(session.pk)
    assert len(found_lines(session, "needle")) == 1


def test_a_screen_is_kept_at_the_end_of_each_segment(session: Session) -> None:
    first, second = segments_of(("ls", "one\r\n"), ("pwd", "two\r\n"))
    record_segments(session, [*first, Resize(9.0, 100, 30)], second)
    index_session(session.pk)
    segment = session.segments.get(n=0)
    assert (segment.snapshot_cols, segment.snapshot_rows) == (100, 30)
    screen = Screen(100, 30)
    screen.feed(screen_after(segment) or "")
    assert [line for line in screen.lines() if line] == [f"{PROMPT}ls", "one", PROMPT.rstrip()]


def test_indexing_again_changes_nothing(session: Session) -> None:
    record_segments(session, *segments_of(("ls", "one\r\n"), ("pwd", "two\r\n")))
    index_session(session.pk)
    before = rows_of(session)
    assert index_session(session.pk) == 0
    session.segments.update(indexed_at=None)
    assert index_session(session.pk) == 2
    assert rows_of(session) == before


def test_segment_by_segment_gives_what_all_at_once_gives(session: Session, bob: User) -> None:
    segments = segments_of(("ls", "one\r\n"), ("pwd", "two\r\n" * 30), ("ls", "three\r\n"), ("id", "four\r\n"))
    at_once = make_session(bob, session.host)
    record_segments(at_once, *segments)
    index_session(at_once.pk)
    for count in range(1, len(segments) + 1):
        record_segments(session, *segments[:count])
        assert index_session(session.pk) == 1
    assert rows_of(session) == rows_of(at_once)


@pytest.mark.parametrize("crash_at", range(6))
def test_a_crash_in_the_middle_is_made_good(
    session: Session, bob: User, monkeypatch: pytest.MonkeyPatch, crash_at: int
) -> None:
    segments = segments_of(("ls", "one\r\n"), ("pwd", "two\r\n"), ("id", "three\r\n"))
    undisturbed = make_session(bob, session.host)
    for either in (session, undisturbed):
        record_segments(either, *segments)
    steps = itertools.count()

    def fails(name: str) -> Any:
        original = getattr(indexer, name)

        def step(*args: object) -> object:
            if next(steps) == crash_at:
                raise KeyboardInterrupt
            return original(*args)

        return step

    with monkeypatch.context() as patched:
        for name in ("_store_snapshot", "store_update"):
            patched.setattr(indexer, name, fails(name))
        with pytest.raises(KeyboardInterrupt):
            index_session(session.pk)
    index_session(session.pk)
    index_session(undisturbed.pk)
    assert rows_of(session) == rows_of(undisturbed)
    assert len(found_lines(session, "three")) == 1


def test_only_one_process_works_at_a_session(session: Session) -> None:
    record_segments(session, *segments_of(("ls", "one\r\n")))
    Session.objects.filter(pk=session.pk).update(index_claimed_until=timezone.now() + timedelta(minutes=1))
    assert session.pk not in find_unindexed()
    assert index_session(session.pk) == 0
    Session.objects.filter(pk=session.pk).update(index_claimed_until=timezone.now() - timedelta(seconds=1))
    assert session.pk in find_unindexed()
    assert index_session(session.pk) == 1


def test_two_at_once_share_the_work(session: Session, bob: User) -> None:
    segments = segments_of(("ls", "one\r\n"), ("pwd", "two\r\n"), ("id", "three\r\n"))
    alone = make_session(bob, session.host)
    for either in (session, alone):
        record_segments(either, *segments)

    def work() -> int:
        try:
            return index_session(session.pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        counts = [future.result() for future in [pool.submit(work) for _ in range(4)]]
    assert sum(counts) == len(segments)
    index_session(alone.pk)
    assert rows_of(session) == rows_of(alone)


def test_who_lost_the_lease_writes_nothing(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    record_segments(session, *segments_of(("ls", "one\r\n")))

    def somebody_else_comes(_: object) -> None:
        Session.objects.filter(pk=session.pk).update(index_claimed_until=timezone.now() + timedelta(hours=1))

    monkeypatch.setattr(indexer, "index_update", somebody_else_comes)
    assert index_session(session.pk) == 0
    assert not Command.objects.filter(session=session).exists()
    assert not session.segments.filter(indexed_at__isnull=False).exists()


def test_a_session_that_is_over_is_finished_once(session: Session) -> None:
    record_segments(session, *segments_of(("ls", "one\r\n")))
    index_session(session.pk)
    session.refresh_from_db()
    assert session.index_state is not None
    Session.objects.filter(pk=session.pk).update(state=Session.State.SEALED)
    assert find_unindexed() == [session.pk]
    assert index_session(session.pk) == 0
    finished = Session.objects.get(pk=session.pk)
    assert finished.index_state is None
    assert finished.command_count == 1
    assert find_unindexed() == []


def test_a_screen_that_fails_loses_its_own_segment_only(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    record_segments(session, *segments_of(("ls", "one\r\n"), ("pwd", "poison\r\n"), ("id", "three\r\n")))
    feed = Screen.feed

    def choke(self: Screen, text: str) -> list[str]:
        if "poison" in text:
            raise ScreenError("the screen engine failed: index out of bounds")
        return feed(self, text)

    monkeypatch.setattr(Screen, "feed", choke)
    assert index_session(session.pk) == 3
    session.refresh_from_db()
    assert "1 segment" in session.index_error
    assert "segment 1" in session.index_error
    assert [s.snapshot is None for s in session.segments.order_by("n")] == [False, True, False]
    assert found_lines(session, "one")
    assert found_lines(session, "three")


def test_what_cannot_be_read_at_the_moment_stays_to_be_done(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    record_segments(session, *segments_of(("ls", "one\r\n"), ("pwd", "two\r\n")))

    def away(segment: Segment) -> Iterator[Event]:
        if segment.n == 1:
            raise StorageError("the object store does not answer")
        return read_events(segment)

    with monkeypatch.context() as patched:
        patched.setattr(indexer, "read_events", away)
        with pytest.raises(StorageError):
            index_session(session.pk)
    assert find_unindexed() == [session.pk]
    assert index_session(session.pk) == 1


def test_a_recording_without_a_prompt_has_unknown_commands(session: Session) -> None:
    lines: Sequence[Event] = [Output(float(t), f"line {t}\r\n") for t in range(5)]
    record_segments(session, lines)
    index_session(session.pk)
    session.refresh_from_db()
    assert (session.commands_confidence, session.command_count) == ("not_found", 0)


def test_indexing_a_session_that_is_gone_does_nothing() -> None:
    assert index_session(Session().pk) == 0
