"""Redis' wire protocol, version 2, as much of it as writing needs.

Specification: https://redis.io/docs/latest/develop/reference/protocol-spec/
"""

from __future__ import annotations

from collections.abc import Iterator

from redis.exceptions import InvalidResponse, ResponseError

Answer = int | bytes | ResponseError | None
# An answer to a write is an id or a number. More than this is no Redis.
LONGEST_ANSWER = 65536


def encode_command(*parts: bytes | str | int) -> bytes:
    """Return a command as an array of bulk strings."""
    encoded = [part if isinstance(part, bytes) else str(part).encode() for part in parts]
    pieces = [b"*%d\r\n" % len(encoded)]
    for part in encoded:
        pieces += (b"$%d\r\n" % len(part), part, b"\r\n")
    return b"".join(pieces)


class AnswerReader:
    """Cuts what Redis sends into answers, wherever the network cut it. No write answers with an array: none is read."""

    def __init__(self) -> None:
        self._unread = b""

    def feed(self, data: bytes) -> Iterator[Answer]:
        """Yield the answers that are complete. Raises InvalidResponse for what is none."""
        self._unread += data
        while (found := _cut(self._unread)) is not None:
            answer, end = found
            self._unread = self._unread[end:]
            yield answer
        if len(self._unread) > LONGEST_ANSWER:
            raise InvalidResponse("an answer is longer than any to a write")


def _cut(data: bytes) -> tuple[Answer, int] | None:
    """Return the first answer and where it ends, None if it is not complete. Raises InvalidResponse."""
    end = data.find(b"\r\n")
    if end < 0:
        return None
    kind, line, begin = data[:1], data[1:end], end + 2
    try:
        if kind == b"+":
            return line, begin
        if kind == b"-":
            return ResponseError(line.decode("utf-8", "replace")), begin
        if kind == b":":
            return int(line), begin
        if kind == b"$":
            length = int(line)
            if length < 0:
                return None, begin
            end = begin + length
            return (data[begin:end], end + 2) if len(data) >= end + 2 else None
    except ValueError as error:
        raise InvalidResponse("an answer has a length that is no number") from error
    raise InvalidResponse(f"an answer begins with {kind!r}")
