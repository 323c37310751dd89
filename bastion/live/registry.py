"""The sessions that run in this process."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from bastion.live.session import LiveSession
from bastion.metrics import SESSIONS_LIVE


class Registry:
    """Sessions by id. Used from the event loop alone."""

    def __init__(self) -> None:
        self._sessions: dict[UUID, LiveSession] = {}

    def add(self, session: LiveSession) -> None:
        self._sessions[session.id] = session
        SESSIONS_LIVE.set(len(self._sessions))

    def remove(self, session: LiveSession) -> None:
        self._sessions.pop(session.id, None)
        SESSIONS_LIVE.set(len(self._sessions))

    def find(self, session_id: UUID) -> LiveSession | None:
        return self._sessions.get(session_id)

    def __iter__(self) -> Iterator[LiveSession]:
        return iter(list(self._sessions.values()))

    def __len__(self) -> int:
        return len(self._sessions)
