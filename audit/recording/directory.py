"""The directory of a recording that is not sealed yet, and the lock that says who is writing it.

<open>/<session id>/lock          held with flock for as long as its recorder lives
<open>/<session id>/<n>.cast      the open segment, and closed ones that are not stored yet
<open>/<session id>/<n>.object    a closed segment, encoded once, on its way to the storage
<open>/<session id>/reserve       space that is given back when the disk is full, so that the recording can be sealed
<open>/<session id>/outcome.json  how the session ended, if the database could not be told
<recordings>/torn/<session id>-<n>           bytes of an event that a crash cut in two
<recordings>/orphaned/<session id>/          a directory whose session was never committed
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings

from audit.recording.durable import replace_file
from audit.recording.storage import sync_directory

RESERVE_NAME = "reserve"
OUTCOME_NAME = "outcome.json"


class LockedError(Exception):
    """Another process is writing this recording."""


class RecordingDirectory:
    """An unsealed recording's directory, locked. Dropping the lock is the last thing that its holder does."""

    def __init__(self, session_id: UUID, descriptor: int) -> None:
        self.session_id = session_id
        self.path = _open_root() / str(session_id)
        self._descriptor = descriptor

    def segment_path(self, n: int) -> Path:
        return self.path / f"{n}.cast"

    def segments(self) -> list[tuple[int, Path]]:
        """Return the segments that are here, in order."""
        paths = [path for path in self.path.glob("*.cast") if path.stem.isascii() and path.stem.isdigit()]
        return sorted((int(path.stem), path) for path in paths)

    def keep_torn(self, n: int, torn: bytes) -> None:
        root = settings.RECORDINGS_DIR / "torn"
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        (root / f"{self.session_id}-{n}").write_bytes(torn)

    def set_aside(self) -> None:
        """Move the directory where recovery does not look: it belongs to no session."""
        root = settings.RECORDINGS_DIR / "orphaned"
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path.rename(root / str(self.session_id))
        self.release()

    def discard(self) -> None:
        """Remove the directory of a recording that is sealed, or that never began."""
        shutil.rmtree(self.path, ignore_errors=True)
        self.release()

    def free_reserve(self) -> None:
        """Give back the space that was kept for sealing. Safe to repeat."""
        with suppress(OSError):
            (self.path / RESERVE_NAME).unlink(missing_ok=True)

    def save_outcome(self, outcome: Mapping[str, Any]) -> None:
        """Keep how the session ended for whoever seals it later. Raises OSError."""
        replace_file(self.path / OUTCOME_NAME, orjson.dumps(outcome))

    def release(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def create_directory(session_id: UUID) -> RecordingDirectory:
    """Create and lock the directory of a recording that begins, and make it survive a power cut. Raises OSError."""
    root = _open_root()
    free = shutil.disk_usage(root).free
    if free < settings.LEAST_FREE_BYTES:
        least = settings.LEAST_FREE_BYTES // 2**20
        raise OSError(errno.ENOSPC, f"only {free // 2**20} MB are free for recordings, and {least} MB must be")
    path = root / str(session_id)
    path.mkdir(mode=0o700)
    descriptor = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    directory = RecordingDirectory(session_id, descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _reserve(path / RESERVE_NAME)
        sync_directory(path)
        sync_directory(root)
    except OSError:
        directory.discard()
        raise
    return directory


def _reserve(path: Path) -> None:
    if not settings.RESERVE_BYTES:
        return
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, settings.RESERVE_BYTES)
    finally:
        os.close(descriptor)


def lock_directory(session_id: UUID) -> RecordingDirectory:
    """Lock the directory of a recording whose process died.

    Raises LockedError while its recorder lives, or when another process has completed it.
    """
    path = _open_root() / str(session_id)
    try:
        descriptor = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except FileNotFoundError as error:
        # Another process was quicker, and is done.
        raise LockedError(str(session_id)) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise LockedError(str(session_id)) from error
    if not _is_at(path / "lock", descriptor):
        # Whoever held it removed the directory, and only then let go of the lock.
        os.close(descriptor)
        raise LockedError(str(session_id))
    return RecordingDirectory(session_id, descriptor)


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def unsealed_recordings() -> Iterator[UUID]:
    """Yield the sessions that have a directory here. Names that are not ids are left alone."""
    for path in sorted(_open_root().iterdir()):
        try:
            yield UUID(path.name)
        except ValueError:
            continue


def has_directory(session_id: UUID) -> bool:
    return (_open_root() / str(session_id)).is_dir()


def _open_root() -> Path:
    root: Path = settings.OPEN_DIR
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    return root
