"""What runs on the host instead of a shell: it answers keys with output, and writes down every byte of both.

sshd runs it, as `python3 -I target.py DIRECTORY`, with a terminal. It leaves two files there for each connection:
`*.sent`, all output in order, written before it is printed, and `*.received`, JSON lines `[Unix time, hex of keys]`.
The keys begin with a line that names the session. Ctrl-D ends the program.
"""

from __future__ import annotations

import json
import os
import random
import select
import sys
import time
import tty

# Keys that come before this are lost: the terminal is being set up.
HELLO = b"ready\r\n"
END = b"\x04"
TEXT = "the quick brown 狐 jumps \x1b[1mover\x1b[0m the lazy 🐕\r\n" * 40
BURST_BYTES = 100_000


def answer(dice: random.Random) -> bytes:
    """Return some output: mostly little, sometimes much, sometimes no UTF-8, sometimes half a character."""
    chance = dice.random()
    if chance < 0.02:
        return (TEXT * 60).encode()[:BURST_BYTES]
    if chance < 0.05:
        return dice.randbytes(dice.randint(1, 40))
    begin = dice.randrange(len(TEXT) // 2)
    data = TEXT[begin : begin + dice.randint(1, 120)].encode()
    return data[:-1] if chance < 0.1 else data


def run(directory: str) -> None:
    dice = random.Random()  # noqa: S311 - what is printed only has to vary
    name = os.path.join(directory, f"{time.time_ns()}-{os.getpid()}")  # noqa: PTH118 - as little to import as possible
    tty.setraw(0)
    with open(f"{name}.sent", "ab", 0) as sent, open(f"{name}.received", "a", 1) as received:  # noqa: PTH123
        output = HELLO
        while True:
            sent.write(output)
            while output:
                output = output[os.write(1, output) :]
            ready, _, _ = select.select([0], [], [], dice.uniform(0.05, 0.5))
            data = os.read(0, 65536) if ready else b""
            if ready:
                received.write(json.dumps([time.time(), data.hex()]) + "\n")
            if ready and (not data or END in data):
                return
            output = answer(dice)


if __name__ == "__main__":
    try:
        run(sys.argv[1])
    except OSError:
        # The terminal is gone.
        sys.exit(1)
