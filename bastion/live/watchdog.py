"""Whether a session may still run: asked of the database every few seconds, so that it holds without Redis, too."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from uuid import UUID

import structlog
from django.conf import settings
from django.db import Error as DbError

from audit.sessions import end_request, why_access_ended
from bastion.live import endings
from bastion.live.endings import Ending
from bastion.threads import ask_database
from hosts.logins import Login

log = structlog.get_logger(__name__)

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
        # The first look is at once: what woke everybody while the session was being made did not find it.
        self._woken.set()

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
            login = self._login
            try:
                async with asyncio.timeout(settings.DATABASE_GRACE):
                    ending = await ask_database(self._look, login)
                seen_at = time.monotonic()
            except (DbError, TimeoutError) as error:
                log.warning("access_not_checked", session=str(self._session_id), error=type(error).__name__)
                # Nobody who does not answer for so long is a reason to believe in a grant any more.
                is_blind = time.monotonic() - seen_at > settings.DATABASE_GRACE
                ending = endings.CANNOT_CHECK if is_blind else None
            # What was found out about a sign-in that the session does not depend on any more is no reason.
            if ending is not None and login is self._login:
                return ending

    def _look(self, login: Login) -> Ending | None:
        cause = why_access_ended(login, self._host_id)
        if cause is not None:
            return access_ended(cause)
        request = end_request(self._session_id)
        return terminated(request.by_name, request.reason) if request else None


def access_ended(cause: str) -> Ending:
    """Return the ending for a cause that audit.sessions.why_access_ended gave."""
    return endings.ACCESS_ENDED.because(_CAUSES.get(cause, endings.ACCESS_ENDED.detail))


def terminated(by_name: str, reason: str) -> Ending:
    return endings.TERMINATED.because(f"Ended by {by_name}" + (f": “{reason}”" if reason else "."))
