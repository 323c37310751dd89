"""What the indexer carries from one segment to the next, encrypted in the session's row."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import orjson
from django.conf import settings

from audit.indexing.observations import Observation, pack, unpack
from audit.indexing.observe import Observer
from audit.indexing.screen import Screen
from audit.indexing.text import TextCollector
from audit.recording.encryption import decrypt, encrypt

# A day of a busy shell has a few thousand. Beyond this the oldest are let go, and their commands stay as they are.
MAX_OBSERVATIONS: Final = 50_000


@dataclass
class Carried:
    """The state after segment `next_n - 1`. `first_t` is the time from which on all observations are still there."""

    collector: TextCollector
    next_n: int = 0
    first_t: float = 0.0
    observations: list[Observation] = field(default_factory=list)
    failures: int = 0
    failure: str = ""

    @classmethod
    def at_start(cls, cols: int, rows: int) -> Carried:
        return cls(_collector(Observer(Screen(cols, rows))))

    def restart_screen(self, cols: int, rows: int) -> None:
        """Go on with an empty screen, after the one so far failed."""
        self.collector = _collector(Observer(Screen(cols, rows)))

    def add(self, observations: list[Observation]) -> None:
        self.observations += observations
        if len(self.observations) > MAX_OBSERVATIONS:
            del self.observations[: MAX_OBSERVATIONS // 2]
            self.first_t = self.observations[0].t

    def encrypted(self, key: bytes, session_id: UUID) -> bytes:
        """Return the state for the session's row. It holds what was on the screen, so the recording's key is for it."""
        state = {
            "next_n": self.next_n,
            "first_t": self.first_t,
            "observations": pack(self.observations),
            "failures": self.failures,
            "failure": self.failure,
            "observer": self.collector.observer.state(),
            "text": self.collector.state(),
        }
        return encrypt(key, _context(session_id), zlib.compress(orjson.dumps(state, default=_plain)))

    @classmethod
    def decrypted(cls, key: bytes, session_id: UUID, encrypted: bytes) -> Carried:
        """Undo `encrypted`. Raises audit.recording.encryption.DecryptionError."""
        state = orjson.loads(zlib.decompress(decrypt(key, _context(session_id), encrypted)))
        collector = _collector(Observer.restore(state["observer"]))
        collector.restore_state(state["text"])
        return cls(
            collector=collector,
            next_n=state["next_n"],
            first_t=state["first_t"],
            observations=unpack(state["observations"]),
            failures=state["failures"],
            failure=state["failure"],
        )


def _collector(observer: Observer) -> TextCollector:
    return TextCollector(observer, settings.INDEX_OUTPUT_CHARACTERS or None)


def _context(session_id: UUID) -> bytes:
    return b"bastion-index-state-v1\n" + session_id.bytes


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return list(value)
    raise TypeError
