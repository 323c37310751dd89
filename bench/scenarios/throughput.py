"""One session that shows a large file: bytes a second, and CPU seconds of what stands between host and person."""

from __future__ import annotations

from bench.figures import PRODUCT, SSH, WEBSSH, Figure, Goal
from bench.measuring import show
from bench.processes import cpu_seconds
from bench.surroundings import Surroundings


async def run(surroundings: Surroundings) -> list[Figure]:
    rates: dict[str, list[float]] = {}
    cpu: dict[str, list[float]] = {}
    others: list[float] = []
    for _ in range(surroundings.sizes.rounds):
        for contestant in surroundings.contestants:
            session = await contestant.open()
            servers = contestant.servers()
            beside = [process for process in contestant.application() if process not in servers]
            before = cpu_seconds(beside)
            shown = await show(session, surroundings.text, servers)
            if contestant.name == PRODUCT:
                others.append((cpu_seconds(beside) - before) / shown.size * 1e8)
            await session.close()
            rates.setdefault(contestant.name, []).append(shown.megabytes_per_second)
            cpu.setdefault(contestant.name, []).append(shown.cpu_per_100_megabytes)
    return [
        Figure(
            "throughput of one session",
            "MB/s",
            rates,
            (Goal(0.95, SSH, is_least=True), Goal(1.9, WEBSSH, is_least=True)),
        ),
        Figure(
            "CPU of the server process for 100 MB",
            "s",
            cpu,
            (Goal(0.8),),
            f"of {PRODUCT} the web process, of {SSH} the client's process",
        ),
        Figure("CPU of the other processes for 100 MB", "s", {PRODUCT: others}, note="above all Valkey"),
    ]
