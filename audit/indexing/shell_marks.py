"""What shells tell with their marks about the command line itself (OSC 133, OSC 633)."""

from __future__ import annotations

import re
from urllib.parse import unquote


def unescaped(data: str) -> str:
    r"""Read the command line of VS Code's `633;E`, which writes `\\` and `\x3b` for backslashes and what would hurt."""
    command = data.partition(";")[0]
    return re.sub(r"\\(?:x([0-9a-fA-F]{2})|\\)", lambda m: chr(int(m[1], 16)) if m[1] else "\\", command)


def command_beside(data: str) -> str | None:
    """Read the command line that fish (and kitty) put beside the mark `133;C`."""
    for part in data.split(";"):
        name, _, value = part.partition("=")
        if name == "cmdline_url":
            return unquote(value)
    return None


def status_of(data: str) -> int | None:
    """Read the exit status of the mark `133;D`."""
    status = data.partition(";")[0]
    return int(status[:9]) if status.isdecimal() else None
