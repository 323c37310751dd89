"""A WebSocket server that does nothing but send: `python -m bench.bare_server PORT`. For the scenario `client`.

A message that begins with "!" asks for frames: their number and size, four bytes each. Any other comes back.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import sys
from typing import cast

import uvloop

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_FRAMES_AT_ONCE = 64


class Bare(asyncio.Protocol):
    """One client, which masks with zeros and sends each message in one piece, as bench/websocket.py does."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._is_open = False
        self._may_write = asyncio.Event()
        self._may_write.set()
        self._sending: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have no base class in common with asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def pause_writing(self) -> None:
        self._may_write.clear()

    def resume_writing(self) -> None:
        self._may_write.set()

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        if not self._is_open:
            self._is_open = True
            key = data.split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0]
            accept = base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())
            head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            self._transport.write(head + b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
        elif data[0] & 15 == 8:  # noqa: PLR2004 - RFC 6455: close
            self._transport.close()
        else:
            self._answer(data[6:])

    def _answer(self, message: bytes) -> None:
        assert self._transport is not None
        if message[:1] == b"!":
            count, size = int.from_bytes(message[1:5], "big"), int.from_bytes(message[5:9], "big")
            self._sending = asyncio.ensure_future(self._flood(count, size))
        else:
            self._transport.write(bytes([0x82, len(message)]) + message)

    async def _flood(self, count: int, size: int) -> None:
        assert self._transport is not None
        frame = b"\x82\x7e" + size.to_bytes(2, "big") + bytes(size)
        for _ in range(count // _FRAMES_AT_ONCE):
            await self._may_write.wait()
            self._transport.write(frame * _FRAMES_AT_ONCE)
            await asyncio.sleep(0)
        self._transport.write(b"\x82\x03end")


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Bare, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
