"""Echo beside others: while 20 or 60 sessions stream 50 KB/s each, and beside one session that floods.

Everyone's load is opened once, and streams only while its own contestant is measured.
"""

from __future__ import annotations

import asyncio
import time

from bench.clients import Session
from bench.figures import PRODUCT, WEBSSH, Figure, Goal
from bench.measuring import EchoRounds, prepare_echo, press_keys
from bench.pacing import Pacer
from bench.surroundings import Contestant, Surroundings

SETTLE_SECONDS = 1.0
# Sessions that are opened at the same time: sshd's default limit is ten.
AT_ONCE = 8
INTERRUPT = b"\x03"
LOAD_GOALS = {99: (Goal(1, WEBSSH),)}
FLOOD_GOALS = {99: (Goal(5), Goal(0.5, WEBSSH))}


async def run(surroundings: Surroundings) -> list[Figure]:
    sizes, most = surroundings.sizes, max(surroundings.sizes.loads)
    pacer = Pacer(surroundings.directory / "pipes", most * len(surroundings.contestants), surroundings.text)
    streaming: list[Session] = []
    beside = {count: EchoRounds(f"echo beside {count} sessions of 50 KB/s") for count in sizes.loads}
    flooded = EchoRounds("echo beside a session that floods")
    arrived: dict[int, list[float]] = {count: [] for count in sizes.loads}
    try:
        for contestant in surroundings.contestants:
            streaming += await open_streaming(contestant, pacer, len(streaming), most)
        for _ in range(sizes.long_rounds):
            for number, contestant in enumerate(surroundings.contestants):
                typing = await contestant.open()
                await prepare_echo(typing)
                for count in sizes.loads:
                    first = number * most
                    pacer.fill(first, count)
                    rate, keys = await _press_beside(typing, streaming[first : first + count], sizes.keys)
                    pacer.fill(0, 0)
                    beside[count].add(contestant.name, keys)
                    if contestant.name == PRODUCT:
                        arrived[count].append(rate)
                flooded.add(contestant.name, await _press_beside_flood(surroundings, contestant, typing))
                await typing.close()
    finally:
        pacer.stop()
        await close_all(streaming)
    found: list[Figure] = []
    for count in sizes.loads:
        found += beside[count].figures(LOAD_GOALS, f"of 50 KB/s {min(arrived[count]):.1f} arrived in the worst round")
    return found + flooded.figures(FLOOD_GOALS)


async def open_streaming(contestant: Contestant, pacer: Pacer, first: int, count: int) -> list[Session]:
    """Open sessions that show what the pacer puts into its pipes from number `first` on."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def open_one(number: int) -> Session:
        async with gate:
            session = await contestant.open()
        session.discard()
        session.write(f"cat {pacer.pipes[number]}\r".encode())
        return session

    return await asyncio.gather(*(open_one(number) for number in range(first, first + count)))


async def close_all(sessions: list[Session]) -> None:
    gate = asyncio.Semaphore(AT_ONCE)

    async def close_one(session: Session) -> None:
        async with gate:
            await session.close()

    await asyncio.gather(*map(close_one, sessions))


async def _press_beside(typing: Session, streaming: list[Session], keys: int) -> tuple[float, list[float]]:
    """Return KB/s that arrived for each streaming session, and the milliseconds of each key."""
    await asyncio.sleep(SETTLE_SECONDS)
    began, before = time.perf_counter(), sum(session.received for session in streaming)
    pressed = (await press_keys({"": typing}, keys))[""]
    seconds = time.perf_counter() - began
    size = sum(session.received for session in streaming) - before
    return size / seconds / len(streaming) / 1000, pressed


async def _press_beside_flood(surroundings: Surroundings, contestant: Contestant, typing: Session) -> list[float]:
    flood = await contestant.open()
    flood.discard()
    flood.write(f"while :; do cat {surroundings.text}; done\r".encode())
    await asyncio.sleep(SETTLE_SECONDS)
    pressed = (await press_keys({"": typing}, surroundings.sizes.keys))[""]
    flood.write(INTERRUPT)
    await flood.close()
    return pressed
