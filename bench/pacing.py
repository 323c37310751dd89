"""Output at a steady rate for many sessions at once: named pipes that sessions `cat`, and one process that fills them.

One process, because a program for each session would take the two cores that are measured.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from contextlib import suppress
from itertools import cycle, pairwise
from pathlib import Path

BYTES_PER_SECOND = 50_000
# Each session gets its output in pieces, as programs write it; sessions take turns, as people do.
PIECES_PER_SECOND = 20
TURNS = 10


class Pacer:
    """Fills none of its pipes, until it is told which."""

    def __init__(self, directory: Path, count: int, text: Path) -> None:
        directory.mkdir(exist_ok=True)
        self.pipes = [directory / f"{number}" for number in range(count)]
        for pipe in self.pipes:
            os.mkfifo(pipe)
        command = [sys.executable, "-m", "bench.pacing", str(directory), str(text)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, text=True)

    def fill(self, first: int, count: int) -> None:
        """Fill these pipes from now on, and no others."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{first} {count}\n")
        self._process.stdin.flush()

    def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)


def main(directory: Path, text: Path) -> None:
    """Follow the orders on standard input until it ends: the number of the first pipe, and how many."""
    pieces = cycle(pieces_of(text.read_bytes()[:4_000_000], BYTES_PER_SECOND // PIECES_PER_SECOND))
    # Open for both, so that neither end of a pipe is ever missing.
    names = sorted(directory.iterdir(), key=lambda path: int(path.name))
    pipes = [os.open(path, os.O_RDWR | os.O_NONBLOCK) for path in names]
    busy: list[int] = []
    due, turn = time.monotonic(), 0
    # Unbuffered: what a buffer had taken, select would not see.
    orders = open(0, "rb", buffering=0)  # noqa: SIM115 - stays open
    while True:
        readable, _, _ = select.select([orders], [], [], max(0.0, due - time.monotonic()) if busy else None)
        if readable:
            if not (line := orders.readline()):
                return
            first, count = map(int, line.split())
            busy = pipes[first : first + count]
            due = time.monotonic()
            continue
        due += 1 / PIECES_PER_SECOND / TURNS
        turn = (turn + 1) % TURNS
        piece = next(pieces)
        for pipe in busy[turn::TURNS]:
            # A pipe that is full belongs to a session that does not keep up: that shows in what arrives.
            with suppress(BlockingIOError):
                os.write(pipe, piece)


def pieces_of(content: bytes, size: int) -> list[bytes]:
    """Cut at ends of lines, into pieces of `size` on average: no character is cut in two."""
    cuts = [content.rfind(b"\n", 0, at) + 1 for at in range(0, len(content) + 1, size)]
    return [content[begin:end] for begin, end in pairwise(cuts)]


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
