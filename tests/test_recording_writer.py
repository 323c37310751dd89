"""The threads that write recordings: in order, synced before it counts where that is asked for, and soon where not."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
from pytest_django import Settings

from audit.asciicast import Header
from audit.events import Output
from audit.recording.recorder import Recorder, Written, open_recording
from audit.recording.segment import RecordingFailedError
from audit.recording.writer import Writer
from tests.polling import eventually


@pytest.fixture
def begin(tmp_path: Path, settings: Settings) -> Callable[[str], Recorder]:
    def begin(sync: str) -> Recorder:
        settings.RECORDING_SYNC = sync
        settings.OPEN_DIR = tmp_path / sync
        return open_recording(uuid4(), b"k" * 32, Header(cols=80, rows=24, timestamp=1))

    return begin


def lengths_when_accepted(recorder: Recorder, count: int) -> list[tuple[int, int]]:
    """Return, for each of `count` events at the moment when it is accepted, what is written and what is synced."""
    seen: list[tuple[int, int]] = []
    written = recorder.write([Output(0.0, "first")])
    total = len(written.lines)
    done = threading.Event()

    def accepted(outcome: Written | RecordingFailedError) -> None:
        nonlocal total
        assert isinstance(outcome, Written)
        total += len(outcome.lines)
        prefix = recorder.synced_prefix()
        seen.append((total, prefix.length if prefix else 0))
        if len(seen) == count:
            done.set()

    for n in range(count):
        recorder.submit([Output(float(n + 1), f"event {n}")], accepted)
    assert done.wait(30)
    return seen


def test_strict_says_so_only_when_it_would_survive_a_power_cut(begin: Callable[[str], Recorder]) -> None:
    recorder = begin("strict")
    assert all(synced >= written for written, synced in lengths_when_accepted(recorder, 500))
    recorder.abandon()


def test_relaxed_does_not_wait_but_is_synced_within_a_second(begin: Callable[[str], Recorder]) -> None:
    recorder = begin("relaxed")
    written, _ = lengths_when_accepted(recorder, 500)[-1]

    def synced() -> bool:
        prefix = recorder.synced_prefix()
        return prefix is not None and prefix.length > written

    eventually(synced, 3)
    recorder.abandon()


def test_what_is_accepted_is_in_the_file_in_order(begin: Callable[[str], Recorder], tmp_path: Path) -> None:
    recorder = begin("relaxed")
    order: list[int] = []
    for n in range(200):
        recorder.submit([Output(float(n), f"event {n};")], lambda _, n=n: order.append(n))  # type: ignore[misc]
    recorder.write([Output(200.0, "the end")])
    assert order == list(range(200))
    plain = (tmp_path / "relaxed" / str(recorder.session_id) / "0.cast").read_text()
    assert [line.split("event ")[1].split(";")[0] for line in plain.splitlines()[1:-1]] == [str(n) for n in range(200)]
    recorder.abandon()


def test_a_recorder_that_failed_takes_nothing_more_and_says_so_once(begin: Callable[[str], Recorder]) -> None:
    recorder = begin("relaxed")
    reasons: list[str] = []
    recorder.on_failure = reasons.append
    recorder.fail("the disk did not answer in time")
    recorder.fail("something else")
    assert reasons == ["the disk did not answer in time"]
    with pytest.raises(RecordingFailedError, match="did not answer"):
        recorder.write([Output(0.1, "too late")])
    recorder.abandon()


class Nosy:
    """A job whose listener is gone."""

    def run(self) -> None:
        return None

    def finish(self) -> None:
        raise RuntimeError("Event loop is closed")


class Last:
    def __init__(self) -> None:
        self.is_done = threading.Event()

    def run(self) -> None:
        return None

    def finish(self) -> None:
        self.is_done.set()


@pytest.mark.parametrize("is_strict", [True, False])
def test_a_listener_that_is_gone_does_not_end_the_thread(is_strict: bool) -> None:
    writer, last = Writer(is_strict=is_strict), Last()
    writer.submit(Nosy())
    writer.submit(last)
    assert last.is_done.wait(10)
