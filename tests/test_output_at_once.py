"""Output that is shown some events at a time tells what it tells event by event."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from audit.events import Event, Input, Output, Resize
from audit.indexing.batch import SPAN, Batch
from audit.indexing.both_ends import TimedLine
from audit.indexing.observations import Observation
from audit.indexing.observe import Observer
from audit.indexing.screen import Screen
from audit.indexing.text import TextCollector

PROMPT = "me@box:~$ "
PIECES = (
    *(
        "line of output\r\n",
        "two\r\nlines\r\n",
        "no end yet ",
        "x",
        " ",
        "\r",
        "\n",
        "\r\n",
        "a" * 45 + "\r\n",
        "50 %\r\n",
    ),
    *(
        PROMPT,
        "\x1b[32mme@box\x1b[0m:~$ ",
        f"{PROMPT}typed ahead\r\n",
        "$ ",
        "> ",
        "中文 🚀\r\n",
        "\x1b[1",
        "m",
        "\x1b",
        "[31m",
    ),
    *(
        "\x1b[?2004h",
        "\x1b[?2004l",
        "\x1b[?1049h",
        "\x1b[?1049l",
        "\x1b[?10",
        "49h",
        "\x1b[2J",
        "\x1b[H",
        "\x1b[J",
        "\x1bc",
    ),
    *("\x1b]0;a title\x07", "\x1b]133;A\x07", "\x1b]133;B\x07", "\x1b]133;C\x07", "\x1b]133;D;0\x07", "\x1b]0;half"),
    *("\x1b[3A", "\x1b[5;5Hthere", "\x1b[?25l", "\x07"),
)
OUTPUTS = st.lists(st.sampled_from(PIECES), min_size=1, max_size=4).map("".join)
GAPS = st.sampled_from([0.0, 0.001, 0.05, 0.1199, 0.12, 0.3])
KINDS = st.one_of(
    *([OUTPUTS] * 6), st.sampled_from([Input(0.0, "ls"), Input(0.0, "\r"), Input(0.0, "\x03"), Resize(0.0, 30, 5)])
)


def events_of(steps: list[tuple[float, str | Event]]) -> list[Event]:
    t = 0.0
    events: list[Event] = []
    for gap, what in steps:
        t = round(t + gap, 6)
        match what:
            case str():
                events.append(Output(t, what))
            case Input():
                events.append(Input(t, what.text))
            case _:
                events.append(Resize(t, 30, 5))
    return events


def told(events: list[Event]) -> tuple[list[Observation], list[TimedLine], list[TimedLine], str]:
    collector = TextCollector(Observer(Screen(40, 6)))
    for event in events:
        collector.feed(event)
    collector.look(events[-1].t)
    observer = collector.observer
    return observer.take(), collector.take_lines(), collector.take_titles(), observer.screen.dump()


def told_event_by_event(events: list[Event]) -> tuple[list[Observation], list[TimedLine], list[TimedLine], str]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Batch, "takes", lambda *_: False)
        return told(events)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(GAPS, KINDS), min_size=1, max_size=40).map(events_of))
@example(events_of([(0.0, "[31m"), (0.12, "line\r\n"), (0.0, "line\r\n[31m"), (0.3, Input(0.0, "ls"))]))
@example(
    events_of([(0.0, PROMPT), (0.1, "ls"), (0.0, "\r\n"), (0.0, "a" * 45 + "\r\n"), (0.1, "b\r\n"), (0.1, PROMPT)])
)
def test_what_is_told_is_the_same_and_times_are_nearly_so(events: list[Event]) -> None:
    found, lines, titles, screen = told(events)
    expected_found, expected_lines, expected_titles, expected_screen = told_event_by_event(events)
    assert found == expected_found
    assert [line for _, line in lines] == [line for _, line in expected_lines]
    # Where lines wrap, a time may be that of a neighbouring event.
    nearly = SPAN + max((b.t - a.t for a, b in pairwise(events)), default=0.0)
    assert [t for t, _ in lines] == pytest.approx([t for t, _ in expected_lines], abs=nearly)
    assert titles == expected_titles
    assert screen == expected_screen


def test_times_are_exact_where_no_line_wraps() -> None:
    steps: list[tuple[float, str | Event]] = [(0.003, f"line {n}\r\n") for n in range(400)]
    events = events_of(steps)
    _, lines, _, _ = told(events)
    assert lines == [(event.t, f"line {n}") for n, event in enumerate(events)]


def test_only_some_of_a_second_waits() -> None:
    observer = Observer(Screen(40, 6))
    shown = [observer.feed(Output(n * 0.05, f"line {n}\r\n")) for n in range(60)]
    waited = [n for n, is_shown in enumerate(shown) if not is_shown]
    assert len(waited) > 40
    assert max(b - a for a, b in pairwise(waited)) <= 2
    assert all(not all(shown[n] is False for n in range(start, start + 7)) for start in range(50))
