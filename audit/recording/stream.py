"""The live copy of running sessions in Redis streams: for those who watch, and never needed by those who type.

Key `bastion:stream:<session id>`; an entry holds `s` segment number, `n` number of the first event in it (from 0), `c`
how many there are, `d` their asciicast lines. The last entry has `x` alone. Publishing is best effort: what does not
fit the queue while Redis is away is missing, and the numbers show it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from redis.asyncio import Redis
from redis.exceptions import RedisError

from audit.events import Event

log = structlog.get_logger(__name__)

# Of one process, while Redis is slow or away.
MOST_QUEUED_BYTES = 8 * 2**20
ENTRY_BYTES = 65536
# Entries that one read gives at most.
READ_ENTRIES = 64
FLUSH_SECONDS = 0.005
RETRY_SECONDS = 1.0
LAST_FLUSH_SECONDS = 2.0
# How long a stream outlives its session, for those who are still watching it.
EXPIRE_SECONDS = 600
# How long it outlives the last thing that was published to it.
ABANDONED_SECONDS = 86_400


def stream_key(session_id: UUID) -> str:
    return f"bastion:stream:{session_id}"


@dataclass(slots=True)
class _Entry:
    session_id: UUID
    segment: int
    first: int
    count: int
    lines: list[bytes]
    size: int


@dataclass(slots=True)
class _Kept:
    """What Redis holds of one session: ids and sizes, oldest first."""

    entries: deque[tuple[bytes, int]] = field(default_factory=deque)
    size: int = 0


class StreamPublisher:
    """One for each process; `start` it on the event loop that publishes."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._queue: deque[_Entry] = deque()
        self._queued_bytes = 0
        self._work = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._kept: dict[UUID, _Kept] = {}
        self._ended: list[UUID] = []
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="stream-publisher")

    async def stop(self) -> None:
        """Publish what is queued, if Redis takes it at once, and let go."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_FLUSH_SECONDS):
                await self._idle.wait()
        # redis-py may turn a cancellation into a timeout of its own, which the loop takes for Redis being away.
        while self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task], timeout=1)
        self._task = None
        await self._redis.aclose()

    def publish(self, session_id: UUID, segment: int, first: int, count: int, lines: bytes) -> None:
        """Queue recorded lines. Never waits; drops them when the queue is full."""
        if self._queued_bytes + len(lines) > MOST_QUEUED_BYTES:
            return
        self._queued_bytes += len(lines)
        last = self._queue[-1] if self._queue else None
        fits = last is not None and last.session_id == session_id and last.segment == segment
        if last is not None and fits and last.first + last.count == first and last.size + len(lines) <= ENTRY_BYTES:
            last.lines.append(lines)
            last.count += count
            last.size += len(lines)
        else:
            self._queue.append(_Entry(session_id, segment, first, count, [lines], len(lines)))
        self._note_work()

    def end(self, session_id: UUID) -> None:
        """Mark the end of a session's stream after what is queued."""
        self._ended.append(session_id)
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
                ids = await self._add(batch)
            except BaseException:
                self._queue.extendleft(reversed(batch))
                raise
            self._queued_bytes -= sum(entry.size for entry in batch)
            await self._trim(zip(batch, ids, strict=True))
        await self._finish()

    async def _add(self, batch: list[_Entry]) -> list[bytes]:
        async with self._redis.pipeline(transaction=False) as pipe:
            for entry in batch:
                key = stream_key(entry.session_id)
                pipe.xadd(key, {"s": entry.segment, "n": entry.first, "c": entry.count, "d": b"".join(entry.lines)})
            for session_id in {entry.session_id for entry in batch}:
                # For the stream of a process that dies: nobody else would ever remove it.
                pipe.expire(stream_key(session_id), ABANDONED_SECONDS)
            answers: list[bytes] = await pipe.execute()
        return answers[: len(batch)]

    async def _trim(self, added: zip[tuple[_Entry, bytes]]) -> None:
        """Let each session hold STREAM_BYTES at most."""
        too_big: set[UUID] = set()
        for entry, entry_id in added:
            kept = self._kept.setdefault(entry.session_id, _Kept())
            kept.entries.append((entry_id, entry.size))
            kept.size += entry.size
            if kept.size > settings.STREAM_BYTES:
                too_big.add(entry.session_id)
        for session_id in too_big:
            kept = self._kept[session_id]
            while kept.size > settings.STREAM_BYTES:
                kept.size -= kept.entries.popleft()[1]
            if kept.entries:
                oldest = kept.entries[0][0].decode()
                await self._redis.xtrim(stream_key(session_id), minid=oldest, approximate=False)

    async def _finish(self) -> None:
        while self._ended:
            session_id = self._ended[0]
            await self._redis.xadd(stream_key(session_id), {"x": "1"})
            await self._redis.expire(stream_key(session_id), EXPIRE_SECONDS)
            self._kept.pop(session_id, None)
            self._ended.pop(0)


class SessionStream:
    """Follows one session's tee (bastion.live.tee.Follower) and publishes what was recorded."""

    def __init__(self, publisher: StreamPublisher, session_id: UUID) -> None:
        self._publisher = publisher
        self._session_id = session_id
        self._next = 0

    def follow(self, segment: int, events: Sequence[Event], lines: bytes) -> None:
        self._publisher.publish(self._session_id, segment, self._next, len(events), lines)
        self._next += len(events)

    def end(self) -> None:
        self._publisher.end(self._session_id)


@dataclass(frozen=True, slots=True)
class StreamEntry:
    """One entry, read back. `lines` is None for the last one, which marks the session's end."""

    entry_id: bytes
    first: int
    count: int
    lines: bytes | None


class StreamReader:
    """Reads one session's stream from its oldest entry on. Raises RedisError, OSError."""

    def __init__(self, redis: Redis, session_id: UUID) -> None:
        self._redis = redis
        self._key = stream_key(session_id)
        self._after = b"0-0"

    async def read(self, wait_seconds: float) -> list[StreamEntry]:
        """Return the next entries; an empty list if none comes in time."""
        block = max(1, round(wait_seconds * 1000))
        # redis-py types answers for every protocol version at once; here it is version 2 without decoding.
        found: Any = await self._redis.xread({self._key: self._after}, count=READ_ENTRIES, block=block)
        entries = [_entry(entry_id, fields) for _, stream in found or [] for entry_id, fields in stream]
        if entries:
            self._after = entries[-1].entry_id
        return entries


def _entry(entry_id: bytes, fields: dict[bytes, bytes]) -> StreamEntry:
    if b"x" in fields:
        return StreamEntry(entry_id, 0, 0, None)
    return StreamEntry(entry_id, int(fields[b"n"]), int(fields[b"c"]), fields[b"d"])
