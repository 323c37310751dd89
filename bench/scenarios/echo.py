"""How long after a key is pressed it is shown, while nothing else happens. Keys alternate between the contestants."""

from __future__ import annotations

from bench.figures import SSH, WEBSSH, Figure, Goal
from bench.measuring import EchoRounds, prepare_echo, press_keys
from bench.surroundings import Surroundings

GOALS = {50: (Goal(2, SSH), Goal(1, WEBSSH)), 99: (Goal(1, WEBSSH),)}


async def run(surroundings: Surroundings) -> list[Figure]:
    echo = EchoRounds("echo, idle")
    for _ in range(surroundings.sizes.rounds):
        sessions = {contestant.name: await contestant.open() for contestant in surroundings.contestants}
        for session in sessions.values():
            await prepare_echo(session)
        for name, keys in (await press_keys(sessions, surroundings.sizes.keys)).items():
            echo.add(name, keys)
        for session in sessions.values():
            await session.close()
    return echo.figures(GOALS)
