"""The threads that touch the disk for all open recordings of one directory: one writes, one syncs.

A disk can make `write` wait, too. Who waits then are the sessions on that disk, and never the event loop.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Protocol

import structlog
from django.conf import settings

log = structlog.get_logger(__name__)

# Written lines are synced at least this often while there are any: a power cut costs a second at most.
SYNC_SECONDS = 0.5
# Jobs that are written before those who wait for them are told, where a sync stands in between.
MOST_IN_GROUP = 256


class Syncable(Protocol):
    """What was written to, and must be made to survive a power cut."""

    def sync(self) -> None:
        """Wait until everything that was written survives a power cut; a failure is the owner's to keep."""


class Job(Protocol):
    """Something that waits for the disk, done in the order in which it was given."""

    def run(self) -> Syncable | None:
        """Do it, in the writer's thread, and return what has to be synced. Must not raise."""

    def finish(self) -> None:
        """Say that it is done, and synced where RECORDING_SYNC is strict. Must not raise."""


class Writer:
    """Runs jobs in order, and syncs what they wrote: before they are finished (strict), or soon after (relaxed)."""

    def __init__(self, *, is_strict: bool) -> None:
        self._is_strict = is_strict
        self._jobs: SimpleQueue[Job] = SimpleQueue()
        self._unsynced: set[Syncable] = set()
        self._has_unsynced = threading.Event()
        self._lock = threading.Lock()
        threading.Thread(target=self._write, name="recording-writer", daemon=True).start()
        if not is_strict:
            threading.Thread(target=self._sync_in_turns, name="recording-sync", daemon=True).start()

    def submit(self, job: Job) -> None:
        """Queue a job; never waits."""
        self._jobs.put(job)

    def _write(self) -> None:
        while True:
            if self._is_strict:
                self._write_group()
                continue
            job = self._jobs.get()
            self._note_unsynced(job.run())
            _finish(job)

    def _write_group(self) -> None:
        """Write what is there, sync once for each recording, and only then say so: one sync serves many sessions."""
        group = [self._jobs.get()]
        try:
            while len(group) < MOST_IN_GROUP:
                group.append(self._jobs.get_nowait())
        except Empty:
            pass
        for written in {job.run() for job in group}:
            if written is not None:
                written.sync()
        for job in group:
            _finish(job)

    def _note_unsynced(self, written: Syncable | None) -> None:
        if written is None:
            return
        with self._lock:
            self._unsynced.add(written)
        self._has_unsynced.set()

    def _sync_in_turns(self) -> None:
        while True:
            self._has_unsynced.wait()
            time.sleep(SYNC_SECONDS)
            with self._lock:
                turn, self._unsynced = self._unsynced, set()
                self._has_unsynced.clear()
            for written in turn:
                written.sync()


def _finish(job: Job) -> None:
    try:
        job.finish()
    except Exception:
        # The outermost loop of a thread that every session depends on: a listener that is gone must not end it.
        log.exception("recording_listener_failed")


_writers: dict[Path, Writer] = {}
_writers_lock = threading.Lock()


def writer_of(directory: Path) -> Writer:
    """Return this process's writer for recordings in `directory`."""
    with _writers_lock:
        if directory not in _writers:
            _writers[directory] = Writer(is_strict=settings.RECORDING_SYNC == "strict")
        return _writers[directory]
