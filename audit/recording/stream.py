"""The live copy of running sessions in Redis streams: for those who watch, and for the recovery of a lost disk.

Key `bastion:stream:<session id>`; an entry holds `s` segment number, `n` number of the first event in it (from 0, all
segments counted), `c` how many there are, `d` their asciicast lines, encrypted with the recording's first key and bound
to these numbers. Its id is `<n+1>-0`, so that Redis refuses an entry that is published again. The last one has `x`
alone. Publishing is best effort: what does not fit the queue while Redis is away is missing, and the numbers show it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

import structlog
from redis import Redis as SyncRedis
from redis.asyncio import Redis

from audit.asciicast import decode_events
from audit.events import Event
from audit.recording.encryption import DecryptionError, decrypt, encrypt

log = structlog.get_logger(__name__)

# Entries that one read gives at most.
READ_ENTRIES = 64


@dataclass(frozen=True)
class StreamEntry:
    """Events `first` to `first + count - 1`, all of one segment. `lines` is None in the last, which marks the end."""

    entry_id: bytes
    segment: int
    first: int
    count: int
    lines: bytes | None

    @cached_property
    def events(self) -> tuple[Event, ...]:
        """What the lines stand for, decoded once however many watch."""
        return tuple(decode_events((self.lines or b"").splitlines(keepends=True)))


@dataclass(frozen=True, slots=True)
class Place:
    """Which events of which session."""

    session_id: UUID
    segment: int
    first: int
    count: int

    @property
    def context(self) -> bytes:
        """What the encrypted lines are bound to."""
        numbers = b"".join(number.to_bytes(8, "big") for number in (self.segment, self.first, self.count))
        return b"bastion-stream-v1\n" + self.session_id.bytes + numbers


def stream_key(session_id: UUID) -> str:
    return f"bastion:stream:{session_id}"


def entry_id(first: int) -> str:
    """Return the id of the entry that begins with event number `first`; 0-0 is none."""
    return f"{first + 1}-0"


def encode_entry(key: bytes, place: Place, lines: bytes) -> dict[str, int | bytes]:
    """Return the fields of an entry."""
    return {"s": place.segment, "n": place.first, "c": place.count, "d": encrypt(key, place.context, lines)}


class StreamReader:
    """Reads one session's stream, from its oldest entry on unless told otherwise. Raises RedisError, OSError.

    Entries that the key does not open are left out, as if they had never come.
    """

    def __init__(self, redis: Redis, session_id: UUID, key: bytes, after: bytes = b"0-0") -> None:
        """Read what follows the entry with the id `after`."""
        self._redis = redis
        self._session_id = session_id
        self._key = key
        self._after = after

    async def read(self, wait_seconds: float) -> list[StreamEntry]:
        """Return the next entries; an empty list if none comes in time."""
        block = max(1, round(wait_seconds * 1000))
        # redis-py types answers for every protocol version at once; here it is version 2 without decoding.
        streams: Any = await self._redis.xread(
            {stream_key(self._session_id): self._after}, count=READ_ENTRIES, block=block
        )
        found = [entry for _, stream in streams or [] for entry in stream]
        if found:
            self._after = found[-1][0]
        return _decoded(self._key, self._session_id, found)


async def last_entry_id(redis: Redis, session_id: UUID) -> bytes:
    """Return the id of the newest entry, 0-0 if there is none. Raises RedisError, OSError."""
    found: Any = await redis.xrevrange(stream_key(session_id), count=1)
    return found[0][0] if found else b"0-0"


def read_stream(redis: SyncRedis, session_id: UUID, key: bytes) -> list[StreamEntry]:
    """Return what the stream of a session holds, in order and without its end mark. Raises RedisError.

    Neighbours are whole where `first + count` of one is `first` of the next; elsewhere events are missing. At most
    about settings.STREAM_BYTES are there.
    """
    entries: list[StreamEntry] = []
    after = "-"
    while True:
        found: Any = redis.xrange(stream_key(session_id), min=after, count=READ_ENTRIES)
        if not found:
            return entries
        entries += [entry for entry in _decoded(key, session_id, found) if entry.lines is not None]
        after = f"({found[-1][0].decode()}"


def delete_stream(redis: SyncRedis, session_id: UUID) -> None:
    """Remove the stream of a session that nobody needs it for any more. Raises RedisError."""
    redis.delete(stream_key(session_id))


def _decoded(key: bytes, session_id: UUID, found: list[tuple[bytes, dict[bytes, bytes]]]) -> list[StreamEntry]:
    entries: list[StreamEntry] = []
    for entry_name, fields in found:
        if b"x" in fields:
            entries.append(StreamEntry(entry_name, 0, 0, 0, None))
            continue
        try:
            place = Place(session_id, int(fields[b"s"]), int(fields[b"n"]), int(fields[b"c"]))
            lines = decrypt(key, place.context, fields[b"d"])
        except (DecryptionError, KeyError, ValueError, OverflowError):
            # Others may write to this Redis: what is not ours is no event.
            log.warning("stream_entry_refused", session=str(session_id), entry=entry_name.decode())
            continue
        entries.append(StreamEntry(entry_name, place.segment, place.first, place.count, lines))
    return entries
