"""Copies what is recorded to the Redis streams (audit/recording/stream.py), without ever holding up who records."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from uuid import UUID

import structlog
from django.conf import settings
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from audit.events import Event
from audit.recording.redis_writer import RedisWriter
from audit.recording.resp import encode_command
from audit.recording.stream import Place, encode_entry, entry_id, stream_key

log = structlog.get_logger(__name__)

# Of one process, while Redis is slow or away.
MOST_QUEUED_BYTES = 8 * 2**20
ENTRY_BYTES = 65536
# What an entry takes besides its lines, roughly.
ENTRY_OVERHEAD = 64
FLUSH_SECONDS = 0.005
RETRY_SECONDS = 1.0
# How long Redis may take for what is sent together.
REDIS_SECONDS = 5.0
LAST_FLUSH_SECONDS = 2.0
# What is left of settings.STREAM_BYTES when entries must go.
TRIM_TO = 15 / 16
# How long a stream outlives its session, for those who are still watching it.
EXPIRE_SECONDS = 600
# How long it outlives the last thing that was published to it.
ABANDONED_SECONDS = 86_400
# How long entries stay that are stored as a segment: whoever joins has read the segments just before.
FORGET_SECONDS = 30.0


@dataclass(slots=True)
class _Entry:
    key: bytes = field(repr=False)
    place: Place
    lines: list[bytes]
    size: int
    # Redis may have it already, so nothing may be added to it.
    is_tried: bool = False


@dataclass(slots=True)
class _Kept:
    """What Redis holds of one session: (first event, segment, size) of each entry, oldest first."""

    entries: deque[tuple[int, int, int]] = field(default_factory=deque)
    size: int = 0
    # The first event that is to stay; all before it, if `is_stale`, are still to be removed.
    keep_from: int = 0
    is_stale: bool = False

    def add(self, entry: _Entry) -> None:
        self.entries.append((entry.place.first, entry.place.segment, entry.size + ENTRY_OVERHEAD))
        self.size += entry.size + ENTRY_OVERHEAD
        if self.size > settings.STREAM_BYTES:
            # Some more than must go, so that a flood does not have Redis trim at every turn.
            while self.size > settings.STREAM_BYTES * TRIM_TO:
                self._drop()

    def forget(self, segment: int) -> None:
        """Drop the entries of segments up to this one."""
        while self.entries and self.entries[0][1] <= segment:
            self._drop()

    def _drop(self) -> None:
        first, _, size = self.entries.popleft()
        self.size -= size
        self.keep_from = first + 1
        self.is_stale = True


class StreamPublisher:
    """One for each process; `start` it on the event loop that publishes. Only `forget` may be called elsewhere."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._writer = RedisWriter(redis, REDIS_SECONDS)
        self._queue: deque[_Entry] = deque()
        self._queued_bytes = 0
        self._work = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._kept: dict[UUID, _Kept] = {}
        self._ended: list[UUID] = []
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        if self._task is None:
            self._loop = asyncio.get_running_loop()
            self._task = self._loop.create_task(self._run(), name="stream-publisher")

    async def stop(self) -> None:
        """Publish what is queued, if Redis takes it at once, and let go."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_FLUSH_SECONDS):
                await self._idle.wait()
        # redis-py may turn a cancellation into a timeout of its own, which the loop takes for Redis being away.
        while self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task], timeout=1)
        self._task = self._loop = None
        await self._writer.close()
        await self._redis.aclose()

    def publish(self, key: bytes, place: Place, lines: bytes) -> None:
        """Queue recorded lines. Never waits; drops them when the queue is full."""
        if self._queued_bytes + len(lines) > MOST_QUEUED_BYTES:
            return
        self._queued_bytes += len(lines)
        last = self._queue[-1] if self._queue else None
        if last is not None and _goes_on(last, place) and last.size + len(lines) <= ENTRY_BYTES:
            last.lines.append(lines)
            last.place = replace(last.place, count=last.place.count + place.count)
            last.size += len(lines)
        else:
            self._queue.append(_Entry(key, place, [lines], len(lines)))
        self._note_work()

    def end(self, session_id: UUID) -> None:
        """Mark the end of a session's stream after what is queued."""
        self._ended.append(session_id)
        self._note_work()

    def forget(self, session_id: UUID, segment: int) -> None:
        """Let go, in FORGET_SECONDS, of the segments up to this one, because they are stored. From any thread."""
        loop = self._loop
        if loop is None:
            return
        # The loop may be closed by now; then the whole stream goes when it expires.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(loop.call_later, FORGET_SECONDS, self._forget, session_id, segment)

    def _forget(self, session_id: UUID, segment: int) -> None:
        kept = self._kept.get(session_id)
        if kept is not None:
            kept.forget(segment)
            self._note_work()

    def _note_work(self) -> None:
        self._idle.clear()
        self._work.set()

    async def _run(self) -> None:
        is_down = False
        while True:
            await self._work.wait()
            await asyncio.sleep(FLUSH_SECONDS)
            self._work.clear()
            try:
                await self._flush()
                is_down = False
                if not self._work.is_set():
                    self._idle.set()
            except (RedisError, OSError) as error:
                if not is_down:
                    log.warning("stream_not_published", error=type(error).__name__)
                is_down = True
                self._work.set()
                await asyncio.sleep(RETRY_SECONDS)

    async def _flush(self) -> None:
        while self._queue:
            # Taken out first: `publish` adds to the last entry that is in the queue.
            batch = [self._queue.popleft() for _ in range(min(32, len(self._queue)))]
            try:
                await self._add(batch)
            except BaseException:
                self._queue.extendleft(reversed(batch))
                raise
            for entry in batch:
                self._queued_bytes -= entry.size
                self._kept.setdefault(entry.place.session_id, _Kept()).add(entry)
        await self._trim()
        await self._finish()

    async def _add(self, batch: list[_Entry]) -> None:
        commands = []
        for entry in batch:
            entry.is_tried = True
            place = entry.place
            fields = encode_entry(entry.key, place, b"".join(entry.lines))
            named = (part for field in fields.items() for part in field)
            commands.append(encode_command("XADD", stream_key(place.session_id), entry_id(place.first), *named))
        # For the stream of a process that dies: nobody else would ever remove it.
        keys = {stream_key(entry.place.session_id) for entry in batch}
        commands += [encode_command("EXPIRE", key, ABANDONED_SECONDS) for key in keys]
        await self._send(commands)

    async def _trim(self) -> None:
        for session_id, kept in list(self._kept.items()):
            if kept.is_stale:
                kept.is_stale = False
                trim = encode_command("XTRIM", stream_key(session_id), "MINID", "=", entry_id(kept.keep_from))
                try:
                    await self._send([trim])
                except BaseException:
                    kept.is_stale = True
                    raise

    async def _finish(self) -> None:
        while self._ended:
            session_id = self._ended[0]
            key = stream_key(session_id)
            await self._send([encode_command("XADD", key, "*", "x", 1), encode_command("EXPIRE", key, EXPIRE_SECONDS)])
            self._kept.pop(session_id, None)
            self._ended.pop(0)

    async def _send(self, commands: Sequence[bytes]) -> None:
        for answer in await self._writer.send(commands):
            if isinstance(answer, ResponseError) and not _is_final(answer):
                raise answer


class SessionStream:
    """Follows one session's tee (bastion.live.tee.Follower) and publishes what was recorded, encrypted with `key`."""

    def __init__(self, publisher: StreamPublisher, session_id: UUID, key: bytes) -> None:
        self._publisher = publisher
        self._session_id = session_id
        self._key = key
        self._next = 0

    def follow(self, segment: int, events: Sequence[Event], lines: bytes) -> None:
        self._publisher.publish(self._key, Place(self._session_id, segment, self._next, len(events)), lines)
        self._next += len(events)

    def end(self) -> None:
        self._publisher.end(self._session_id)


def _is_final(error: ResponseError) -> bool:
    """Return whether trying again is of no use.

    A smaller id than the last: Redis took it, and the connection was lost before it could say so. A wrong type:
    somebody put something else there, which must not hold up the other sessions.
    """
    return any(word in str(error) for word in ("equal or smaller", "WRONGTYPE"))


def _goes_on(last: _Entry, place: Place) -> bool:
    before = last.place
    return (
        not last.is_tried
        and (before.session_id, before.segment) == (place.session_id, place.segment)
        and before.first + before.count == place.first
    )
