"""How many sessions of 50 KB/s one web process holds before keys come back late, or output does."""

from __future__ import annotations

import asyncio
import statistics
import time
from dataclasses import dataclass

import psutil

from bench.clients import Session
from bench.figures import PRODUCT, Figure, Goal, percentile
from bench.measuring import prepare_echo, press_keys
from bench.pacing import BYTES_PER_SECOND, Pacer
from bench.processes import cpu_seconds
from bench.scenarios.load import SETTLE_SECONDS, close_all, open_streaming
from bench.surroundings import Contestant, Surroundings

MOST_MILLISECONDS = 20.0
LEAST_ARRIVING = 0.95
GOAL = Goal(200, is_least=True)


@dataclass(frozen=True, slots=True)
class Step:
    """What keys pressed beside so many sessions showed: medians of some rounds."""

    sessions: int
    p99: float
    # Of the output that the sessions were given.
    arriving: float
    # Cores that the server used, and per cent of the machine that everything used.
    server: float
    machine: float

    @property
    def is_held(self) -> bool:
        return self.p99 < MOST_MILLISECONDS and self.arriving >= LEAST_ARRIVING

    def __str__(self) -> str:
        return (
            f"{self.sessions}: p99 {self.p99:.1f} ms, {self.arriving:.0%} arrive,"
            f" server {self.server:.0%} of a core, machine {self.machine:.0f}%"
        )


async def run(surroundings: Surroundings) -> list[Figure]:
    sizes = surroundings.sizes
    held: dict[str, list[float]] = {}
    words = []
    for contestant in surroundings.contestants:
        if contestant.name == PRODUCT or (contestant.is_one_process and not sizes.is_quick):
            steps = await _climb(contestant, surroundings)
            held[contestant.name] = [float(max((step.sessions for step in steps if step.is_held), default=0))]
            words.append(f"{contestant.name} beside " + "; ".join(map(str, steps)))
    tried = ", ".join(map(str, sizes.capacity))
    note = f"tried {tried}, with hosts, sshd and client on the same machine. {'. '.join(words)}"
    # The short form does not go as far as the goal.
    goals = (GOAL,) if max(sizes.capacity) >= GOAL.bound else ()
    return [Figure(f"sessions of 50 KB/s with echo p99 < {MOST_MILLISECONDS:g} ms", "sessions", held, goals, note)]


async def _climb(contestant: Contestant, surroundings: Surroundings) -> list[Step]:
    """Add sessions until they are too many, or there are no more to try."""
    sizes = surroundings.sizes
    pacer = Pacer(surroundings.directory / f"many-{contestant.name}", max(sizes.capacity), surroundings.text)
    streaming: list[Session] = []
    steps: list[Step] = []
    try:
        for count in sizes.capacity:
            streaming += await open_streaming(contestant, pacer, len(streaming), count - len(streaming))
            pacer.fill(0, count)
            rounds = [await _measure(contestant, streaming, sizes.keys) for _ in range(sizes.long_rounds)]
            steps.append(Step(count, *map(statistics.median, zip(*rounds, strict=True))))
            if not steps[-1].is_held:
                break
    finally:
        pacer.stop()
        await close_all(streaming)
    return steps


async def _measure(contestant: Contestant, streaming: list[Session], keys: int) -> tuple[float, float, float, float]:
    """Return the last four values of a step, of one round."""
    typing = await contestant.open()
    await prepare_echo(typing)
    await asyncio.sleep(SETTLE_SECONDS)
    began, before = time.perf_counter(), sum(session.received for session in streaming)
    cpu = cpu_seconds(contestant.servers())
    psutil.cpu_percent()
    pressed = (await press_keys({"": typing}, keys))[""]
    machine, seconds = psutil.cpu_percent(), time.perf_counter() - began
    server = (cpu_seconds(contestant.servers()) - cpu) / seconds
    size = sum(session.received for session in streaming) - before
    await typing.close()
    return percentile(pressed, 99), size / seconds / len(streaming) / BYTES_PER_SECOND, server, machine
