"""Checkpoints that leave the machine: who keeps one elsewhere finds out when the ledger's past is changed later.

A place is behind a small seam, so that others than a file (syslog, a webhook, a locked bucket) can be added. A place
that is away, full or hanging never holds up the ledger: it is told later, and `why_not_published` says so until then.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Protocol, TypeVar

from django.conf import settings
from django.db.models import QuerySet

from audit.evidence.machine import read_state, turn, write_state
from audit.models import Checkpoint

T = TypeVar("T")

STATE = "checkpoints.published"
PATIENCE_SECONDS = 5.0
# Of what a place missed, the newest: they prove everything that the older ones do.
MOST_MISSED = 1000
MOST_COMPARED = 100
_TAIL_BYTES = 65536
_WHOLE_NOTE = re.compile(rb"(?m)^[^\n]+\n\d+\n[A-Za-z0-9+/]{43}=\n\n(?:\xe2\x80\x94 \S+ \S+\n)+")


class Publisher(Protocol):
    """A place that keeps checkpoints. Both may raise OSError, and may hang."""

    def published(self) -> Sequence[str]:
        """Return checkpoints that the place has, the newest ones at least."""
        ...

    def publish(self, notes: Sequence[str]) -> None:
        """Keep these checkpoints, oldest first."""
        ...


class FilePublisher:
    """Appends to a file, best on another machine's disk: notes as they are, an empty line after each."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __str__(self) -> str:
        return str(self._path)

    def published(self) -> Sequence[str]:
        try:
            with self._path.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
                return [found[0].decode(errors="replace") for found in _WHOLE_NOTE.finditer(file.read())]
        except FileNotFoundError:
            return []

    def publish(self, notes: Sequence[str]) -> None:
        with self._path.open("ab+") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 2))
            if size and file.read() != b"\n\n":
                # What a full disk or a crash left of a note must not become part of the next.
                file.write(b"\n\n")
            file.write(b"".join(note.encode() + b"\n" for note in notes))
            file.flush()
            os.fsync(file.fileno())


def publisher() -> Publisher | None:
    """Return the configured place, or None."""
    return FilePublisher(settings.CHECKPOINT_FILE) if settings.CHECKPOINT_FILE else None


def publish_checkpoints() -> None:
    """Hand to the configured place what it does not have. Does not raise for what is wrong with the place."""
    place = publisher()
    last = Checkpoint.objects.order_by("-size").first()
    if place is None or last is None or _state() == _published(place, last):
        return
    with turn("publishing") as is_ours:
        if not is_ours:
            return
        try:
            missed = _missed_by(_within(PATIENCE_SECONDS, place.published))
            if missed:
                _within(PATIENCE_SECONDS, place.publish, [checkpoint.note for checkpoint in missed])
            state = _published(place, missed[-1] if missed else last)
        except OSError as error:
            state = {"place": str(place), "size": None, "problem": error.strerror or str(error)}
        if state != _state():
            write_state(STATE, state)


def why_not_published() -> str:
    """Return what is wrong with the place for checkpoints, for people, or nothing; nothing also if there is none."""
    place = publisher()
    state = _state()
    if place is None or state is None or state.get("place") != str(place) or not state.get("problem"):
        return ""
    return f"Checkpoints cannot be written to {place}: {state['problem']}. They are kept and written when it works."


def _missed_by(published: Sequence[str]) -> list[Checkpoint]:
    """Return the checkpoints after the newest of ours that is published, oldest first.

    What is not ours is left out: a database that was restored may be behind what an earlier one published.
    """
    ours: QuerySet[Checkpoint] = Checkpoint.objects.order_by("-size")
    newest = published[-MOST_COMPARED:]
    # By size, because there is an index of that; by text, because that is what counts.
    known = ours.filter(size__in=[int(note.split("\n")[1]) for note in newest], note__in=newest).first()
    return list(ours.filter(size__gt=known.size if known else 0)[:MOST_MISSED])[::-1]


def _published(place: Publisher, checkpoint: Checkpoint) -> dict[str, Any]:
    return {"place": str(place), "size": checkpoint.size, "problem": ""}


def _state() -> dict[str, Any] | None:
    # A damaged file is as good as none: it is written anew.
    with contextlib.suppress(ValueError):
        return read_state(STATE)
    return None


class _Hanging:
    """The thread that still waits for a place that does not answer: one is enough."""

    thread: threading.Thread | None = None


def _within(seconds: float, function: Callable[..., T], *arguments: Any) -> T:
    """Call a function that may hang for ever, as writing to another machine's disk can. Raises TimeoutError."""
    if _Hanging.thread is not None and _Hanging.thread.is_alive():
        raise TimeoutError("it does not answer")
    answers: SimpleQueue[tuple[T, None] | tuple[None, OSError]] = SimpleQueue()

    def call() -> None:
        try:
            answers.put((function(*arguments), None))
        except OSError as error:
            answers.put((None, error))

    thread = threading.Thread(target=call, name="publishing", daemon=True)
    thread.start()
    try:
        result, error = answers.get(timeout=seconds)
    except Empty:
        _Hanging.thread = thread
        raise TimeoutError("it does not answer") from None
    if error is not None:
        raise error
    return result  # type: ignore[return-value]
