"""The Redis stream holds every event once, in order and encrypted, and goes away when nobody needs it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import pytest
from pytest_django import Settings
from redis import Redis as SyncRedis
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from audit.asciicast import decode_events, encode_event
from audit.events import Output
from audit.recording import publishing
from audit.recording.key import make_key
from audit.recording.publishing import SessionStream, StreamPublisher
from audit.recording.stream import StreamEntry, StreamReader, delete_stream, entry_id, read_stream, stream_key
from tests.polling import eventually


@asynccontextmanager
async def publishing_to(url: str) -> AsyncIterator[StreamPublisher]:
    publisher = StreamPublisher(Redis.from_url(url))
    publisher.start()
    try:
        yield publisher
    finally:
        await publisher.stop()


def say(stream: SessionStream, text: str, segment: int = 0, t: float = 1.0) -> None:
    event = Output(t, text)
    stream.follow(segment, [event], encode_event(event))


def read(url: str, session_id: UUID, key: bytes) -> list[StreamEntry]:
    with SyncRedis.from_url(url) as redis:
        return read_stream(redis, session_id, key)


def text_of(entries: Sequence[StreamEntry]) -> str:
    lines = b"".join(entry.lines or b"" for entry in entries).splitlines(keepends=True)
    return "".join(event.text for event in decode_events(lines) if isinstance(event, Output))


async def idle(publisher: StreamPublisher) -> None:
    async with asyncio.timeout(10):
        await publisher._idle.wait()


async def test_what_is_published_while_publishing_is_neither_lost_nor_doubled(valkey: str) -> None:
    session_id, key = uuid4(), make_key()
    async with publishing_to(valkey) as publisher:
        stream = SessionStream(publisher, session_id, key)
        for number in range(2000):
            say(stream, f"{number} ", t=number / 1000)
            if number % 7 == 0:
                await asyncio.sleep(0.001)
        stream.end()

    async with Redis.from_url(valkey) as redis:
        reader = StreamReader(redis, session_id, key)
        entries: list[StreamEntry] = []
        while not entries or entries[-1].lines is not None:
            entries += await reader.read(1)
        assert 0 < await redis.ttl(stream_key(session_id)) <= 600

    expected = 0
    for entry in entries[:-1]:
        assert entry.first == expected
        expected += entry.count
    assert text_of(entries) == "".join(f"{number} " for number in range(2000))
    assert read(valkey, session_id, key) == entries[:-1]


async def test_a_session_holds_no_more_than_its_share(valkey: str, settings: Settings) -> None:
    settings.STREAM_BYTES = 200_000
    session_id, key = uuid4(), make_key()
    async with publishing_to(valkey) as publisher:
        stream = SessionStream(publisher, session_id, key)
        for number in range(100):
            say(stream, "x" * 10_000, t=number)
            await asyncio.sleep(0.001)

    entries = read(valkey, session_id, key)
    assert 100_000 < sum(len(entry.lines or b"") for entry in entries) <= 200_000
    assert entries[-1].first + entries[-1].count == 100
    async with Redis.from_url(valkey) as redis:
        assert await redis.ttl(stream_key(session_id)) > 0


async def test_redis_sees_nothing_of_what_was_shown(valkey: str) -> None:
    session_id, key = uuid4(), make_key()
    async with publishing_to(valkey) as publisher:
        say(SessionStream(publisher, session_id, key), "hunter2")
    async with Redis.from_url(valkey) as redis:
        kept = await redis.dump(stream_key(session_id))
        assert kept
        assert b"hunter2" not in kept
    assert text_of(read(valkey, session_id, key)) == "hunter2"


@pytest.mark.parametrize("field", ["s", "n", "c", "d"])
async def test_an_entry_that_was_changed_or_moved_is_left_out(valkey: str, field: str) -> None:
    session_id, key = uuid4(), make_key()
    async with publishing_to(valkey) as publisher:
        stream = SessionStream(publisher, session_id, key)
        say(stream, "first ")
        await idle(publisher)
        say(stream, "second", segment=1)
    with SyncRedis.from_url(valkey) as redis:
        (_, first), (name, second) = redis.xrange(stream_key(session_id))
        redis.delete(stream_key(session_id))
        redis.xadd(stream_key(session_id), first, id="1-0")
        redis.xadd(stream_key(session_id), second | {field.encode(): b"7"}, id=name)
        redis.xadd(stream_key(session_id), {"odd": "entry"}, id="9-0")
    assert text_of(read(valkey, session_id, key)) == "first "
    assert read(valkey, session_id, make_key()) == []
    assert read(valkey, uuid4(), key) == []


async def test_the_entries_of_stored_segments_are_let_go(valkey: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "FORGET_SECONDS", 0.0)
    session_id, key = uuid4(), make_key()
    async with publishing_to(valkey) as publisher:
        stream = SessionStream(publisher, session_id, key)
        for segment in (0, 0, 1, 2):
            say(stream, f"of {segment} ", segment=segment)
            await idle(publisher)
        # From the thread that stores.
        await asyncio.to_thread(publisher.forget, session_id, 1)
        await asyncio.to_thread(eventually, lambda: len(read(valkey, session_id, key)) == 1)
        (left,) = read(valkey, session_id, key)
        assert (left.segment, left.first, left.count) == (2, 3, 1)
        await asyncio.to_thread(publisher.forget, session_id, 2)
        await asyncio.to_thread(eventually, lambda: not read(valkey, session_id, key))
        # The numbers go on.
        say(stream, "of 3", segment=3)
        await asyncio.to_thread(publisher.forget, uuid4(), 1)
    assert [(entry.segment, entry.first) for entry in read(valkey, session_id, key)] == [(3, 4)]
    publisher.forget(session_id, 3)


async def test_who_joins_still_finds_the_segment_that_was_stored_a_moment_ago(valkey: str) -> None:
    session_id, key = uuid4(), make_key()
    async with publishing_to(valkey) as publisher:
        say(SessionStream(publisher, session_id, key), "just stored")
        await idle(publisher)
        publisher.forget(session_id, 0)
        await asyncio.sleep(0.05)
    assert text_of(read(valkey, session_id, key)) == "just stored"


async def test_what_redis_took_without_our_hearing_of_it_is_not_there_twice(
    valkey: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "RETRY_SECONDS", 0.01)
    session_id, key = uuid4(), make_key()
    lost = 0
    async with publishing_to(valkey) as publisher:
        add = publisher._add

        async def add_and_lose_the_answer(batch: list[publishing._Entry]) -> None:
            nonlocal lost
            await add(batch)
            if lost % 2 == 0:
                lost += 1
                raise RedisConnectionError("lost")

        monkeypatch.setattr(publisher, "_add", add_and_lose_the_answer)
        stream = SessionStream(publisher, session_id, key)
        for number in range(20):
            lost += lost % 2
            say(stream, f"{number} ")
            await asyncio.sleep(0.002)
        await idle(publisher)
    entries = read(valkey, session_id, key)
    assert lost > 1
    assert text_of(entries) == "".join(f"{number} " for number in range(20))
    assert sum(entry.count for entry in entries) == 20


async def test_one_stream_that_cannot_be_written_does_not_hold_up_the_others(valkey: str) -> None:
    broken, well, key = uuid4(), uuid4(), make_key()
    with SyncRedis.from_url(valkey) as redis:
        redis.set(stream_key(broken), "not a stream")
    async with publishing_to(valkey) as publisher:
        say(SessionStream(publisher, broken, key), "x")
        say(SessionStream(publisher, well, key), "shown")
        await idle(publisher)
    assert text_of(read(valkey, well, key)) == "shown"


async def test_what_is_missing_shows_in_the_numbers(valkey: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "MOST_QUEUED_BYTES", 1000)
    session_id, key = uuid4(), make_key()
    async with publishing_to(valkey) as publisher:
        stream = SessionStream(publisher, session_id, key)
        say(stream, "before")
        say(stream, "x" * 2000)
        say(stream, "after", segment=1)
    first, second = read(valkey, session_id, key)
    assert (first.first + first.count, second.first, second.segment) == (1, 2, 1)


async def test_a_stream_can_be_removed(valkey: str) -> None:
    session_id, key = uuid4(), make_key()
    async with publishing_to(valkey) as publisher:
        say(SessionStream(publisher, session_id, key), "x")
    with SyncRedis.from_url(valkey) as redis:
        delete_stream(redis, session_id)
        assert redis.exists(stream_key(session_id)) == 0


def test_ids_of_entries_are_numbers_of_events() -> None:
    assert entry_id(0) == "1-0"
