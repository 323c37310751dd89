"""The two things that are done to a terminal again and again: pressing keys, and showing a file."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.clients import Session
from bench.figures import Figure, Goal, percentile
from bench.processes import cpu_seconds

KEY_SECONDS = 20.0
# Between two keys: nobody types faster, and what the key before set off is over.
PAUSE_SECONDS = 0.004
QUIET_SECONDS = 0.3
SHOW_SECONDS = 900.0
PERCENTILES = (50, 95, 99)


@dataclass(frozen=True, slots=True)
class Shown:
    """What it took to show a file: bytes of terminal output, seconds, and CPU seconds of the servers."""

    size: int
    seconds: float
    cpu: float

    @property
    def megabytes_per_second(self) -> float:
        return self.size / self.seconds / 1e6

    @property
    def cpu_per_100_megabytes(self) -> float:
        return self.cpu / self.size * 1e8


async def show(session: Session, text: Path, servers: Sequence[psutil.Process]) -> Shown:
    """Let the host's `cat` show a file, from typing the command to its end."""
    cpu, began = cpu_seconds(servers), time.perf_counter()
    session.write(f"cat {text}; echo e''nd-of-text\r".encode())
    size = await session.read_until(b"end-of-text\r\n", SHOW_SECONDS)
    return Shown(size, time.perf_counter() - began, cpu_seconds(servers) - cpu)


async def prepare_echo(session: Session) -> None:
    """Let a program on the host answer every key with itself, as an editor or a shell's line does."""
    session.write(b"stty raw -echo; echo rea''dy; cat\r")
    await session.read_until(b"ready")
    await session.drain(QUIET_SECONDS)


async def press(session: Session, key: bytes) -> float:
    """Press one key and return after how many milliseconds it was shown."""
    began = time.perf_counter()
    session.write(key)
    async with asyncio.timeout(KEY_SECONDS):
        while key not in await session.read():
            pass
    return (time.perf_counter() - began) * 1000


async def press_keys(sessions: Mapping[str, Session], count: int) -> dict[str, list[float]]:
    """Press `count` keys in each session, one session after the other at every key; milliseconds of each.

    Whoever comes first with one key comes last with the next.
    """
    found: dict[str, list[float]] = {name: [] for name in sessions}
    order = list(sessions)
    for number in range(count):
        key = bytes([ord("a") + number % 26])
        for name in order:
            found[name].append(await press(sessions[name], key))
            await asyncio.sleep(PAUSE_SECONDS)
        order.append(order.pop(0))
    return found


class EchoRounds:
    """Collects rounds of keys, and makes a figure of each percentile."""

    def __init__(self, what: str, percentiles: Sequence[int] = PERCENTILES) -> None:
        self._what = what
        self._rounds: dict[int, dict[str, list[float]]] = {percent: {} for percent in percentiles}

    def add(self, name: str, keys: Sequence[float]) -> None:
        for percent, rounds in self._rounds.items():
            rounds.setdefault(name, []).append(percentile(keys, percent))

    def figures(self, goals: Mapping[int, Sequence[Goal]], note: str = "") -> list[Figure]:
        return [
            Figure(f"{self._what}, p{percent}", "ms", rounds, tuple(goals.get(percent, ())), note)
            for percent, rounds in self._rounds.items()
        ]
