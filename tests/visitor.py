"""A program that uses the demo host of a running product."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from tests.polling import eventually
from tests.running_product import Product


class Visitor:
    """Signed in by a token that may connect, read and audit."""

    def __init__(self, running: Product) -> None:
        running.wait_until_ready()
        self._running = running
        self.port = urlsplit(running.url).port or 0
        self.token = running.manage("create_token", "admin", "--name", "test", "--scope", "read", "connect", "audit")
        self.host = UUID(self.get("hosts/")["results"][0]["id"])

    def fetch(self, path: str) -> tuple[int, bytes]:
        return self._running.get(f"/api/v1/{path}", Authorization=f"Bearer {self.token}")

    def get(self, path: str) -> dict[str, Any]:
        """Return an answer, which must be JSON; nothing while there is none."""
        try:
            status, body = self.fetch(path)
        except OSError:
            return {}
        answer: dict[str, Any] = json.loads(body) if status == 200 else {}
        return answer

    def session_in(self, state: str, session_id: UUID, timeout: float = 60) -> dict[str, Any]:
        """Return the session once it is in this state."""

        def session() -> dict[str, Any]:
            try:
                status, body = self.fetch(f"sessions/{session_id}/")
            except OSError as error:
                raise AssertionError(f"no answer: {error}") from error
            assert status == 200, f"{status}: {body[:300]!r}"
            found: dict[str, Any] = json.loads(body)
            assert found["state"] == state, f"{found['state']}, not {state}: {found}"
            return found

        return eventually(session, timeout)

    def recorded(self, session_id: UUID) -> bytes:
        status, raw = self.fetch(f"sessions/{session_id}/recording.raw")
        assert status == 200, raw
        return raw
