"""Benchmarks that are programs of their own: each prints one JSON object, of which some numbers become rows."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.util import find_spec
from typing import Any

from bench.figures import PRODUCT, Figure, Goal
from bench.in_product import ROOT

LONGEST_SECONDS = 1800


class ProgramFailedError(Exception):
    """Why one of them has nothing to say."""


@dataclass(frozen=True, slots=True)
class Row:
    """Numbers that are shown: their path in the object, where `*` stands for anything, their unit and the goal.

    With `against`, all numbers of `path` are one figure, beside those of that path, which the goal calls by its name.
    """

    path: str
    unit: str
    goal: Goal | None = None
    against: str = ""


@dataclass(frozen=True, slots=True)
class Program:
    """A module of bench/, how it is started, and what of its answer is shown, by the first row that fits."""

    module: str
    rows: Sequence[Row]
    quick: Sequence[str] = ("--quick",)
    full: Sequence[str] = ()
    # With BENCH_FULL=1.
    most: Sequence[str] = ()


SEARCH_ROWS = (
    Row("search/5000 grants/*/p50", "ms", Goal(1.2, "grants on all hosts"), against="search/everything/*/p50"),
    Row("search/everything/*/p95", "ms", Goal(100)),
    Row("index_ratio", "byte per byte", Goal(0.8)),
    Row("insert/mb_per_*", "MB/s"),
)
# Programs that run at the same time in the short form, which would take too long otherwise.
QUICK_AT_ONCE = 2
PROGRAMS: dict[str, Program] = {
    "indexing": Program(
        "indexing",
        (
            Row("scrolling/MB_per_s", "MB/s", Goal(25, is_least=True)),
            Row("full_screen/MB_per_s", "MB/s", Goal(10, is_least=True)),
            Row("*/MB_per_s", "MB/s"),
            Row("*/insert_MB_per_s", "MB/s of text"),
            Row("*/peak_rss_MB", "MB", Goal(200)),
            Row("growth/both_ratio", "×", Goal(1.1)),
            Row("growth/peak_rss_*", "MB", Goal(200)),
        ),
    ),
    **{
        f"search-{database}": Program(
            "search",
            SEARCH_ROWS,
            quick=("--database", database, "--megabytes", "5", "--commands", "5000"),
            full=("--database", database),
            most=("--gigabytes", "5"),
        )
        for database in ("sqlite", "postgresql")
    },
    "replay": Program(
        "replay",
        (
            Row("server/seek_ms_p95", "ms", Goal(300)),
            Row("segments/seek_ms_p95", "ms", Goal(300)),
            Row("chromium/first_frame_ms", "ms"),
            Row("chromium/seek_to_screen_ms_most", "ms", Goal(1000)),
            Row("chromium/segments_fetched_most", "segments", Goal(2)),
            Row("chromium/fetched_kB_most", "kB"),
            Row("chromium/heap_MB", "MB", Goal(150)),
        ),
        quick=("--quick", "--chromium"),
        full=("--chromium",),
    ),
    "session_list": Program("session_list", (Row("worst_p95_ms", "ms", Goal(50)), Row("sessions", "sessions"))),
}


def collect(name: str, *, is_quick: bool) -> Any:
    """Run one of them and return what it prints. Raises ProgramFailedError."""
    program = PROGRAMS[name]
    if find_spec(f"bench.{program.module}") is None:
        raise ProgramFailedError(f"there is no bench/{program.module}.py")
    more = program.most if os.environ.get("BENCH_FULL") == "1" else ()
    command = [sys.executable, "-m", f"bench.{program.module}", *(program.quick if is_quick else program.full), *more]
    # A group of its own: these start processes themselves, and none may go on beside what is measured next.
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, process_group=0) as running:
        try:
            printed, _ = running.communicate(timeout=LONGEST_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            raise ProgramFailedError(f"it did not end within {LONGEST_SECONDS} s") from None
    if running.returncode:
        raise ProgramFailedError(f"it ended with status {running.returncode}")
    try:
        return json.loads(printed)
    except ValueError:
        raise ProgramFailedError("what it printed is no JSON") from None


def figures_of(name: str, answer: Any) -> Iterator[Figure]:
    """Yield what is shown of one program's answer."""
    numbers = dict(_numbers(answer))
    rows = PROGRAMS[name].rows
    for row in rows:
        if row.against and row.goal:
            ours, theirs = (
                [number for path, number in numbers.items() if fnmatchcase(path, wanted)]
                for wanted in (row.path, row.against)
            )
            yield Figure(f"{name}: {row.path}", row.unit, {PRODUCT: ours, row.goal.against: theirs}, (row.goal,))
    for path, number in numbers.items():
        fitting = next((row for row in rows if fnmatchcase(path, row.path) and not row.against), None)
        if fitting is not None:
            goals = (fitting.goal,) if fitting.goal else ()
            yield Figure(f"{name}: {path}", fitting.unit, {PRODUCT: [number]}, goals)


def _numbers(answer: Any, path: str = "") -> Iterator[tuple[str, float]]:
    match answer:
        case dict():
            for name, value in answer.items():
                yield from _numbers(value, f"{path}/{name}" if path else name)
        case bool():
            return
        case int() | float():
            yield path, float(answer)
