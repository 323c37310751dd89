"""The open segment: a plain file of asciicast lines that is appended to, and the facts about what is in it."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from audit.asciicast import encode_event
from audit.events import Event, Marker, Output, Resize

# Silences at least this long are noted, so that replay can skip them without reading the segment.
SILENCE_SECONDS = 2.0
# Of one segment, noted so that replay can show them without reading it; an imported file may hold any number.
MOST_MARKERS = 200


class RecordingFailedError(Exception):
    """What happened could not be recorded, so it must not be shown. The message says why, for the person."""


@dataclass(slots=True)
class SegmentFacts:
    """What the database keeps of a segment. `cols` and `rows` are the terminal's size when it begins."""

    n: int
    cols: int
    rows: int
    encoding: str
    previous_t: float
    start: float | None = None
    end: float = 0.0
    events: int = 0
    output_bytes: int = 0
    silences: list[tuple[float, float]] = field(default_factory=list)
    markers: list[tuple[float, str]] = field(default_factory=list)
    last_cols: int = 0
    last_rows: int = 0

    def __post_init__(self) -> None:
        self.last_cols, self.last_rows = self.cols, self.rows

    def add(self, event: Event) -> None:
        silence = event.t - self.previous_t
        if silence > SILENCE_SECONDS:
            self.silences.append((self.previous_t, silence))
        self.previous_t = event.t
        if self.start is None:
            self.start = event.t
        self.end = event.t
        self.events += 1
        if isinstance(event, Output):
            self.output_bytes += self._size_of(event)
        elif isinstance(event, Resize):
            self.last_cols, self.last_rows = event.cols, event.rows
        elif isinstance(event, Marker) and len(self.markers) < MOST_MARKERS:
            self.markers.append((event.t, event.label[:200]))

    def _size_of(self, output: Output) -> int:
        if output.exact is not None:
            return len(output.exact)
        # Most text need not be encoded to know.
        is_plain = self.encoding == "utf-8" and output.text.isascii()
        return len(output.text) if is_plain else len(output.text.encode(self.encoding))

    def following(self) -> SegmentFacts:
        """Return the empty facts of the segment after this one."""
        return SegmentFacts(
            n=self.n + 1, cols=self.last_cols, rows=self.last_rows, encoding=self.encoding, previous_t=self.previous_t
        )


@dataclass(frozen=True, slots=True)
class Prefix:
    """The first `length` bytes of an open segment's file, which survive a power cut, and their SHA-256 in hex."""

    n: int
    length: int
    sha256: str


class OpenSegment:
    """An open segment's file. What `append` returned from is in the page cache: it survives kill -9 of this process.

    One thread appends and closes; `sync` and `synced` may be used by others meanwhile.
    """

    def __init__(self, path: Path, facts: SegmentFacts, *, header: bytes = b"") -> None:
        """Create the file, which must not exist, and write the header. Raises OSError."""
        self.path = path
        self.facts = facts
        self.size = 0
        # Of bytes that are whole events in the file and survive a power cut.
        self.synced: Prefix | None = None
        self._digest = hashlib.sha256()
        self._is_closed = False
        # Guards size and digest, which belong together, and the descriptor's end.
        self._lock = threading.Lock()
        self._syncing = threading.Lock()
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            self._write(header)
        except OSError:
            os.close(self._descriptor)
            raise

    def append(self, events: Sequence[Event]) -> bytes:
        """Write the events, in order, and return the lines that stand for them. Raises OSError."""
        lines = b"".join(map(encode_event, events))
        self._write(lines)
        for event in events:
            self.facts.add(event)
        return lines

    def sync(self) -> None:
        """Make everything that was appended survive a power cut. Raises OSError; never to be tried again then."""
        with self._syncing:
            with self._lock:
                size, digest = self.size, self._digest.copy()
            if self._is_closed or (self.synced and self.synced.length == size):
                return
            os.fdatasync(self._descriptor)
            if os.fstat(self._descriptor).st_nlink == 0:
                raise FileNotFoundError(errno.ENOENT, "the recording was removed while it was made")
            self.synced = Prefix(self.facts.n, size, digest.hexdigest())

    def close(self) -> None:
        """Let go of the file, synced. Waits for the disk; safe to repeat. Raises OSError."""
        with self._syncing:
            if self._is_closed:
                return
            self._is_closed = True
            try:
                os.fdatasync(self._descriptor)
            finally:
                os.close(self._descriptor)

    def _write(self, lines: bytes) -> None:
        view = memoryview(lines)
        while view:
            # A disk that fills up takes a part first and fails at the next call.
            view = view[os.write(self._descriptor, view) :]
        with self._lock:
            self.size += len(lines)
            self._digest.update(lines)


def facts_of(events: Iterable[Event], facts: SegmentFacts) -> SegmentFacts:
    """Return `facts` after it has seen `events`."""
    for event in events:
        facts.add(event)
    return facts
