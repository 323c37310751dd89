"""Watching a session while it runs: attaching without the right to type.

A watcher joins at the screen of the last closed segment and goes on from the Redis stream, so it may sit in any
process. What it sends is ignored. Refusals are 4001, 4003 and 4004: the player tries every other code again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import Error as DbError

from audit.access import access_session, may_still_see
from audit.alis import SUBPROTOCOL
from audit.models import Session
from audit.recording.key import KeyUnavailableError, recording_key
from audit.replay import Joined, join
from audit.viewing import note_view
from bastion.live.handshake import is_allowed
from bastion.live.live_view import LiveView, Send
from bastion.live.stream_feed import StreamFeeds
from bastion.threads import ask_database
from hosts.logins import Login, NotSignedIn, login_of_scope, notice_accepted

log = structlog.get_logger(__name__)

NOT_SIGNED_IN = 4001
ACCESS_ENDED = 4003
NO_SUCH_SESSION = 4004
# What an ended session's stream may still bring.
LAST_EVENTS_SECONDS = 5.0

Receive = Callable[[], Awaitable[dict[str, Any]]]


class WatchRefusedError(Exception):
    """Why there is nothing to watch, or nothing more."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code = code


class WatchApplication:
    """ASGI application of `/ws/sessions/<id>/watch/`."""

    def __init__(self) -> None:
        self._feeds = StreamFeeds()

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        await receive()
        if not is_allowed(scope):
            await send({"type": "websocket.close", "code": 4403})
            return
        subprotocol = SUBPROTOCOL if SUBPROTOCOL in scope["subprotocols"] else None
        await send({"type": "websocket.accept", "subprotocol": subprotocol})
        watching = asyncio.ensure_future(_serve(scope, self._feeds, send))
        try:
            while (await receive())["type"] != "websocket.disconnect":
                pass
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)


async def _serve(scope: dict[str, Any], feeds: StreamFeeds, send: Send) -> None:
    try:
        login, joined, key = await ask_database(_admit, scope)
        session_id: UUID = scope["url_route"]["kwargs"]["session_id"]
        ending = asyncio.ensure_future(_until_access_ends(login, session_id))
        view = LiveView(session_id, key, feeds, send)
        sending = asyncio.ensure_future(view.run(joined))
        try:
            done, _ = await asyncio.wait({ending, sending}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            ending.cancel()
            sending.cancel()
            await asyncio.gather(ending, sending, return_exceptions=True)
        if sending not in done:
            # The stream did not say so, or was not reachable: the last that is stored is the last there is.
            await view.finish()
        code, words = 1000, ""
    except WatchRefusedError as error:
        code, words = error.code, str(error)
    except OSError:
        return
    except Exception:
        # The outermost loop of a socket: a fault must end it with a word, not with silence.
        log.exception("watch_failed")
        code, words = 1011, "The live view failed. The session goes on."
    with suppress(OSError, RuntimeError):
        await send({"type": "websocket.close", "code": code, "reason": words})


def _admit(scope: dict[str, Any]) -> tuple[Login, Joined, bytes]:
    """Pass the gate, note the view, and return where to begin and the stream's key. Raises WatchRefusedError."""
    try:
        login = login_of_scope(scope)
        if not notice_accepted(login):
            raise WatchRefusedError(NOT_SIGNED_IN, "Accept the notice about recording first.")
        session = access_session(login, scope["url_route"]["kwargs"]["session_id"])
        if session.state not in Session.RUNNING:
            raise WatchRefusedError(NO_SUCH_SESSION, "This session has ended; its replay is there.")
        key = recording_key(session.pk)
        note_view(session, login)
        return login, join(session), key
    except KeyUnavailableError:
        raise WatchRefusedError(NO_SUCH_SESSION, "This server has no key to read the session with.") from None
    except NotSignedIn:
        raise WatchRefusedError(NOT_SIGNED_IN, "Sign in first.") from None
    except Session.DoesNotExist:
        raise WatchRefusedError(NO_SUCH_SESSION, "It does not exist, or you have no access to it.") from None


async def _until_access_ends(login: Login, session_id: UUID) -> None:
    """Raise WatchRefusedError as soon as the watcher may no longer see the session.

    Returns some time after the session has ended: by then its stream has said so, unless its process died.
    """
    seen_at = time.monotonic()
    while True:
        await asyncio.sleep(settings.RECHECK_SECONDS)
        try:
            async with asyncio.timeout(settings.DATABASE_GRACE):
                may_see, is_running = await ask_database(_look, login, session_id)
            seen_at = time.monotonic()
        except (DbError, TimeoutError):
            may_see, is_running = time.monotonic() - seen_at < settings.DATABASE_GRACE, True
        if not may_see:
            raise WatchRefusedError(ACCESS_ENDED, "Your access ended.")
        if not is_running:
            await asyncio.sleep(LAST_EVENTS_SECONDS)
            return


def _look(login: Login, session_id: UUID) -> tuple[bool, bool]:
    """Return whether the session may still be seen, and whether it runs."""
    is_running = Session.objects.filter(pk=session_id, state__in=Session.RUNNING).exists()
    return may_still_see(login, session_id), is_running
