"""Eight sessions that show a file at the same time: megabytes a second of all, with one web process and with two."""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack
from pathlib import Path

from bench.figures import Figure
from bench.measuring import show
from bench.surroundings import Contestant, Surroundings, WholeProduct, text_of

SESSIONS = 8
TWO = "two web processes"


async def run(surroundings: Surroundings) -> list[Figure]:
    text = text_of(surroundings.sizes.parallel_megabytes)
    rates: dict[str, list[float]] = {}
    with ExitStack() as stack:
        settings = surroundings.product.environment | {"BASTION_WEB_PROCESSES": "2"}
        two = await asyncio.to_thread(WholeProduct, TWO, surroundings.sshd, stack, **settings)
        for _ in range(surroundings.sizes.long_rounds):
            for contestant in (*surroundings.contestants, two):
                rates.setdefault(contestant.name, []).append(await _rate(contestant, text))
    note = f"{SESSIONS} sessions at once; on a machine of two cores hosts, sshd and client take most of them"
    return [Figure("total throughput", "MB/s", rates, note=note)]


async def _rate(contestant: Contestant, text: Path) -> float:
    sessions = [await contestant.open() for _ in range(SESSIONS)]
    began = time.perf_counter()
    shown = await asyncio.gather(*(show(session, text, ()) for session in sessions))
    seconds = time.perf_counter() - began
    for session in sessions:
        await session.close()
    return sum(each.size for each in shown) / seconds / 1e6
