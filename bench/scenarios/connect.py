"""How long it takes from asking for a terminal to its prompt."""

from __future__ import annotations

import time

from bench.figures import Figure
from bench.surroundings import Surroundings


async def run(surroundings: Surroundings) -> list[Figure]:
    seconds: dict[str, list[float]] = {}
    for _ in range(surroundings.sizes.connects):
        for contestant in surroundings.contestants:
            began = time.perf_counter()
            session = await contestant.open()
            seconds.setdefault(contestant.name, []).append((time.perf_counter() - began) * 1000)
            await session.close()
    return [Figure("connect to prompt", "ms", seconds, note="a key, and the same key exchange, for all")]
