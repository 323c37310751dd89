"""What one machine keeps for itself: whose turn it is to work on the tree, and small files that survive a power cut."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings

from audit.recording.durable import replace_file


@contextmanager
def turn(name: str, patience: float = 0.0) -> Iterator[bool]:
    """Hold the lock `name` among the processes of this machine; False if it cannot be had within `patience` seconds.

    The kernel lets go for a process that dies.
    """
    deadline = time.monotonic() + patience
    descriptor = os.open(Path(settings.DATA_DIR) / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while not (is_ours := _lock(descriptor)) and time.monotonic() < deadline:
            time.sleep(0.02)
        yield is_ours
    finally:
        os.close(descriptor)


def read_state(name: str) -> dict[str, Any] | None:
    """Return what `write_state` wrote last, or None. Raises ValueError if the file is damaged, OSError."""
    try:
        state = json.loads((Path(settings.DATA_DIR) / name).read_bytes())
    except FileNotFoundError:
        return None
    if not isinstance(state, dict):
        raise ValueError(f"{name}: expected a JSON object")  # noqa: TRY004 the file is wrong, not the type of an argument
    return state


def write_state(name: str, state: Mapping[str, Any]) -> None:
    """Replace a file of the data directory: it has all of the new content afterwards, or all of the old.

    Raises OSError.
    """
    replace_file(Path(settings.DATA_DIR) / name, json.dumps(state).encode())


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
