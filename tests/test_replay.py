"""Replay hands the player what it accepts, and the screen that was there."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import orjson
import pytest
from django.contrib.auth.models import User
from hypothesis import given, settings
from hypothesis import strategies as st

from audit import replay
from audit.events import Exit, HiddenInput, Input, Marker, Output, Resize
from audit.indexing.indexer import index_session
from audit.indexing.screen import Screen
from audit.indexing.snapshots import encrypt_snapshot
from audit.models import Segment, Session
from audit.replay import replay_index, replay_segment
from audit.timeline import Idle, Recorded, microseconds, parts_of, time_map
from tests.recordings import make_host, make_session, record_segments

pytestmark = pytest.mark.usefixtures("valkey")


@pytest.fixture
def session(bob: User) -> Session:
    return make_session(bob, make_host())


def load(session: Session, idle: Idle = "keep") -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the index and all segments, checked as asciinema-player 3.17 checks them (core.js, normalizeSegment)."""
    index = orjson.loads(orjson.dumps(replay_index(session, idle)))
    assert index["version"] == 1
    starts = [part["start"] for part in index["segments"]]
    assert starts[0] == 0
    assert all(a < b for a, b in pairwise(starts))
    assert all(start < index["duration"] for start in starts[1:])
    times = [t for t, _ in index["markers"]]
    assert times == sorted(times)
    assert all(0 <= t <= index["duration"] for t in times)
    segments = []
    for n, start in enumerate(starts):
        payload = orjson.loads(replay_segment(session, n, idle))
        end = starts[n + 1] if n + 1 < len(starts) else math.inf
        at = [event[0] for event in payload["events"]]
        assert at == sorted(at)
        assert start <= at[0]
        assert at[-1] < end
        assert n == 0 or at[0] == start
        segments.append(payload)
    assert segments[-1]["events"][-1][0] == index["duration"]
    return index, segments


def screen_at(segments: list[dict[str, Any]], n: int, t: float) -> list[str]:
    """Do what the player does for a seek into segment `n`."""
    snapshot = segments[n]["snapshot"]
    screen = Screen(snapshot["cols"], snapshot["rows"])
    screen.feed(snapshot["init"])
    for at, code, data in segments[n]["events"]:
        if at > t:
            break
        if code == "o":
            screen.feed(data)
        elif code == "r":
            screen.resize(*map(int, data.split("x")))
    return screen.lines()


def test_a_recording_is_cut_at_its_segments(session: Session) -> None:
    record_segments(
        session,
        [Output(0.5, "one\r\n"), Input(1.0, "ls\r"), HiddenInput(1.2, 8), Output(1.25, "two\r\n")],
        [Output(31.0, "three\r\n"), Resize(32.0, 100, 30), Output(32.5, "four"), Exit(33.0, 0)],
    )
    index, segments = load(session)
    assert [part["start"] for part in index["segments"]] == [0, 31.0]
    assert index["segments"][1]["url"] == "segments/1.json?idle=keep"
    assert index["term"] == {"cols": 80, "rows": 24}
    assert index["duration"] == index["true_duration"] == 33.0
    assert [code for _, code, _ in segments[0]["events"]] == ["o", "o"]
    with_input = orjson.loads(replay_segment(session, 0, "keep", with_input=True))
    assert [code for _, code, _ in with_input["events"]] == ["o", "i", "o"]
    assert segments[1]["events"] == [
        [31.0, "o", "three\r\n"],
        [32.0, "r", "100x30"],
        [32.5, "o", "four"],
        [33.0, "x", ""],
    ]
    assert screen_at(segments, 1, 32.5)[:4] == ["one", "two", "three", "four"]


def test_silences_are_cut_to_two_seconds_and_the_map_tells_where(session: Session) -> None:
    record_segments(
        session,
        [Output(10.0, "a"), Output(11.0, "b"), Output(71.0, "c")],
        [Output(171.0, "d"), Output(172.5, "e")],
    )
    index, segments = load(session, "skip")
    assert index["duration"] == 2 + 1 + 2 + 2 + 1.5
    assert [event[0] for event in segments[0]["events"]] == [2.0, 3.0, 5.0]
    assert [event[0] for event in segments[1]["events"]] == [7.0, 8.5]
    assert index["true_duration"] == 172.5
    nodes = index["map"]
    assert nodes == sorted(nodes)
    assert [11.0, 3.0] in nodes
    assert [71.0, 5.0] in nodes
    kept, _ = load(session, "keep")
    assert kept["duration"] == 172.5


def test_segments_at_the_same_moment_still_rise(session: Session) -> None:
    record_segments(session, *([Output(1.0, f"{n}\r\n")] for n in range(30)), [Output(1.0, "last")], [Exit(1.0, 0)])
    index, segments = load(session)
    assert index["duration"] == pytest.approx(1.0, abs=0.001)
    assert "last" in screen_at(segments, 31, 2.0)


def test_a_session_with_nothing_in_it_can_be_opened(session: Session) -> None:
    index, segments = load(session)
    assert index["duration"] == 0
    assert segments[0]["snapshot"] == {"cols": 80, "rows": 24, "init": ""}
    with pytest.raises(Segment.DoesNotExist):
        replay_segment(session, 1, "keep")


def test_the_alternate_screen_of_two_segments_ago_is_there_after_a_seek(session: Session) -> None:
    record_segments(
        session,
        [Output(1.0, "$ vim\r\n"), Output(2.0, "\x1b[?1049h\x1b[2J\x1b[Hvim here")],
        [Output(40.0, "\x1b[5;5Hediting\x1b[3")],
        [Output(80.0, "2mgreen"), Output(90.0, "\x1b[?1049l$ ")],
    )
    _, segments = load(session)
    shown = screen_at(segments, 2, 80.0)
    assert shown[0] == "vim here"
    assert shown[4].endswith("editinggreen")
    assert screen_at(segments, 2, 90.0)[:2] == ["$ vim", "$"]


def test_the_indexers_snapshot_is_used_and_one_that_cannot_be_opened_is_made_again(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_segments(session, [Output(1.0, "really there")], [Output(31.0, "x")], [Output(61.0, "y")])
    first, second, _ = session.segments.order_by("n")
    first.snapshot, first.snapshot_cols, first.snapshot_rows = encrypt_snapshot(first, "from the indexer"), 80, 24
    first.save()
    assert load(session)[1][1]["snapshot"]["init"] == "from the indexer"
    # The screen before segment 2 is not indexed: it is made from the one before.
    assert screen_at(load(session)[1], 2, 0.0)[0] == "from the indexerx"
    Segment.objects.filter(session=session, n=0).update(snapshot=encrypt_snapshot(second, "moved here"))
    monkeypatch.setattr(replay, "_rebuilt", replay._SnapshotCache())
    assert screen_at(load(session)[1], 1, 0.0)[0] == "really there"


def test_what_would_take_too_long_to_rebuild_is_said_to_be_not_indexed(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_segments(session, [Output(1.0, "a" * 2000)], [Output(31.0, "x")])
    monkeypatch.setattr(replay, "MOST_REBUILT_BYTES", 1000)
    with pytest.raises(replay.NotIndexedError):
        replay_segment(session, 1, "keep")


def test_an_index_made_while_the_session_runs_stays_right(session: Session) -> None:
    first = [Output(1.0, "a"), Output(9.0, "b")]
    record_segments(session, first)
    before, parts = load(session, "skip")
    other = make_session(session.user, session.host)  # type: ignore[arg-type]
    record_segments(other, first, [Output(50.0, "c"), Output(51.0, "d")])
    after, longer = load(other, "skip")
    assert parts[0] == longer[0]
    assert before["map"][:-1] == after["map"][: len(before["map"]) - 1]
    assert not before["complete"]


def test_markers_of_the_recorder_are_in_the_index(session: Session) -> None:
    record_segments(session, [Output(1.0, "a"), Marker(2.0, "Bob left"), Output(30.0, "b")])
    index, segments = load(session, "skip")
    assert index["markers"] == [[2.0, "Bob left"]]
    assert all(code != "m" for _, code, _ in segments[0]["events"])


_steps = st.floats(0, 200, allow_nan=False)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(_steps, min_size=1, max_size=6), min_size=1, max_size=8), st.sampled_from(["keep", "skip"]))
def test_any_recording_is_cut_so_that_times_rise_and_nothing_is_longer_than_it_was(
    steps: list[list[float]], idle: Idle
) -> None:
    t = 0.0
    segments = []
    for group in steps:
        times = []
        for step in group:
            t += step
            times.append(t)
        silences = [(a, b - a) for a, b in pairwise(times) if b - a > 2]
        segments.append(Recorded(times[0], times[-1], silences))
    shown = time_map(segments, idle)
    parts = parts_of(segments, shown)
    assert all(part.start < part.end for part in parts)
    assert all(a.end < b.start for a, b in pairwise(parts))
    nodes = shown.nodes
    assert all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(nodes))
    assert shown.shown(microseconds(t)) <= microseconds(t)
    if idle == "keep":
        assert shown.shown(microseconds(t)) == microseconds(t)


def test_the_screen_after_a_seek_is_the_same_before_and_after_indexing(session: Session) -> None:
    wide = "\x1b[2J\x1b[H" + "界" * 45 + "\x1b[1;31m red\x1b[0m"
    record_segments(
        session,
        [Output(1.0, "$ cat 世界\r\n" + "line\r\n" * 40), Output(2.0, wide)],
        [Resize(31.0, 60, 20), Output(32.0, "\x1b[?1049h\x1b[10;10Heditor\x1b[4")],
        [Output(61.0, "munderlined")],
    )
    before = load(session)[1]
    assert index_session(session.pk) == 3
    assert Segment.objects.filter(session=session, snapshot__isnull=False).count() == 3
    after = load(session)[1]
    for n, t in ((1, 31.0), (1, 32.0), (2, 61.0)):
        assert screen_at(before, n, t) == screen_at(after, n, t)
    assert [part["snapshot"] for part in before] == [part["snapshot"] for part in after]
