"""What processes take: CPU seconds and memory."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil

_PSS = re.compile(rb"^Pss:\s+(\d+) kB", re.MULTILINE)
START_SECONDS = 60.0


def tree_of(pid: int) -> list[psutil.Process]:
    """Return a process and all that it started; none if it has ended."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def cpu_seconds(processes: Iterable[psutil.Process]) -> float:
    """Return what they have used so far. The clock has steps of 10 ms."""
    total = 0.0
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
    return total


def memory_megabytes(processes: Iterable[psutil.Process]) -> float:
    """Return their proportional set size: what is shared counts once."""
    total = 0
    for process in processes:
        with suppress(OSError):
            if found := _PSS.search(Path(f"/proc/{process.pid}/smaps_rollup").read_bytes()):
                total += int(found[1]) * 1024
    return total / 1e6


def await_listening(process: subprocess.Popen[bytes], port: int, name: str) -> None:
    """Wait until a process that was just started listens. Raises RuntimeError when it ends, or does not in time."""
    deadline = time.monotonic() + START_SECONDS
    watched = psutil.Process(process.pid)
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(psutil.NoSuchProcess):
            if any(each.laddr and each.laddr.port == port for each in watched.net_connections("tcp")):
                return
        time.sleep(0.05)
    raise RuntimeError(f"{name} did not start")


def end(process: subprocess.Popen[bytes], seconds: float = 30.0) -> None:
    """Ask a process that we started to end, and kill it if it does not."""
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
