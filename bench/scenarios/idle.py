"""What open sessions take that do nothing: memory of each further one, and CPU of all. Runs first, on a fresh heap."""

from __future__ import annotations

import asyncio
import time

from bench.clients import Session
from bench.figures import PRODUCT, Figure, Goal
from bench.processes import cpu_seconds, memory_megabytes
from bench.scenarios.load import AT_ONCE, close_all
from bench.surroundings import Contestant, Surroundings

SAMPLES = 3


async def run(surroundings: Surroundings) -> list[Figure]:
    sizes = surroundings.sizes
    few, many = sizes.idle_sessions
    memory: dict[str, list[float]] = {}
    cpu: dict[str, list[float]] = {}
    for contestant in surroundings.contestants:
        sessions: list[Session] = []
        try:
            with_few = await _fill(contestant, sessions, few, sizes.settle_seconds)
            with_many = await _fill(contestant, sessions, many, sizes.settle_seconds)
            memory[contestant.name] = [(with_many - with_few) / (many - few)]
            await asyncio.sleep(sizes.stored_seconds)
            cpu[contestant.name] = [await _cpu_percent(contestant, sizes.idle_seconds)]
        finally:
            await close_all(sessions)
    return [
        Figure(
            "memory of a further idle session",
            "MB",
            memory,
            (Goal(0.12),),
            f"from {few} to {many} sessions, proportional set size of the whole application",
        ),
        Figure(
            f"CPU of {many} idle sessions",
            "% of a core",
            cpu,
            (Goal(0.5),),
            f"of {PRODUCT} all processes but worker and scheduler; its clock has steps of 10 ms; "
            f"{sizes.stored_seconds:.0f} s after the last one was opened",
        ),
    ]


async def _fill(contestant: Contestant, sessions: list[Session], count: int, settle_seconds: float) -> float:
    """Open sessions up to so many, and return the application's megabytes then."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def open_one() -> None:
        async with gate:
            session = await contestant.open()
        session.discard()
        sessions.append(session)

    await asyncio.gather(*(open_one() for _ in range(count - len(sessions))))
    found = []
    for _ in range(SAMPLES):
        await asyncio.sleep(settle_seconds / SAMPLES)
        found.append(memory_megabytes(contestant.application()))
    # The least: something that lasts a moment is no session's memory.
    return min(found)


async def _cpu_percent(contestant: Contestant, seconds: float) -> float:
    processes = contestant.application()
    began, before = time.perf_counter(), cpu_seconds(processes)
    await asyncio.sleep(seconds)
    return (cpu_seconds(processes) - before) / (time.perf_counter() - began) * 100
