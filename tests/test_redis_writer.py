"""Commands to Redis over a connection of our own: what is sent arrives, and every answer is its own command's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis as SyncRedis
from redis.asyncio import Redis
from redis.exceptions import InvalidResponse, ResponseError

from audit.recording.redis_writer import RedisWriter
from audit.recording.resp import Answer, AnswerReader, encode_command

KEY = "tests:redis-writer"


@pytest.fixture
async def writer(valkey: str) -> AsyncIterator[RedisWriter]:
    async with Redis.from_url(valkey, protocol=2) as redis:
        await redis.delete(KEY)
        made = RedisWriter(redis, 5)
        yield made
        await made.close()


async def test_each_command_gets_its_own_answer(writer: RedisWriter, valkey: str) -> None:
    commands = [
        encode_command("XADD", KEY, "7-0", "d", bytes(range(256)) * 1000, "n", 12),
        encode_command("EXPIRE", KEY, 60),
        encode_command("XADD", KEY, "7-0", "d", "again"),
        encode_command("XTRIM", KEY, "MINID", "=", "8-0"),
    ]
    added, expires, refused, trimmed = await writer.send(commands)
    assert (added, expires, trimmed) == (b"7-0", 1, 1)
    assert isinstance(refused, ResponseError)
    assert "equal or smaller" in str(refused)


async def test_what_is_sent_is_stored_byte_for_byte(writer: RedisWriter, valkey: str) -> None:
    data = b"\r\n$5\r\n\x00\xff" * 50_000
    await writer.send([encode_command("SET", KEY, data)])
    with SyncRedis.from_url(valkey) as redis:
        assert redis.get(KEY) == data


async def test_a_lost_connection_is_an_error_once(writer: RedisWriter, valkey: str) -> None:
    await writer.send([encode_command("CLIENT", "SETNAME", "lost")])
    with SyncRedis.from_url(valkey) as redis:
        for client in redis.client_list():
            if client["name"] == "lost":
                redis.client_kill_filter(_id=client["id"])
    with pytest.raises(ConnectionError):
        await writer.send([encode_command("SET", KEY, 1)])
    assert await writer.send([encode_command("SET", KEY, 1)]) == [b"OK"]


async def test_a_redis_that_does_not_answer_in_time_is_an_error_and_its_late_answer_is_nobodys(
    valkey: str,
) -> None:
    async with Redis.from_url(valkey, protocol=2) as redis:
        writer = RedisWriter(redis, 1)
        with pytest.raises(TimeoutError):
            await writer.send([encode_command("BLPOP", f"{KEY}:nothing", 3)])
        assert await writer.send([encode_command("SET", KEY, 1), encode_command("DEL", KEY)]) == [b"OK", 1]
        await writer.close()


async def test_giving_up_leaves_no_half_read_answer(writer: RedisWriter) -> None:
    waiting = asyncio.ensure_future(writer.send([encode_command("BLPOP", f"{KEY}:nothing", 1)]))
    await asyncio.sleep(0.05)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert await writer.send([encode_command("INCRBY", f"{KEY}:n", 0)]) == [0]


_answers = st.one_of(st.integers(-(2**63), 2**63 - 1), st.binary(max_size=50), st.none())


def _encoded(answer: Answer) -> bytes:
    match answer:
        case int():
            return b":%d\r\n" % answer
        case bytes():
            return b"$%d\r\n%b\r\n" % (len(answer), answer)
        case _:
            return b"$-1\r\n"


@given(st.lists(_answers, max_size=8), st.lists(st.integers(1, 20)))
def test_answers_are_the_same_wherever_the_network_cuts_them(answers: list[Answer], cuts: list[int]) -> None:
    sent = b"".join(map(_encoded, answers))
    reader = AnswerReader()
    found: list[Answer] = []
    for size in [*cuts, len(sent)]:
        found += reader.feed(sent[:size])
        sent = sent[size:]
    assert found == answers


@pytest.mark.parametrize("sent", [b"*1\r\n", b"$x\r\n", b"?\r\n", b":one\r\n", b"$99999\r\n" + bytes(70_000)])
def test_what_is_no_answer_is_refused(sent: bytes) -> None:
    with pytest.raises(InvalidResponse):
        list(AnswerReader().feed(sent))
