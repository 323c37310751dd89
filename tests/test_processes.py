"""Children of the supervisor: they start again with a growing pause, and stop within their limit."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

import pytest

from bastion import processes
from bastion.processes import Process, Program, describe, run_to_end, stop
from tests.polling import eventually


def python(name: str, code: str, stop_seconds: float = 10) -> Program:
    return Program(name, [sys.executable, "-c", code], stop_seconds)


def test_one_that_keeps_ending_starts_again_after_growing_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    process = Process(python("short one", "raise SystemExit(3)"), said.append)
    process.start()
    for _ in range(7):
        eventually(process.tend)
        # Do not wait for the pause: it is over.
        monkeypatch.setattr(process, "_start_again_at", 0.0)
        assert process.tend() is None
    stop([process], said.append)
    assert [int(line.split()[-2]) for line in said] == [1, 2, 4, 8, 16, 30, 30]
    assert said[0] == "The short one ended (status 3); it starts again in 1 s."


def test_one_that_ran_well_for_long_begins_with_the_shortest_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(processes, "HEALTHY_SECONDS", -1.0)
    process = Process(python("long one", ""), said.append)
    process.start()
    for _ in range(3):
        eventually(process.tend)
        monkeypatch.setattr(process, "_start_again_at", 0.0)
        process.tend()
    stop([process], said.append)
    assert {line.split()[-2] for line in said} == {"1"}


def test_one_that_does_not_end_is_killed_after_its_limit(tmp_path: Path) -> None:
    said: list[str] = []
    ignore = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    code = f"{ignore}; open({str(tmp_path / 'up')!r}, 'w'); time.sleep(600)"
    process = Process(python("stubborn one", code, stop_seconds=0.5), said.append)
    process.start()
    eventually((tmp_path / "up").exists)
    started = time.monotonic()
    stop([process], said.append)
    assert time.monotonic() - started < 10
    assert process.exit_status() == -signal.SIGKILL
    assert len(said) == 1
    assert said[0].startswith("The stubborn one did not end within")


def test_stopping_what_has_ended_or_never_ran_does_nothing() -> None:
    ended, never = Process(python("ended", ""), print), Process(python("never", ""), print)
    ended.start()
    eventually(lambda: ended.exit_status() is not None)
    stop([ended, never], pytest.fail)


def test_ctrl_c_does_not_reach_a_child_but_sigterm_does(tmp_path: Path) -> None:
    code = f"import time; open({str(tmp_path / 'up')!r}, 'w'); time.sleep(600)"
    process = Process(python("quiet one", code), print)
    process.start()
    eventually((tmp_path / "up").exists)
    process.send(signal.SIGINT)
    process.send(signal.SIGHUP)
    time.sleep(0.3)
    assert process.exit_status() is None
    stop([process], pytest.fail)
    assert process.exit_status() == -signal.SIGTERM


def test_running_to_the_end_gives_status_and_output() -> None:
    result = run_to_end(python("question", "print('answer'); raise SystemExit(4)"))
    assert (result.returncode, result.stdout) == (4, "answer\n")


def test_a_program_that_is_not_there_is_an_error_at_once() -> None:
    with pytest.raises(FileNotFoundError):
        Process(Program("nothing", ["/nowhere/at/all"]), print).start()


@pytest.mark.parametrize(("status", "words"), [(0, "status 0"), (3, "status 3"), (-9, "SIGKILL"), (-63, "signal 63")])
def test_an_end_is_described_in_words(status: int, words: str) -> None:
    assert describe(status) == words
