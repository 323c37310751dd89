"""Many who watch one session share one reader of its stream: each is given everything once, none holds up another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from pytest_django import Settings
from redis import Redis as SyncRedis
from redis.asyncio import Redis
from redis.exceptions import RedisError

from audit.asciicast import encode_event
from audit.events import Output
from audit.recording.key import make_key
from audit.recording.publishing import SessionStream, StreamPublisher
from audit.recording.stream import StreamEntry
from bastion.live import stream_feed
from bastion.live.stream_feed import CutOffError, StreamFeeds, Subscription


@pytest.fixture
async def publisher(valkey: str, settings: Settings) -> AsyncIterator[StreamPublisher]:
    settings.REDIS_URL = valkey
    made = StreamPublisher(Redis.from_url(valkey, protocol=2))
    made.start()
    yield made
    await made.stop()


def say(stream: SessionStream, text: str) -> None:
    event = Output(1.0, text)
    stream.follow(0, [event], encode_event(event))


async def read_until(subscription: Subscription, last: str) -> str:
    text, entries = "", list[StreamEntry]()
    async with asyncio.timeout(20):
        while last not in text:
            entries += await subscription.read(1)
            text = "".join(event.text for entry in entries for event in entry.events if isinstance(event, Output))
    return text


async def test_everybody_is_given_everything_once_over_one_connection(publisher: StreamPublisher, valkey: str) -> None:
    session_id, key, feeds = uuid4(), make_key(), StreamFeeds()
    stream = SessionStream(publisher, session_id, key)
    say(stream, "before ")
    await publisher._idle.wait()
    with SyncRedis.from_url(valkey) as redis:
        before = len(redis.client_list())

        async def watch() -> str:
            async with feeds.subscribe(session_id, key) as subscription:
                begun.release()
                return await read_until(subscription, "end")

        begun = asyncio.Semaphore(0)
        watching = [asyncio.ensure_future(watch()) for _ in range(20)]
        for _ in watching:
            await begun.acquire()
        assert len(redis.client_list()) == before + 1
        expected = ""
        for number in range(200):
            say(stream, f"{number} ")
            expected += f"{number} "
            await asyncio.sleep(0.001)
        say(stream, "end")
        assert set(await asyncio.gather(*watching)) == {expected + "end"}

    assert feeds._feeds == {}


async def test_who_does_not_read_is_cut_off_and_holds_up_nobody(
    publisher: StreamPublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_feed, "MOST_WAITING", 3)
    session_id, key, feeds = uuid4(), make_key(), StreamFeeds()
    stream = SessionStream(publisher, session_id, key)
    async with feeds.subscribe(session_id, key) as slow, feeds.subscribe(session_id, key) as quick:
        text = ""
        for number in range(10):
            say(stream, f"{number} ")
            text += await read_until(quick, f"{number} ")
        assert text == "".join(f"{number} " for number in range(10))
        with pytest.raises(CutOffError):
            await slow.read(1)


async def test_a_redis_that_is_away_is_told_to_everybody(settings: Settings, publisher: StreamPublisher) -> None:
    settings.REDIS_URL = "unix:///nowhere/at-all.sock"
    feeds = StreamFeeds()

    async def watch() -> None:
        async with feeds.subscribe(uuid4(), make_key()):
            raise AssertionError("there is nothing to subscribe to")

    answers = await asyncio.gather(*(watch() for _ in range(3)), return_exceptions=True)
    assert all(isinstance(answer, RedisError | OSError) for answer in answers)
    assert feeds._feeds == {}
