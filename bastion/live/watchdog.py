"""Whether a session may still run: asked of the database every few seconds, so that it holds without Redis, too."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from uuid import UUID

import structlog
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import DatabaseError, close_old_connections

from audit.sessions import end_request, why_access_ended
from bastion.live import endings
from bastion.live.endings import Ending
from hosts.logins import Login

log = structlog.get_logger(__name__)

# A database that does not answer for so long is no reason to believe in a grant any more.
BLIND_SECONDS = 30
_CAUSES = {
    "grant ended": "Your grant for this host ended or was withdrawn, or the host was disabled.",
    "signed out": "You signed out.",
    "password changed": "Your password was changed.",
    "account disabled": "Your account was disabled.",
    "token revoked": "The token was revoked.",
    "token expired": "The token has expired.",
}


class Watchdog:
    """Ends a session when its login or its grant ends, or when somebody asks for its end."""

    def __init__(self, session_id: UUID, login: Login, host_id: UUID) -> None:
        self._session_id = session_id
        self._login = login
        self._host_id = host_id
        self._woken = asyncio.Event()

    def follow(self, login: Login) -> None:
        """From here on the session depends on this sign-in of its person."""
        self._login = login

    def wake(self) -> None:
        """Look now: something may have changed."""
        self._woken.set()

    async def run(self) -> Ending:
        """Return why the session must end; runs for as long as it need not."""
        seen_at = time.monotonic()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(settings.RECHECK_SECONDS):
                    await self._woken.wait()
            self._woken.clear()
            try:
                ending = await sync_to_async(self._look, thread_sensitive=False)()
                seen_at = time.monotonic()
            except DatabaseError as error:
                log.warning("access_not_checked", session=str(self._session_id), error=type(error).__name__)
                ending = endings.CANNOT_CHECK if time.monotonic() - seen_at > BLIND_SECONDS else None
            if ending is not None:
                return ending

    def _look(self) -> Ending | None:
        close_old_connections()
        try:
            cause = why_access_ended(self._login, self._host_id)
            if cause is not None:
                return endings.ACCESS_ENDED.because(_CAUSES.get(cause, endings.ACCESS_ENDED.detail))
            request = end_request(self._session_id)
            return terminated(request.by_name, request.reason) if request else None
        finally:
            close_old_connections()


def terminated(by_name: str, reason: str) -> Ending:
    return endings.TERMINATED.because(f"Ended by {by_name}" + (f": “{reason}”" if reason else "."))
