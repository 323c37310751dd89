"""What terminals send, as events: output that scrolls, full-screen programs, and what is unkind to an indexer."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

from audit.events import Event, Input, Output, Resize
from bench.text import write_text

DATA = Path(__file__).absolute().parent / "data"
PROMPT = "\x1b[32mme@box\x1b[0m:\x1b[34m~/src\x1b[0m$ "
# What hosts print in one go, in characters: a busy one fills reads, a quiet one sends a line at a time.
READ = 16_384
COLS, ROWS = 120, 40
# At which a session of 1 MB/s is recorded.
RATE = 1_000_000


def log_lines() -> list[str]:
    """Return lines of a busy terminal, each with its newline; made once and kept."""
    path = DATA / "log-lines"
    if not path.exists():
        DATA.mkdir(exist_ok=True)
        write_text(path, 1)
    return path.read_text(encoding="utf-8").splitlines(keepends=True)


def scrolling(size: int, *, read: int = READ) -> Iterator[Event]:
    """Yield about `size` bytes of coloured log lines, printed by a command every few MB."""
    t, source = 0.5, cycle(log_lines())
    yield Output(t, PROMPT)
    sent = 0
    while sent < size:
        for event in typed(t + 1.0, f"journalctl -n {sent}"):
            t = event.t
            yield event
        for text in _reads(source, min(4_000_000, size - sent), read):
            length = len(text.encode())
            t, sent = t + length / RATE, sent + length
            yield Output(t, text)
        t += 0.3
        yield Output(t, PROMPT)


def small_events(size: int) -> Iterator[Event]:
    """The same a few dozen bytes at a time, as a slow program writes."""
    return scrolling(size, read=100)


def full_screen(size: int) -> Iterator[Event]:
    """Yield about `size` bytes of what a monitor, a pager and an editor draw, in turns of some seconds each."""
    choose = random.Random(5)  # noqa: S311 - nothing secret
    t, sent = 0.5, 0
    yield Resize(0.1, COLS, ROWS)
    yield Output(t, PROMPT)
    for name, draw in cycle((("top", _monitor), ("less /var/log/syslog", _pager), ("vim main.py", _editor))):
        if sent >= size:
            return
        for event in typed(t + 1.0, name):
            t = event.t
            yield event
        yield Output(t, "\x1b[?1049h\x1b[22;0;0t\x1b[?1h\x1b=\x1b[H\x1b[2J")
        for _ in range(120):
            picture = draw(choose)
            t, sent = t + 0.2, sent + len(picture.encode())
            if draw is not _monitor:
                yield Input(t - 0.01, "j")
            yield Output(t, picture)
        yield Output(t + 0.1, "\x1b[?1l\x1b>\x1b[?1049l\x1b[23;0;0t")
        t += 0.2
        yield Output(t, PROMPT)


def one_line(size: int) -> Iterator[Event]:
    """Yield a line of that many bytes that does not end."""
    for number in range(max(1, size // READ)):
        yield Output(1.0 + number / 100, "x1y2z3w4" * (READ // 8))


def titles(size: int) -> Iterator[Event]:
    """Yield windows' titles, each another one, and nothing else."""
    for number in range(max(1, size // 4000)):
        t = 1.0 + number / 100
        yield Output(t, "".join(f"\x1b]0;title {number} {part} of the window\x07" for part in range(100)))


def line_feeds(size: int) -> Iterator[Event]:
    """Yield lines of a character, READ characters in an event."""
    for number in range(max(1, size // READ)):
        yield Output(1.0 + number / 100, "x\r\n" * (READ // 3))


def tiny_events(size: int) -> Iterator[Event]:
    """Yield events of a character each."""
    text = "".join(log_lines()[:1000]).replace("\n", "\r\n")
    for number, char in zip(range(size), cycle(text), strict=False):
        yield Output(1.0 + number / 100_000, char)


def typed(t: float, command: str) -> Iterator[Event]:
    """Yield keys with their echo, and Enter."""
    for number, key in enumerate(command):
        yield Input(t + number / 10, key)
        yield Output(t + number / 10 + 0.001, key)
    t += len(command) / 10
    yield Input(t, "\r")
    yield Output(t + 0.001, "\r\n")


def _reads(source: Iterator[str], size: int, read: int) -> Iterator[str]:
    """Yield pieces of `read` characters, cut anywhere, until `size` bytes are there; then the end of the line."""
    kept, sent = "", 0
    while sent < size:
        while len(kept) < read:
            kept += next(source).replace("\n", "\r\n")
        piece, kept = kept[:read], kept[read:]
        sent += len(piece.encode())
        yield piece
    yield kept


def _monitor(choose: random.Random) -> str:
    """Draw all rows anew, as top and htop do: absolute positions, colours, what is left of a row cleared."""
    rows = ["\x1b[H"]
    for row in range(1, ROWS):
        pid, share, memory = choose.randrange(99999), choose.random() * 100, choose.randrange(9_999_999)
        rows.append(
            f"\x1b[{row};1H\x1b[38;5;{choose.randrange(256)}m{pid:>7}\x1b[m root      20   0 {memory:>8}"
            f" {memory // 7:>6}"
            f" \x1b[1m{share:5.1f}\x1b[m  0.3   0:0{choose.randrange(9)}.{choose.randrange(99):02} "
            f"\x1b[32m/usr/lib/program-{pid % 90}\x1b[m --serve\x1b[K"
        )
    return "".join(rows)


def _pager(choose: random.Random) -> str:
    """Scroll by a page, as less does."""
    body = "\r\n".join(
        f"\x1b[mNov 21 10:{choose.randrange(60):02}:11 box app[{choose.randrange(9999)}]: {_words(choose)}"
        for _ in range(ROWS - 1)
    )
    return f"\r\x1b[K{body}\r\n:\x1b[K"


def _editor(choose: random.Random) -> str:
    """Scroll within a region and draw a few rows anew, as vim does."""
    moved = f"\x1b[?25l\x1b[1;{ROWS - 2}r\x1b[{ROWS - 2};1H\n\x1b[1;{ROWS}r"
    line, at = choose.randrange(9999), choose.randrange(1, ROWS - 2)
    row = f"\x1b[{ROWS - 2};1H\x1b[33m{line:>5} \x1b[m\x1b[35mdef\x1b[m f{line % 99}({_words(choose)}):"
    status = f"\x1b[{ROWS};{COLS - 20}H\x1b[K{line},{at}\x1b[{at};6H\x1b[?25h"
    return moved + row + status


def _words(choose: random.Random) -> str:
    return " ".join(choose.choice(_VOCABULARY) for _ in range(8))


_VOCABULARY = (
    *("request", "connection", "timeout", "answer", "worker", "queue", "started", "用户", "déjà", "finished"),
    *("error", "none", "import", "return", "config", "value", "socket", "retry", "backend", "cache"),
)
