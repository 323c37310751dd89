"""The Redis stream holds every event once and in order, and goes away when nobody needs it."""

from __future__ import annotations

import asyncio
from uuid import uuid4

from pytest_django import Settings
from redis.asyncio import Redis

from audit.asciicast import decode_events, encode_event
from audit.events import Output
from audit.recording.stream import SessionStream, StreamEntry, StreamPublisher, StreamReader, stream_key


async def test_what_is_published_while_publishing_is_neither_lost_nor_doubled(valkey: str) -> None:
    publisher = StreamPublisher(Redis.from_url(valkey))
    publisher.start()
    session_id = uuid4()
    stream = SessionStream(publisher, session_id)
    for number in range(2000):
        event = Output(number / 1000, f"{number} ")
        stream.follow(0, [event], encode_event(event))
        if number % 7 == 0:
            await asyncio.sleep(0.001)
    stream.end()
    await publisher.stop()

    async with Redis.from_url(valkey) as redis:
        reader = StreamReader(redis, session_id)
        entries: list[StreamEntry] = []
        while not entries or entries[-1].lines is not None:
            entries += await reader.read(1)
        assert 0 < await redis.ttl(stream_key(session_id)) <= 600

    shown = ""
    expected = 0
    for entry in entries[:-1]:
        assert entry.first == expected
        expected += entry.count
        assert entry.lines is not None
        shown += "".join(
            event.text for event in decode_events(entry.lines.splitlines(True)) if isinstance(event, Output)
        )
    assert shown == "".join(f"{number} " for number in range(2000))


async def test_a_session_holds_no_more_than_its_share(valkey: str, settings: Settings) -> None:
    settings.STREAM_BYTES = 200_000
    publisher = StreamPublisher(Redis.from_url(valkey))
    publisher.start()
    session_id = uuid4()
    stream = SessionStream(publisher, session_id)
    for number in range(100):
        event = Output(number, "x" * 10_000)
        stream.follow(0, [event], encode_event(event))
        await asyncio.sleep(0.001)
    await publisher.stop()

    async with Redis.from_url(valkey) as redis:
        entries = await StreamReader(redis, session_id).read(1)
        assert sum(len(entry.lines or b"") for entry in entries) <= 200_000
        assert entries[-1].first + entries[-1].count == 100
        assert await redis.ttl(stream_key(session_id)) > 0
