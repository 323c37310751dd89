"""What is looked at for all sessions of a process together: their limits every second, their access every few seconds.

Access is asked of the database, so that it ends a session without Redis, too.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress

import structlog
from django.conf import settings
from django.db import Error as DbError

from audit.running import AccessEnded, EndRequested, Running, find_ended
from bastion.live import endings
from bastion.live.endings import Ending
from bastion.live.registry import Registry
from bastion.live.session import LiveSession
from bastion.threads import ask_database

log = structlog.get_logger(__name__)

TICK_SECONDS = 1.0
_CAUSES = {
    "grant ended": "Your grant for this host ended or was withdrawn, or the host was disabled.",
    "signed out": "You signed out.",
    "password changed": "Your password was changed.",
    "account disabled": "Your account was disabled.",
    "token revoked": "The token was revoked.",
    "token expired": "The token has expired.",
}


class Watchdog:
    """Ends sessions whose login or grant ended, that somebody wants to end, or that reached a limit."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._woken = asyncio.Event()
        # Ids of sessions to be looked at now; None stands for all.
        self._called: set[str | None] = set()

    def wake(self, session_id: str | None) -> None:
        """Look now at the session with this id, or at all: something may have changed."""
        self._called.add(session_id)
        self._woken.set()

    async def keep_limits(self) -> None:
        """Let every session look at its clocks, each second; runs for ever."""
        while True:
            await asyncio.sleep(TICK_SECONDS)
            for session in self._registry:
                try:
                    session.keep_limits()
                except Exception:
                    # An outermost loop: a fault in one session must neither end the others nor leave them unwatched.
                    log.exception("limits_not_kept", session=str(session.id))
                    session.end(endings.CRASHED)

    async def keep_access(self) -> None:
        """Ask the database who may go on, every settings.RECHECK_SECONDS and when woken; runs for ever."""
        due_at = time.monotonic()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, due_at - time.monotonic())):
                    await self._woken.wait()
            self._woken.clear()
            called, self._called = self._called, set()
            if time.monotonic() >= due_at:
                called, due_at = {None}, time.monotonic() + settings.RECHECK_SECONDS
            sessions = [each for each in self._registry if None in called or str(each.id) in called]
            if sessions:
                await self._look(sessions)

    async def _look(self, sessions: Sequence[LiveSession]) -> None:
        asked_at = time.monotonic()
        running = [Running(each.id, each.login, each.owner.host_id) for each in sessions]
        try:
            async with asyncio.timeout(settings.DATABASE_GRACE):
                found = await ask_database(find_ended, running)
        except (DbError, TimeoutError) as error:
            log.warning("access_not_checked", sessions=len(sessions), error=type(error).__name__)
        except Exception:
            # An outermost loop: what cannot be asked counts like a database that does not answer.
            log.exception("access_not_checked", sessions=len(sessions))
        else:
            for session, before in zip(sessions, running, strict=True):
                session.seen_at = max(session.seen_at, asked_at)
                # What was found out about a sign-in that the session does not depend on any more is no reason.
                if session.login is before.login and (reason := found.get(session.id)):
                    session.end(_ending(reason))
            return
        for session in sessions:
            # A grant that nobody could look up for so long is no reason to go on.
            if time.monotonic() - session.seen_at > settings.DATABASE_GRACE:
                session.end(endings.CANNOT_CHECK)


def _ending(reason: AccessEnded | EndRequested) -> Ending:
    match reason:
        case AccessEnded(cause):
            return access_ended(cause)
        case EndRequested(by_name, words):
            return endings.TERMINATED.because(f"Ended by {by_name}" + (f": “{words}”" if words else "."))


def access_ended(cause: str) -> Ending:
    """Return the ending for a cause that audit.sessions.why_access_ended gave."""
    return endings.ACCESS_ENDED.because(_CAUSES.get(cause, endings.ACCESS_ENDED.detail))
