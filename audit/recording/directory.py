"""The directory of a recording that is not sealed yet, and the lock that says who is writing it.

<recordings>/open/<session id>/lock          held with flock for as long as its recorder lives
<recordings>/open/<session id>/<n>.cast      the open segment, and closed ones that are not stored yet
<recordings>/open/<session id>/<n>.object    a closed segment, encoded once, on its way to the storage
<recordings>/torn/<session id>-<n>           bytes of an event that a crash cut in two
<recordings>/orphaned/<session id>/          a directory whose session was never committed
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from django.conf import settings

from audit.recording.storage import sync_directory


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
        return sorted((int(path.stem), path) for path in self.path.glob("*.cast"))

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

    def release(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def create_directory(session_id: UUID) -> RecordingDirectory:
    """Create and lock the directory of a recording that begins, and make it survive a power cut. Raises OSError."""
    path = _open_root() / str(session_id)
    path.mkdir(mode=0o700)
    descriptor = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    sync_directory(path)
    sync_directory(path.parent)
    return RecordingDirectory(session_id, descriptor)


def lock_directory(session_id: UUID) -> RecordingDirectory:
    """Lock the directory of a recording whose process died. Raises LockedError while its recorder lives."""
    path = _open_root() / str(session_id)
    descriptor = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise LockedError(str(session_id)) from error
    return RecordingDirectory(session_id, descriptor)


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
    root: Path = settings.RECORDINGS_DIR / "open"
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    return root
