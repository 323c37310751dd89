"""What recording costs: web processes that lack one part of it (bench/variants.py), beside one that lacks none."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from bench.figures import PRODUCT, Figure, Goal
from bench.in_product import ROOT
from bench.measuring import EchoRounds, prepare_echo, press_keys, show
from bench.processes import await_listening, end
from bench.surroundings import Surroundings, WebProcess, text_of
from tests.sshd import free_port

# Names in bench/variants.py, which needs Django set up and so is not imported here.
AS_SHIPPED = "as shipped"
STRICT = "strict"
NO_RECORDING = "without recording"
NO_ENCRYPTION = "without encryption"
NO_STREAM = "without the Redis stream"
VARIANTS = (AS_SHIPPED, STRICT, NO_ENCRYPTION, NO_STREAM, NO_RECORDING)
END_SECONDS = 60.0
GOALS = (Goal(0.95, NO_RECORDING, is_least=True), Goal(0.92, NO_STREAM, is_least=True))


async def run(surroundings: Surroundings) -> list[Figure]:
    sizes, text = surroundings.sizes, text_of(surroundings.sizes.variant_megabytes)
    rates: dict[str, list[float]] = {}
    cpu: dict[str, list[float]] = {}
    echo = EchoRounds("echo, with parts of recording taken away", (50, 99))
    with _variants(surroundings) as variants:
        for _ in range(sizes.long_rounds):
            for variant in variants:
                session = await variant.open()
                shown = await show(session, text, variant.servers())
                await session.close()
                rates.setdefault(variant.name, []).append(shown.megabytes_per_second)
                cpu.setdefault(variant.name, []).append(shown.cpu_per_100_megabytes)
            for name, keys in (await _echo(variants, sizes.keys)).items():
                echo.add(name, keys)
    note = f"{PRODUCT} as shipped beside processes that lack a part; {STRICT!r} waits for the disk at every event"
    return [
        Figure("throughput, with parts of recording taken away", "MB/s", rates, GOALS, note),
        Figure("CPU for 100 MB, with parts of recording taken away", "s", cpu),
        *echo.figures({}),
    ]


async def _echo(variants: list[WebProcess], keys: int) -> dict[str, list[float]]:
    sessions = {variant.name: await variant.open() for variant in variants}
    for session in sessions.values():
        await prepare_echo(session)
    found = await press_keys(sessions, keys)
    for session in sessions.values():
        await session.close()
    return found


@contextmanager
def _variants(surroundings: Surroundings) -> Iterator[list[WebProcess]]:
    """Start all variants. Raises RuntimeError at the end for one that did not take anything away."""
    processes: dict[str, subprocess.Popen[bytes]] = {}
    try:
        yield [_start(name, surroundings, processes) for name in VARIANTS]
        for process in processes.values():
            process.terminate()
        for name, process in processes.items():
            if process.wait(END_SECONDS):
                raise RuntimeError(f"the variant {name!r} failed; see above")
    finally:
        for process in processes.values():
            end(process)


def _start(variant: str, surroundings: Surroundings, processes: dict[str, subprocess.Popen[bytes]]) -> WebProcess:
    product, port = surroundings.product, free_port()
    environment = product.environment_of_a_web_process() | {"BASTION_PORT": str(port), "BASTION_LOG_LEVEL": "warning"}
    if variant == STRICT:
        environment["BASTION_RECORDING_SYNC"] = "strict"
    command = [sys.executable, "-m", "bench.variants", variant, str(port)]
    processes[variant] = process = subprocess.Popen(command, cwd=ROOT, env=environment)
    await_listening(process, port, f"the variant {variant!r}")
    name = PRODUCT if variant == AS_SHIPPED else variant
    url = f"http://127.0.0.1:{port}"
    return WebProcess(name, url, product.host, product.token, [psutil.Process(process.pid)])
