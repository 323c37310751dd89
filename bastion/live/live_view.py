"""What one watcher is sent: the screen as it is, then every event once and in order, from stored segments and Redis.

The stream in Redis is best effort: it may be away, come back empty, or lack what did not fit its queue. Events are
numbered, so nothing of this goes unnoticed: the view pauses, says so on the screen, and begins again at the last stored
segment as soon as that has what was missing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID

import structlog
from django.db import Error as DbError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from audit.alis import END, MAGIC, AlisEncoder
from audit.asciicast import CastError
from audit.events import Event, Output, Resize
from audit.indexing.screen import ScreenError
from audit.models import Session
from audit.recording.key import KeyUnavailableError
from audit.recording.storage import StorageError
from audit.recording.stream import READ_ENTRIES, StreamEntry, StreamReader
from audit.replay import Joined, NotIndexedError, join
from bastion.live.stream_feed import REDIS_SECONDS, CutOffError, StreamFeeds, Subscription, connect_once
from bastion.threads import ask_database, wait_for_disk

log = structlog.get_logger(__name__)

RETRY_SECONDS = 1.0
# The player gives up on a stream whose first frame takes more than five seconds.
FIRST_READ_SECONDS = 1.0
# How long nothing may come before the stored segments are asked whether something should have.
SILENT_SECONDS = 3.0
AWAY = "Live view paused: Redis does not work. The session goes on and is recorded."
BEHIND = "Live view paused: some output is late. It is recorded, and follows within a minute."
# Written by whoever watches and sees nothing: a Redis that takes nothing any more gives nothing, either.
_PROBE = "bastion:live-view-probe"

Send = Callable[[dict[str, Any]], Awaitable[None]]


class _BehindError(Exception):
    """The stream goes on at event number `needed`, or not at all, and what comes before it is not there."""

    def __init__(self, needed: int) -> None:
        super().__init__(needed)
        self.needed = needed


class LiveView:
    """Sends one session to one watcher."""

    def __init__(self, session_id: UUID, key: bytes, feeds: StreamFeeds, send: Send) -> None:
        self._session_id = session_id
        self._key = key
        self._feeds = feeds
        self._send = send
        self._encoder = AlisEncoder()
        # Number of the next event that the watcher gets.
        self._expected = 0
        self._rows = 0
        self._notice = ""

    async def run(self, joined: Joined) -> None:
        """Send the current screen, then every event, until the stream says that the session has ended."""
        await self._send_bytes(MAGIC)
        async with connect_once() as redis:
            while True:
                try:
                    await self._follow(redis, joined)
                    return
                except (RedisError, OSError, TimeoutError):
                    await self._pause(AWAY)
                    await self._until_redis_answers(redis)
                except CutOffError:
                    log.info("watcher_cut_off", session=str(self._session_id))
                except _BehindError as behind:
                    if await self._stored() < behind.needed:
                        await self._pause(BEHIND)
                        await self._until_stored(behind.needed)
                joined = await self._join()

    async def finish(self) -> None:
        """The session is over: send what is stored and was not seen, and the end."""
        joined = await ask_database(_join, self._session_id)
        if joined.events > self._expected or self._notice:
            await self._show(joined, joined.t)
        await self._send_bytes(END)

    async def _follow(self, redis: Redis, joined: Joined) -> None:
        """Send from `joined` on until the end. Raises _BehindError, CutOffError, RedisError, OSError, TimeoutError."""
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(FIRST_READ_SECONDS):
                    # Before the backlog is read: what comes in between is in both, and taken once.
                    feed = await stack.enter_async_context(self._feeds.subscribe(self._session_id, self._key))
                    entries = await _backlog(StreamReader(redis, self._session_id, self._key))
            except (RedisError, OSError, TimeoutError):
                if joined.events >= self._expected:
                    await self._show(joined, joined.t)
                raise
            await self._begin(joined, entries)
            await self._go_on(redis, feed, entries)
        await self._send_bytes(END)

    async def _begin(self, joined: Joined, entries: Sequence[StreamEntry]) -> None:
        reached, events, hole = _continue(joined.events, entries)
        if reached < self._expected:
            # Nobody is to see the past again: what was seen already came from a copy that is gone.
            raise _BehindError(self._expected)
        # A thread: what is running through the terminal may be megabytes.
        await self._show(joined, await wait_for_disk(_apply, joined, events))
        self._expected = reached
        if hole is not None:
            raise _BehindError(hole)

    async def _go_on(self, redis: Redis, feed: Subscription, entries: Sequence[StreamEntry]) -> None:
        while not _is_over(entries):
            entries = await feed.read(SILENT_SECONDS)
            await self._pass_on(entries)
            if not entries:
                await redis.set(_PROBE, b"", ex=60)
                if (stored := await self._stored()) > self._expected:
                    raise _BehindError(stored)

    async def _pass_on(self, entries: Sequence[StreamEntry]) -> None:
        self._expected, events, hole = _continue(self._expected, entries)
        for event in events:
            if isinstance(event, Resize):
                self._rows = event.rows
            if frame := self._encoder.event(event):
                await self._send_bytes(frame)
        if hole is not None:
            raise _BehindError(hole)

    async def _show(self, joined: Joined, t: float) -> None:
        cols, self._rows = joined.screen.size
        self._expected = max(self._expected, joined.events)
        self._notice = ""
        await self._send_bytes(self._encoder.reset(t, cols, self._rows, joined.screen.dump()))

    async def _pause(self, notice: str) -> None:
        """Say on the watcher's screen, in its last line, that it stands still and why."""
        if self._notice == notice:
            return
        self._notice = notice
        line = f"\x1b7\x1b[r\x1b[{self._rows};1H\x1b[0;7m\x1b[2K{notice}\x1b[0m\x1b8"
        if frame := self._encoder.event(Output(0.0, line)):
            await self._send_bytes(frame)

    async def _until_redis_answers(self, redis: Redis) -> None:
        while True:
            await asyncio.sleep(RETRY_SECONDS)
            try:
                async with asyncio.timeout(REDIS_SECONDS):
                    await redis.set(_PROBE, b"", ex=60)
                return
            except (RedisError, OSError, TimeoutError):
                continue

    async def _until_stored(self, events: int) -> None:
        while True:
            if await self._stored() >= events:
                return
            await asyncio.sleep(RETRY_SECONDS)

    async def _stored(self) -> int:
        """Return how many events are stored; 0 while the database does not say."""
        try:
            return await ask_database(_stored_events, self._session_id)
        except DbError:
            return 0

    async def _join(self) -> Joined:
        while True:
            try:
                return await ask_database(_join, self._session_id)
            except (DbError, StorageError, KeyUnavailableError, NotIndexedError, CastError, ScreenError) as error:
                log.warning("live_view_not_joined", session=str(self._session_id), error=str(error))
                await asyncio.sleep(RETRY_SECONDS)

    async def _send_bytes(self, frame: bytes) -> None:
        await self._send({"type": "websocket.send", "bytes": frame})


async def _backlog(reader: StreamReader) -> list[StreamEntry]:
    """Return all that the stream holds by now."""
    entries: list[StreamEntry] = []
    while True:
        found = await reader.read(0.05)
        entries += found
        # As many as one read gives: there are more.
        if len(found) < READ_ENTRIES or _is_over(found):
            return entries


def _is_over(entries: Sequence[StreamEntry]) -> bool:
    return any(entry.lines is None for entry in entries)


def _continue(expected: int, entries: Sequence[StreamEntry]) -> tuple[int, list[Event], int | None]:
    """Return the events that follow without a hole: the number after them, these, and where the hole after them ends.

    The stream also holds what stored segments have, and may hold an entry twice.
    """
    events: list[Event] = []
    for entry in entries:
        if entry.lines is None or entry.first + entry.count <= expected:
            continue
        if entry.first > expected:
            return expected, events, entry.first
        events += entry.events[expected - entry.first :]
        expected = entry.first + entry.count
    return expected, events, None


def _apply(joined: Joined, events: Sequence[Event]) -> float:
    """Bring the screen up to date; return the time that it shows."""
    for event in events:
        if isinstance(event, Output):
            joined.screen.feed(event.text)
        elif isinstance(event, Resize):
            joined.screen.resize(event.cols, event.rows)
    return events[-1].t if events else joined.t


def _join(session_id: UUID) -> Joined:
    return join(Session.objects.get(pk=session_id))


def _stored_events(session_id: UUID) -> int:
    return Session.objects.values_list("events", flat=True).get(pk=session_id)
