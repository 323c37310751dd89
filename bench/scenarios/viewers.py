"""Live viewers of one session: how late they see a key, and what they cost the person who types it."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from bench.clients import PROMPT, ProductSession
from bench.figures import PRODUCT, Figure, Goal, percentile
from bench.in_product import ROOT
from bench.measuring import PAUSE_SECONDS, QUIET_SECONDS, EchoRounds, prepare_echo, press
from bench.surroundings import Surroundings, WebProcess

LAG_GOAL = Goal(100)
ALONE = "without viewers"
# Of one line of the report: a number for each viewer and key.
LINE_BYTES = 2**26
# In which everything that was typed has arrived, or never will.
ARRIVAL_SECONDS = 5.0
LONGEST_START = 90.0


class Watching:
    """A process of viewers (bench/viewers.py) that have all seen their first screen."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def await_word(self, word: bytes) -> None:
        async with asyncio.timeout(LONGEST_START):
            if await self._line() != word + b"\n":
                raise RuntimeError("the viewers could not watch; see above")

    async def begin(self) -> None:
        """Take note of what comes from now on."""
        self._order("begin")
        await self.await_word(b"begun")

    async def report(self, keys: int) -> list[list[float]]:
        """Return for each viewer when it saw each of the keys. Raises RuntimeError if one did not see them all."""
        deadline = time.monotonic() + ARRIVAL_SECONDS
        while True:
            self._order("report")
            times: list[list[float]] = json.loads(await self._line())
            if all(len(each) == keys for each in times):
                return times
            if time.monotonic() > deadline:
                raise RuntimeError(f"{keys} keys were typed, viewers saw {sorted({len(each) for each in times})}")
            await asyncio.sleep(0.2)

    def _order(self, word: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n".encode())

    async def _line(self) -> bytes:
        assert self._process.stdout is not None
        return await self._process.stdout.readline()


async def run(surroundings: Surroundings) -> list[Figure]:
    sizes, product = surroundings.sizes, surroundings.product
    many = sizes.viewers
    session = await product.connect()
    await session.read_until(PROMPT)
    await prepare_echo(session)
    beside_one = EchoRounds("echo beside 1 live viewer", (50, 99))
    beside_many = EchoRounds(f"echo beside {many} live viewers", (50, 99))
    lag: dict[int, list[float]] = {1: [], many: []}
    for _ in range(sizes.long_rounds):
        alone, _ = await _type(session, sizes.keys)
        for count, beside in ((1, beside_one), (many, beside_many)):
            async with _watching(product, session.id, count) as viewers:
                await asyncio.sleep(QUIET_SECONDS)
                await viewers.begin()
                keys, shown_at = await _type(session, sizes.keys)
                lag[count].append(_lag_p99(shown_at, await viewers.report(sizes.keys)))
            beside.add(PRODUCT, keys)
            beside.add(ALONE, alone)
    await session.close()
    note = "from when the person who typed saw a key to when a viewer did"
    return [
        *(
            Figure(
                f"lag of {count} live viewer{'s' if count > 1 else ''}, p99",
                "ms",
                {PRODUCT: lag[count]},
                (LAG_GOAL,),
                note,
            )
            for count in (1, many)
        ),
        *beside_one.figures({}),
        *beside_many.figures({99: (Goal(1.1, ALONE),)}),
    ]


async def _type(session: ProductSession, count: int) -> tuple[list[float], list[float]]:
    """Press keys; return how many milliseconds each took, and at what time each was shown."""
    found, shown_at = [], []
    for number in range(count):
        found.append(await press(session, bytes([ord("a") + number % 26])))
        shown_at.append(time.perf_counter())
        await asyncio.sleep(PAUSE_SECONDS)
    return found, shown_at


def _lag_p99(shown_at: Sequence[float], seen: Sequence[Sequence[float]]) -> float:
    return percentile([(at - shown) * 1000 for times in seen for shown, at in zip(shown_at, times, strict=True)], 99)


@asynccontextmanager
async def _watching(product: WebProcess, session: str, count: int) -> AsyncIterator[Watching]:
    command = ["-m", "bench.viewers", product.url, session, product.token, str(count)]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LINE_BYTES,
    )
    try:
        watching = Watching(process)
        await watching.await_word(b"ready")
        yield watching
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()
