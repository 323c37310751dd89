"""Text like that of a busy terminal: colours, log lines, some of it in other scripts; the same at every run."""

from __future__ import annotations

import random
from pathlib import Path

_LEVELS = ("\x1b[32mINFO\x1b[0m", "\x1b[33mWARN\x1b[0m", "\x1b[1;31mERROR\x1b[0m", "\x1b[36mDEBUG\x1b[0m")
_MESSAGES = (
    "request {a} GET /api/v1/users/{b} 200 in {c}ms",
    "connection from 10.{c}.{d}.7 port {a} accepted",
    "slow query took {a}ms: SELECT * FROM orders WHERE id = {b}",
    "用户登录成功 id={b} 来自 10.{c}.{d}.9",
    "Überprüfung fehlgeschlagen für Datensatz №{b} – erneut in {c}s",
    "job \x1b[1m{a}\x1b[0m finished, \x1b[38;5;{d}mstatus\x1b[39m ok",
)
_BLOCK_LINES = 20_000


def write_text(path: Path, size: int) -> None:
    """Write about `size` bytes of lines."""
    choose = random.Random(7)  # noqa: S311 - nothing secret
    lines = [_line(choose).encode() for _ in range(_BLOCK_LINES)]
    block_size = sum(map(len, lines))
    with path.open("wb") as file:
        for _ in range(max(1, size // block_size)):
            file.write(b"".join(lines))
            # A block that came again as it was would be compressed to nothing.
            choose.shuffle(lines)


def _line(choose: random.Random) -> str:
    a, b, c, d = choose.randrange(9999), choose.randrange(2**31), choose.randrange(250), choose.randrange(250)
    message = choose.choice(_MESSAGES).format(a=a, b=b, c=c, d=d)
    when = f"2026-11-{1 + c % 28:02d}T{c % 24:02d}:{d % 60:02d}:{a % 60:02d}Z"
    return f"\x1b[90m{when}\x1b[0m {choose.choice(_LEVELS)} {message}\n"
