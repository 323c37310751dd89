"""What recoveries on this machine set aside of recordings (audit/recording/remains.py), and its end with them.

Only the machine whose disk it is on can remove it, and a deletion may run on any: each run looks here, too.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from django.conf import settings

from audit.models import Session

# Names that recovery gives: `<id>-<n>`, `<id>.1`, `<id>.unreadable`, and `.<id>-<n>.<digits>` while they are written.
_NAME = re.compile(r"\.?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})([-.].+)?")


def remove_leftovers(session_id: UUID) -> None:
    """Remove what is left of one recording. Raises OSError."""
    for known_id, path in _leftovers():
        if known_id == session_id:
            _remove(path)


def remove_leftovers_of_deleted() -> None:
    """Remove what is left of recordings that were deleted, wherever that was done. Raises OSError."""
    found = list(_leftovers())
    deleted = Session.objects.filter(deleted_at__isnull=False, pk__in={session_id for session_id, _path in found})
    ids = set(deleted.values_list("pk", flat=True))
    for session_id, path in found:
        if session_id in ids:
            _remove(path)


def _leftovers() -> Iterator[tuple[UUID, Path]]:
    for root in (settings.RECORDINGS_DIR / "torn", settings.RECORDINGS_DIR / "orphaned", settings.OPEN_DIR):
        for path in root.iterdir() if root.is_dir() else ():
            match = _NAME.fullmatch(path.name)
            # The directory of a recording that is not sealed has the bare id for its name, and is recovery's.
            if match and not (root == settings.OPEN_DIR and match[2] is None):
                yield UUID(match[1]), path


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
