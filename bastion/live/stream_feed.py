"""One reader of a session's Redis stream for all who watch it in this process.

Fifty watchers that each read, decrypt and decode for themselves made whoever types wait 15 ms for every key.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from django.conf import settings
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from audit.recording.stream import StreamEntry, StreamReader, last_entry_id

REDIS_SECONDS = 6.0
# How long one command waits for news.
READ_SECONDS = 3.0
# After something came, what comes next is gathered: watchers are shown the same, in fewer and bigger pieces.
GATHER_SECONDS = 0.02
# Entries that wait for a watcher who does not read. Whoever has more begins again at the last stored segment.
MOST_WAITING = 256


def connect_once() -> Redis:
    """Return a client without tries of its own, which would take the longer the longer Redis hangs."""
    return Redis.from_url(settings.REDIS_URL, socket_timeout=REDIS_SECONDS, retry=Retry(NoBackoff(), 0))


class CutOffError(Exception):
    """A watcher read too slowly to be given everything."""


class Subscription:
    """What one watcher has not read yet."""

    def __init__(self) -> None:
        self._entries: deque[StreamEntry] = deque()
        self._news = asyncio.Event()
        self._error: Exception | None = None

    def put(self, entries: Sequence[StreamEntry]) -> None:
        if self._error is None:
            self._entries += entries
            if len(self._entries) > MOST_WAITING:
                self._entries.clear()
                self.fail(CutOffError())
            elif entries:
                self._news.set()

    def fail(self, error: Exception) -> None:
        self._error = error
        self._news.set()

    async def read(self, wait_seconds: float) -> list[StreamEntry]:
        """Return the next entries; an empty list if none comes in time. Raises CutOffError, RedisError, OSError."""
        try:
            async with asyncio.timeout(wait_seconds):
                await self._news.wait()
        except TimeoutError:
            return []
        entries = list(self._entries)
        self._entries.clear()
        if not entries and self._error is not None:
            raise self._error
        if self._error is None:
            self._news.clear()
        return entries


class StreamFeeds:
    """The feeds of one process, each for as long as somebody is subscribed to it. Used on the event loop."""

    def __init__(self) -> None:
        self._feeds: dict[UUID, _Feed] = {}

    @asynccontextmanager
    async def subscribe(self, session_id: UUID, key: bytes) -> AsyncIterator[Subscription]:
        """Give everything that comes from now on, until the block is left. Raises RedisError, OSError, TimeoutError."""
        feed = self._feeds.get(session_id)
        if feed is None or feed.is_over:
            feed = self._feeds[session_id] = _Feed(session_id, key)
        subscription = Subscription()
        feed.subscriptions.add(subscription)
        try:
            await asyncio.shield(feed.began)
            yield subscription
        finally:
            feed.subscriptions.discard(subscription)
            if not feed.subscriptions:
                feed.stop()
                if self._feeds.get(session_id) is feed:
                    del self._feeds[session_id]


class _Feed:
    def __init__(self, session_id: UUID, key: bytes) -> None:
        self.subscriptions: set[Subscription] = set()
        # Done as soon as it is known where the stream is: nothing that comes after that is missed.
        self.began: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._session_id = session_id
        self._key = key
        self._task = asyncio.ensure_future(self._run())

    @property
    def is_over(self) -> bool:
        return self._task.done()

    def stop(self) -> None:
        self._task.cancel()
        self.began.cancel()

    async def _run(self) -> None:
        try:
            async with connect_once() as redis:
                after = await last_entry_id(redis, self._session_id)
                if not self.began.done():
                    self.began.set_result(None)
                reader = StreamReader(redis, self._session_id, self._key, after)
                while True:
                    await self._pass_on(await reader.read(READ_SECONDS))
        except (RedisError, OSError, TimeoutError) as error:
            if not self.began.done():
                self.began.set_exception(error)
                # Whoever waits is told; if nobody does any more, it is nothing to complain about.
                self.began.exception()
            for subscription in self.subscriptions:
                subscription.fail(error)

    async def _pass_on(self, entries: Sequence[StreamEntry]) -> None:
        if not entries:
            return
        for subscription in list(self.subscriptions):
            subscription.put(entries)
            # A turn of the loop for each: a key that is typed waits for one watcher at most, not for all.
            await asyncio.sleep(0)
        await asyncio.sleep(GATHER_SECONDS)
