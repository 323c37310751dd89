"""Small files of our own that are whole or absent, for our user alone, and survive a power cut."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from audit.recording.storage import sync_directory


def replace_file(path: Path, content: bytes) -> None:
    """Write a file, in place of the one that is there, if any. Raises OSError, and then nothing has changed."""
    with _draft(path, content) as draft:
        draft.rename(path)
        sync_directory(path.parent)


def create_file(path: Path, content: bytes) -> None:
    """Write a file unless one is there: of processes that do so at once, the first counts. Raises OSError."""
    with _draft(path, content) as draft, suppress(FileExistsError):
        # A link, unlike a rename, never replaces what is there.
        os.link(draft, path)
        sync_directory(path.parent)


@contextmanager
def _draft(path: Path, content: bytes) -> Iterator[Path]:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield draft
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
