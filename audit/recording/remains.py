"""What a recorder that is gone left in its directory, and where recovery keeps what it cannot use.

<recordings>/torn/<session id>-<n>          bytes that are of no whole event
<recordings>/torn/<session id>-<n>.object   an encoded segment that does not fit what is left of its file
<recordings>/orphaned/<session id>/         a directory that belongs to no session, or came back after its seal
<open>/<session id>.unreadable/             the same, if it cannot be moved to another disk
"""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import structlog
from django.conf import settings
from django.utils import timezone

from audit.recording.directory import OUTCOME_NAME, RecordingDirectory
from audit.recording.durable import replace_file
from audit.recording.shipping import encoded_path_of

log = structlog.get_logger(__name__)

_UNREADABLE = ".unreadable"


class Remains:
    """The files in a directory that is locked."""

    def __init__(self, directory: RecordingDirectory) -> None:
        self.directory = directory

    def numbers(self) -> list[int]:
        """Return the numbers of segments that something is left of, in order. Other names are left alone."""
        names = [path.stem for pattern in ("*.cast", "*.object") for path in self.directory.path.glob(pattern)]
        return sorted({int(name) for name in names if name.isascii() and name.isdigit()})

    def path(self, n: int) -> Path:
        return self.directory.segment_path(n)

    def keep_torn(self, n: int, torn: bytes) -> None:
        """Keep bytes that are of no whole event. Safe to repeat, and durable when it returns. Raises OSError."""
        if torn:
            _keep(self._torn_path(n), torn)

    def keep_object(self, n: int) -> None:
        """Move away what was encoded of a segment, so that it is encoded again. Raises OSError."""
        encoded = encoded_path_of(self.path(n))
        with suppress(FileNotFoundError):
            _keep(self._torn_path(n).with_name(f"{self._torn_path(n).name}.object"), encoded.read_bytes())
            encoded.unlink()

    def keep_unreadable(self, n: int) -> None:
        """Rename a file that cannot be read: the directory is set aside in the end, with it."""
        path = self.path(n)
        with suppress(OSError):
            path.rename(path.with_name(path.name + _UNREADABLE))

    def forget(self, n: int) -> None:
        """Remove the files of a segment that is stored, or that was kept elsewhere. Raises OSError."""
        self.path(n).unlink(missing_ok=True)
        encoded_path_of(self.path(n)).unlink(missing_ok=True)

    def outcome(self) -> dict[str, Any] | None:
        """Return how the session ended, as columns of its row, if its recorder could still write it down."""
        try:
            kept = orjson.loads((self.directory.path / OUTCOME_NAME).read_bytes())
            return {
                "end_reason": str(kept["reason"])[:32],
                "end_detail": str(kept["detail"])[:500],
                "ended_at": datetime.fromisoformat(kept["ended_at"]),
                "exit_status": None if kept.get("exit_status") is None else int(kept["exit_status"]),
                "exit_signal": str(kept.get("exit_signal") or "")[:32],
            }
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("outcome_unreadable", session=str(self.directory.session_id), error=str(error))
            return None

    def close(self) -> None:
        """The recording is sealed: remove the directory, or set it aside if anything is left in it."""
        left = self.numbers() or any(self.directory.path.glob(f"*{_UNREADABLE}"))
        if left:
            self.set_aside()
        else:
            self.directory.discard()

    def set_aside(self) -> None:
        """Move the directory where recovery does not look."""
        path, root = self.directory.path, settings.RECORDINGS_DIR / "orphaned"
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        target = _free_name(root / path.name)
        try:
            path.rename(target)
        except OSError:
            # Another disk. What cannot be read cannot be copied there: it stays, under a name that is no id.
            target = _free_name(path.with_name(path.name + _UNREADABLE))
            path.rename(target)
        log.warning("recording_set_aside", session=str(self.directory.session_id), path=str(target))
        self.directory.release()

    def _torn_path(self, n: int) -> Path:
        path: Path = settings.RECORDINGS_DIR / "torn" / f"{self.directory.session_id}-{n}"
        return path


def read_synced(path: Path) -> bytes:
    """Return a closed segment's bytes, safe from a power cut: what is made of them must not outlive them."""
    with path.open("rb") as file:
        os.fdatasync(file.fileno())
        return file.read()


def orphaned_path(session_id: object) -> Path:
    """Return where a directory without a session is set aside."""
    path: Path = settings.RECORDINGS_DIR / "orphaned" / str(session_id)
    return path


def age_of(path: Path) -> float:
    """Return the seconds since anything was made in a directory; 0 if it is gone."""
    try:
        return max(0.0, timezone.now().timestamp() - path.stat().st_mtime)
    except OSError:
        return 0.0


def _free_name(path: Path) -> Path:
    candidate, number = path, 0
    while candidate.exists():
        number += 1
        candidate = path.with_name(f"{path.name}.{number}")
    return candidate


def _keep(path: Path, content: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace_file(path, content)
