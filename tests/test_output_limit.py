"""Of what one command prints, both ends are indexed; lines have no end of their own, titles and line feeds neither."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from audit.events import Event, Input, Output
from audit.indexing.both_ends import BothEnds, cut_mark
from audit.indexing.indexer import index_session
from audit.indexing.observe import Observer
from audit.indexing.screen import LONGEST_LINE, Screen
from audit.indexing.text import TextCollector, passages
from tests.recordings import make_host, make_session, record_segments
from tests.test_indexing import PROMPT, found_lines, typed


def numbered(first: int, last: int) -> list[tuple[float, str]]:
    return [(float(n), f"{n:09}") for n in range(first, last)]


def kept(limit: int | None, *pieces: list[tuple[float, str]]) -> list[str]:
    ends = BothEnds(limit)
    for piece in pieces:
        ends.add(piece)
    return [line for _, line in ends.take()]


def texts(lines: list[tuple[float, str]]) -> list[str]:
    return [line for _, line in lines]


def test_what_fits_is_kept_whole() -> None:
    assert kept(100, numbered(0, 10), numbered(10, 20)) == texts(numbered(0, 20))
    assert kept(None, numbered(0, 1000)) == texts(numbered(0, 1000))


@pytest.mark.parametrize("step", [1, 3, 7, 50, 1000])
def test_of_more_both_ends_are_kept_and_a_mark_says_how_much_is_missing(step: int) -> None:
    lines = numbered(0, 1000)
    pieces = [lines[start : start + step] for start in range(0, 1000, step)]
    expected = [*texts(lines[:10]), cut_mark(980 * 10), *texts(lines[-10:])]
    assert kept(100, *pieces) == expected
    assert kept(105, *pieces) == expected


def test_a_line_longer_than_the_limit_is_the_cut() -> None:
    assert kept(10, [(1.0, "x" * 100)], [(2.0, "end")]) == [cut_mark(101), "end"]
    assert kept(10, [(1.0, "x" * 100)]) == [cut_mark(101)]


def test_another_command_has_its_own_ends() -> None:
    ends = BothEnds(30)
    for first in (0, 100):
        ends.add(numbered(first, first + 50))
        ends.begin()
    one, other = numbered(0, 50), numbered(100, 150)
    mark = cut_mark(44 * 10)
    assert texts(ends.take()) == [
        *(*texts(one[:3]), mark, *texts(one[-3:])),
        *(*texts(other[:3]), mark, *texts(other[-3:])),
    ]
    assert ends.take() == []


@pytest.mark.django_db(transaction=True)
def test_the_index_holds_both_ends_of_each_command_and_says_so(bob: User, settings: object) -> None:
    settings.INDEX_OUTPUT_CHARACTERS = 2000  # type: ignore[attr-defined]
    session = make_session(bob, make_host())
    flood = "".join(f"line {n:04} of the flood\r\n" for n in range(1000))
    record_segments(session, [Output(0.1, PROMPT), *typed(1.0, "flood", flood), *typed(5.0, "after", "the needle\r\n")])
    index_session(session.pk)
    assert found_lines(session, "line 0003")
    assert found_lines(session, "line 0990")
    assert not found_lines(session, "line 0500")
    assert found_lines(session, "needle")
    assert found_lines(session, "characters of output are not in the search index")
    assert [command.command for command in session.commands.order_by("ordinal")] == ["flood", "after"]


@pytest.mark.django_db(transaction=True)
def test_without_a_limit_everything_is_indexed(bob: User, settings: object) -> None:
    settings.INDEX_OUTPUT_CHARACTERS = 0  # type: ignore[attr-defined]
    session = make_session(bob, make_host())
    flood = "".join(f"line {n:04} of the flood\r\n" for n in range(1000))
    record_segments(session, [Output(0.1, PROMPT), *typed(1.0, "flood", flood)])
    index_session(session.pk)
    assert found_lines(session, "line 0500")


def collected(events: list[Event]) -> TextCollector:
    collector = TextCollector(Observer(Screen(80, 24)))
    for event in events:
        collector.feed(event)
    collector.look(events[-1].t)
    return collector


def test_a_line_that_does_not_end_comes_in_pieces_and_nothing_of_it_is_lost() -> None:
    whole = "".join(f"<{n:06}>" for n in range(60_000))
    events: list[Event] = [Output(1.0, whole[at : at + 5000]) for at in range(0, len(whole), 5000)]
    lines = collected([*events, Output(2.0, "\r\nnext\r\n")]).take_lines()
    long = [line for _, line in lines if line.startswith(("<", "0")) or "<" in line]
    assert "".join(long) == whole
    assert {len(line) for line in long[:-1]} == {LONGEST_LINE}
    pieces = [text for passage in passages(lines) for _, text in passage.lines]
    assert all(any(f"<{n:06}>" in text for text in pieces) for n in range(8100, 8300))
    assert any(text == "next" for text in pieces)


def test_its_state_stays_small() -> None:
    screen = Screen(80, 24)
    for _ in range(100):
        screen.feed("x" * 65_000)
    assert len(str(screen.state())) < 3 * LONGEST_LINE
    again = Screen.restore(screen.state())
    assert again.feed("\r\n" * 30) == screen.feed("\r\n" * 30)


def test_a_flood_of_titles_keeps_the_first_of_them() -> None:
    flood = "".join(f"\x1b]0;title {n}\x07" for n in range(30_000))
    titles = collected([Output(1.0, flood), Input(2.0, "x")]).take_titles()
    assert len(titles) == 10_000
    assert titles[0] == (1.0, "title 0")
