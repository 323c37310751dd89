"""Watching a session while it runs: attaching without the right to type.

A watcher joins at the screen of the last closed segment and goes on from the Redis stream, so it may sit in any
process. What it sends is ignored. Refusals are 4001, 4003 and 4004: the player tries every other code again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import Error as DbError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from audit.access import access_session, may_still_see
from audit.alis import END, MAGIC, SUBPROTOCOL, AlisEncoder
from audit.asciicast import decode_events
from audit.events import Event, Output, Resize
from audit.models import Session
from audit.recording.stream import READ_ENTRIES, StreamEntry, StreamReader
from audit.replay import Joined, join
from audit.viewing import note_view
from bastion.live.handshake import is_allowed
from bastion.live.watchdog import BLIND_SECONDS
from bastion.threads import ask_database, wait_for_disk
from hosts.logins import Login, NotSignedIn, login_of_scope, notice_accepted

log = structlog.get_logger(__name__)

NOT_SIGNED_IN = 4001
ACCESS_ENDED = 4003
NO_SUCH_SESSION = 4004
RETRY_SECONDS = 1.0
# What an ended session's stream may still bring.
LAST_EVENTS_SECONDS = 5.0

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class WatchRefusedError(Exception):
    """Why there is nothing to watch, or nothing more."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code = code


async def watch(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """ASGI application of `/ws/sessions/<id>/watch/`."""
    await receive()
    if not is_allowed(scope):
        await send({"type": "websocket.close", "code": 4403})
        return
    subprotocol = SUBPROTOCOL if SUBPROTOCOL in scope["subprotocols"] else None
    await send({"type": "websocket.accept", "subprotocol": subprotocol})
    watching = asyncio.ensure_future(_serve(scope, send))
    try:
        while (await receive())["type"] != "websocket.disconnect":
            pass
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def _serve(scope: dict[str, Any], send: Send) -> None:
    try:
        login, joined = await ask_database(_admit, scope)
        session_id: UUID = scope["url_route"]["kwargs"]["session_id"]
        ending = asyncio.ensure_future(_until_access_ends(login, session_id))
        sending = asyncio.ensure_future(_send_events(session_id, joined, send))
        try:
            done, _ = await asyncio.wait({ending, sending}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            ending.cancel()
            sending.cancel()
            await asyncio.gather(ending, sending, return_exceptions=True)
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


def _admit(scope: dict[str, Any]) -> tuple[Login, Joined]:
    """Pass the gate, note the view, and return where to begin. Raises WatchRefusedError."""
    try:
        login = login_of_scope(scope)
        if not notice_accepted(login):
            raise WatchRefusedError(NOT_SIGNED_IN, "Accept the notice about recording first.")
        session = access_session(login, scope["url_route"]["kwargs"]["session_id"])
        if session.state not in Session.RUNNING:
            raise WatchRefusedError(NO_SUCH_SESSION, "This session has ended; its replay is there.")
        note_view(session, login)
        return login, join(session)
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
            async with asyncio.timeout(BLIND_SECONDS):
                may_see, is_running = await ask_database(_look, login, session_id)
            seen_at = time.monotonic()
        except (DbError, TimeoutError):
            may_see, is_running = time.monotonic() - seen_at < BLIND_SECONDS, True
        if not may_see:
            raise WatchRefusedError(ACCESS_ENDED, "Your access ended.")
        if not is_running:
            await asyncio.sleep(LAST_EVENTS_SECONDS)
            return


def _look(login: Login, session_id: UUID) -> tuple[bool, bool]:
    """Return whether the session may still be seen, and whether it runs."""
    is_running = Session.objects.filter(pk=session_id, state__in=Session.RUNNING).exists()
    return may_still_see(login, session_id), is_running


async def _send_events(session_id: UUID, joined: Joined, send: Send) -> None:
    """Send the current screen, then every event, until the session ends."""
    encoder = AlisEncoder()
    await send({"type": "websocket.send", "bytes": MAGIC})
    is_shown = False
    expected = joined.events
    async for entries in _entries(session_id):
        if is_shown:
            for event in _events(entries, expected):
                if frame := encoder.event(event):
                    await send({"type": "websocket.send", "bytes": frame})
        else:
            # A thread: what is running through the terminal may be megabytes.
            t = await wait_for_disk(_apply, joined, list(_events(entries, expected)))
            cols, rows = joined.screen.size
            first = encoder.reset(t, cols, rows, joined.screen.dump())
            await send({"type": "websocket.send", "bytes": first})
            is_shown = True
        expected = max([expected, *(entry.first + entry.count for entry in entries)])
        if any(entry.lines is None for entry in entries):
            await send({"type": "websocket.send", "bytes": END})
            return


async def _entries(session_id: UUID) -> AsyncIterator[list[StreamEntry]]:
    """Yield first all that the stream holds, perhaps nothing, then what comes; waits while Redis is away."""
    async with Redis.from_url(settings.REDIS_URL, socket_timeout=15) as redis:
        reader = StreamReader(redis, session_id)
        backlog: list[StreamEntry] | None = []
        while True:
            try:
                entries = await reader.read(0.05 if backlog is not None else 5.0)
            except (RedisError, OSError):
                await asyncio.sleep(RETRY_SECONDS)
                continue
            if backlog is None:
                if entries:
                    yield entries
            elif len(entries) >= READ_ENTRIES and entries[-1].lines is not None:
                # As many as one read gives: there are more.
                backlog += entries
            else:
                yield [*backlog, *entries]
                backlog = None


def _events(entries: list[StreamEntry], expected: int) -> Iterator[Event]:
    """Yield the events from number `expected` on: the stream also holds what stored segments have."""
    for entry in entries:
        if entry.lines is None or entry.first + entry.count <= expected:
            continue
        for number, event in enumerate(decode_events(entry.lines.splitlines(keepends=True)), entry.first):
            if number >= expected:
                yield event


def _apply(joined: Joined, events: list[Event]) -> float:
    """Bring the screen up to date; return the time that it shows."""
    for event in events:
        if isinstance(event, Output):
            joined.screen.feed(event.text)
        elif isinstance(event, Resize):
            joined.screen.resize(event.cols, event.rows)
    return events[-1].t if events else joined.t
