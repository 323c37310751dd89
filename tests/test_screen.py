"""The screen, and the text that was on it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.asciicast import Header
from audit.events import Event, Output, Resize
from audit.indexing import screen as screen_module
from audit.indexing.observe import Observer
from audit.indexing.screen import Cursor, Screen, ScreenError
from audit.indexing.text import TextCollector, passages
from audit.indexing.tokens import Mode, NewLine, SystemCommand, Text, Token, Tokenizer
from audit.transcript import transcript


def tokens_of(*texts: str, wants_lines: bool = True) -> list[Token]:
    tokenizer = Tokenizer()
    tokenizer.wants_lines = wants_lines
    return [token for text in texts for token in tokenizer.feed(text)]


def transcript_of(*texts: str, cols: int = 20, rows: int = 4, step: float = 1.0) -> list[str]:
    events = (Output(number * step, text) for number, text in enumerate(texts))
    return list(transcript(Header(cols=cols, rows=rows), events))


# The screen


def test_lines_are_handed_out_as_they_scroll_off_joined_where_they_wrapped() -> None:
    screen = Screen(10, 2)
    assert screen.feed("0123456789abc\r\nx\r\n") == ["0123456789abc"]
    assert screen.lines() == ["x", ""]
    assert screen.scrolled == 2


def test_a_line_that_scrolls_off_row_by_row_is_handed_out_whole() -> None:
    screen = Screen(10, 2)
    assert [screen.feed(text) for text in ("0123456789abc", "\r\n", "x\r\n")] == [[], [], ["0123456789abc"]]


def test_wide_characters_take_two_columns() -> None:
    screen = Screen(10, 2)
    screen.feed("中文字符测试")
    assert screen.cursor == Cursor(1, 2)
    assert screen.lines() == ["中文字符测试"]
    assert screen.around_cursor() == ("试", "        ")


def test_a_dump_rebuilds_the_screen_in_the_middle_of_anything() -> None:
    screen = Screen(20, 4)
    for text in ("one\r\n", "\x1b[31mtwo\x1b[?1049hother\x1b[2;2H", "x\x1b[1"):
        screen.feed(text)
    again = Screen.restore(screen.state())
    for both in (screen, again):
        both.feed("0Cy\x1b[?1049lend")
    assert again.dump() == screen.dump()


@pytest.mark.parametrize("size", [(0, 0), (-1, 5), (10**9, 10**9)])
def test_no_size_is_too_absurd(size: tuple[int, int]) -> None:
    screen = Screen(*size)
    screen.resize(*size)
    screen.feed("x\r\n")


@given(st.lists(st.text(st.characters(codec=None), max_size=30), max_size=10))
def test_no_text_harms_the_screen(texts: list[str]) -> None:
    screen = Screen(7, 3)
    for text in texts:
        screen.feed(text)
    screen.lines()


def test_a_failure_of_the_engine_is_a_screen_error(monkeypatch: pytest.MonkeyPatch) -> None:
    panic_exception = type("PanicException", (BaseException,), {})

    def broken(*_: object, **__: object) -> None:
        raise panic_exception("index out of bounds")

    monkeypatch.setattr(screen_module, "Vt", broken)
    with pytest.raises(ScreenError, match="index out of bounds"):
        Screen(80, 24)


# Tokens


def test_a_line_feed_takes_the_carriage_returns_before_it_along() -> None:
    assert tokens_of("a\r\r\nb\n") == [Text("a"), NewLine("\r\r\n"), Text("b"), NewLine("\n")]


@pytest.mark.parametrize("cut", range(1, 14))
def test_a_sequence_that_is_cut_between_events_is_one_token(cut: int) -> None:
    text = "\x1b]0;title\x1b\\x"
    assert tokens_of(text[:cut], text[cut:]) == [SystemCommand("0", "title"), Text("x")]


def test_modes_are_told_and_handed_on() -> None:
    assert tokens_of("\x1b[?1049;2004h") == [Mode("\x1b[?1049;2004h", frozenset({1049, 2004}), is_on=True)]


def test_a_title_of_screen_is_not_text() -> None:
    assert tokens_of("\x1bkvim\x1b\\x") == [SystemCommand("2", "vim"), Text("x")]


def test_a_sequence_that_never_ends_does_not_grow_without_limit() -> None:
    tokenizer = Tokenizer()
    for _ in range(100):
        list(tokenizer.feed("\x1b]0;" + "x" * 10_000))
    assert len(tokenizer.incomplete) < 200_000


# Text


def test_a_transcript_has_each_line_once() -> None:
    lines = [f"line {number}" for number in range(10)]
    assert transcript_of(*(f"{line}\r\n" for line in lines)) == lines


def test_what_was_cleared_is_in_the_transcript() -> None:
    assert transcript_of("before\r\n", "\x1b[H\x1b[2Jafter") == ["before", "after"]


def test_the_last_picture_of_a_full_screen_program_is_in_the_transcript() -> None:
    texts = ["$ less\r\n", "\x1b[?1049h\x1b[Hpage one", "\x1b[Hpage two", "\x1b[?1049l$ ", "exit"]
    assert transcript_of(*texts) == ["page two", "$ less", "$ exit"]


def test_a_screen_that_fails_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    feed = Screen.feed

    def choke(self: Screen, text: str) -> list[str]:
        if text == "poison":
            raise ScreenError("the screen engine failed")
        return feed(self, text)

    monkeypatch.setattr(Screen, "feed", choke)
    assert transcript_of("one\r\n" * 9, "poison", "two") == ["one"] * 6 + ["two"]


def collect(events: list[Event], look_at: tuple[float, ...] = ()) -> list[tuple[float, str]]:
    collector = TextCollector(Observer(Screen(20, 4)))
    looks = list(look_at)
    for event in events:
        while looks and event.t > looks[0]:
            collector.look(looks.pop(0))
        collector.observer.feed(event)
        collector.note_cursor(event.t)
    collector.look(events[-1].t)
    return [(t, line) for t, line in collector.take_lines() if line]


def test_a_line_has_the_second_at_which_it_was_complete() -> None:
    events: list[Event] = [Output(float(number), f"line {number}\r\n") for number in range(8)]
    assert collect(events) == [(float(number), f"line {number}") for number in range(8)]


def test_looking_often_takes_nothing_twice() -> None:
    events: list[Event] = [Output(float(number), f"line {number}\r\n") for number in range(8)]
    assert [line for _, line in collect(events, (1.5, 2.5, 6.5))] == [f"line {number}" for number in range(8)]


def test_a_smaller_window_loses_no_text() -> None:
    events: list[Event] = [Output(0.0, "one\r\ntwo\r\nthree"), Resize(1.0, 20, 1), Output(2.0, "\r\nfour")]
    assert [line for _, line in collect(events)] == ["one", "two", "three", "four"]


def test_titles_are_collected_when_they_change() -> None:
    collector = TextCollector(Observer(Screen(20, 4)))
    for number, title in enumerate(["vim a", "vim a", "shell"]):
        collector.observer.feed(Output(float(number), f"\x1b]0;{title}\x07"))
    assert collector.take_titles() == [(0.0, "vim a"), (2.0, "shell")]


def test_passages_are_small_and_leave_out_blanks() -> None:
    lines = [(float(number), "x" * 100) for number in range(100)] + [(100.0, "   ")]
    found = passages(lines)
    assert all(sum(len(text) for _, text in passage.lines) <= 4096 for passage in found)
    assert [line for passage in found for line in passage.lines] == lines[:100]


def test_a_term_across_the_cut_of_a_long_line_is_still_in_one_passage() -> None:
    line = "".join(f"<{number:05}>" for number in range(2000))
    texts = [text for passage in passages([(1.0, line)]) for _, text in passage.lines]
    assert all(any(f"<{number:05}>" in text for text in texts) for number in range(2000))
