"""A zip file that is made while it is sent: memory holds one piece of one file."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime


class _Pipe:
    """What zipfile writes to. It has no `tell` and no `seek`, so zipfile does not go back."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, part: bytes) -> int:
        self._parts.append(bytes(part))
        return len(part)

    def flush(self) -> None:
        """Do nothing: what is written waits to be taken."""

    def take(self) -> bytes:
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken


class ZipStream:
    """Files are added one after the other, and their bytes yielded: `yield from stream.add(…)`, then `close()`."""

    def __init__(self, at: datetime) -> None:
        """All files get the time `at`; a zip file has no years before 1980."""
        self._at = max(at.astimezone(UTC), datetime(1980, 1, 1, tzinfo=UTC)).timetuple()[:6]
        self._pipe = _Pipe()
        self._zip = zipfile.ZipFile(self._pipe, "w")  # type: ignore[call-overload] # write and flush are enough

    def add(self, name: str, parts: Iterable[bytes], *, compress: bool = True, mode: int = 0o644) -> Iterator[bytes]:
        entry = zipfile.ZipInfo(name, self._at)
        entry.compress_type = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
        entry.external_attr = (stat.S_IFREG | mode) << 16
        # How large it will be is not known, so room for any size is left.
        with self._zip.open(entry, "w", force_zip64=True) as file:
            for part in parts:
                file.write(part)
                if taken := self._pipe.take():
                    yield taken
        yield self._pipe.take()

    def close(self) -> Iterator[bytes]:
        self._zip.close()
        yield self._pipe.take()
