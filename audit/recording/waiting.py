"""What this machine holds of recordings that the store has not got yet."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings


@dataclass(slots=True)
class Waiting:
    """Segments, the open ones included, and the bytes of their files."""

    segments: int = 0
    size: int = 0


def waiting() -> Waiting:
    """Count the files of settings.OPEN_DIR; what goes away meanwhile is not counted."""
    found = Waiting()
    with suppress(FileNotFoundError):
        for directory in settings.OPEN_DIR.iterdir():
            with suppress(FileNotFoundError, NotADirectoryError):
                _count(directory, found)
    return found


def _count(directory: Path, found: Waiting) -> None:
    with os.scandir(directory) as entries:
        for entry in entries:
            suffix = Path(entry.name).suffix
            if suffix in {".cast", ".object"}:
                found.size += entry.stat().st_size
                found.segments += suffix == ".cast"
