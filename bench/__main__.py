"""Measures the product beside `ssh -tt` and webssh, and prints one table: `make bench`, `make bench-quick`.

    python -m bench [--quick] [--only NAME …] [--set NAME=VALUE …] [--write-docs]
    python -m bench --saved FILE … [--write-docs]

Builds everything that it needs by itself, on loopback. Results go to bench/results/; docs/performance.md explains them.
Exit status: 0 if everything could be measured, whatever the figures are; 1 if not.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import uvloop

from bench import collected
from bench.figures import Figure
from bench.results import Results, write_document
from bench.scenarios import (
    capacity,
    client,
    connect,
    echo,
    growth,
    idle,
    load,
    recording,
    throughput,
    viewers,
    web_processes,
)
from bench.sizes import FULL, QUICK, Sizes
from bench.surroundings import Surroundings, surroundings

Scenario = Callable[[Surroundings], Awaitable[Sequence[Figure]]]
# In this order: idle sessions on a fresh heap first, what leaves most behind last.
SCENARIOS: dict[str, Scenario] = {
    "client": client.run,
    "idle": idle.run,
    "connect": connect.run,
    "echo": echo.run,
    "throughput": throughput.run,
    "load": load.run,
    "capacity": capacity.run,
    "viewers": viewers.run,
    "web_processes": web_processes.run,
    "recording": recording.run,
    "growth": growth.run,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.partition("\n")[0])
    names = [*SCENARIOS, *collected.PROGRAMS]
    parser.add_argument("--quick", action="store_true", help="the short form: five minutes, with less certainty")
    parser.add_argument("--only", nargs="+", choices=names, metavar="NAME", help=f"of {', '.join(names)}")
    parser.add_argument(
        "--set", nargs="+", default=[], metavar="NAME=VALUE", help="settings of the product, to compare"
    )
    parser.add_argument("--write-docs", action="store_true", help="put the table into docs/performance.md")
    parser.add_argument("--saved", nargs="+", type=Path, help="measure nothing: show what these runs have left")
    options = parser.parse_args()
    results = Results.load(options.saved) if options.saved else run(options.only or names, options)
    say(results.table())
    say(results.notes())
    if not options.saved:
        note(f"saved to {results.save()}")
    if options.write_docs:
        write_document(results)
    return 1 if results.failures else 0


def run(chosen: Sequence[str], options: argparse.Namespace) -> Results:
    """Measure what was chosen."""
    results = Results(("quick" if options.quick else "full") + ("-part" if options.only else ""))
    if scenarios := {name: scenario for name, scenario in SCENARIOS.items() if name in chosen}:
        results.facts["settings"] = settings = dict(each.split("=", 1) for each in options.set)
        measure(scenarios, results, QUICK if options.quick else FULL, settings)
    collect([name for name in collected.PROGRAMS if name in chosen], results, is_quick=options.quick)
    return results


def collect(programs: Sequence[str], results: Results, *, is_quick: bool) -> None:
    """Run the other programs. One that fails is a row that says so."""
    with ThreadPoolExecutor(collected.QUICK_AT_ONCE if is_quick else 1) as pool:
        running = {name: pool.submit(collected.collect, name, is_quick=is_quick) for name in programs}
        for name, answer in running.items():
            try:
                results.collected[name] = answer.result()
                results.figures += collected.figures_of(name, answer.result())
            except collected.ProgramFailedError as error:
                results.failures[name] = str(error)
            note(f"{name}: done")


def measure(scenarios: dict[str, Scenario], results: Results, sizes: Sizes, settings: dict[str, str]) -> None:
    """Run the scenarios, in surroundings that they share. One that fails is a row that says so."""
    note("starting sshd, the product and webssh …")
    with (
        surroundings(sizes, settings) as everything,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        for name, scenario in scenarios.items():
            began = time.monotonic()
            try:
                results.figures += runner.run(_as_coroutine(scenario, everything))
            except Exception as error:  # noqa: BLE001 - the outermost loop: the rest of the table is wanted, too
                traceback.print_exc()
                results.failures[name] = f"{type(error).__name__}: {error}".splitlines()[0][:200]
            note(f"{name}: {time.monotonic() - began:.0f} s")


async def _as_coroutine(scenario: Scenario, everything: Surroundings) -> Sequence[Figure]:
    return await scenario(everything)


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - a command


def note(text: str) -> None:
    """Tell how far it is, apart from the table."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - a command


if __name__ == "__main__":
    sys.exit(main())
