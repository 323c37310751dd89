"""A WebSocket client (RFC 6455) lean enough not to be what is measured: see the scenario `client`.

No extensions, no fragmented sending, no doubts about the server: text goes to `on_text`, binary to `on_data`.
"""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

OPEN_SECONDS = 30.0
CLOSE_SECONDS = 5.0
_TEXT, _BINARY, _CLOSE, _PING, _PONG = 1, 2, 8, 9, 10
_FINAL = 0x80
_MASKED = 0x80
_SHORT, _LONG = 126, 127
# A mask of zeros is a mask: the payload goes out as it is.
_MASK = b"\0\0\0\0"


class WebSocket(asyncio.Protocol):
    """One open socket. `on_end` is called once, when nothing more can come, with the close code and reason in words."""

    def __init__(
        self,
        on_data: Callable[[bytes], object],
        on_text: Callable[[str], object],
        on_end: Callable[[str], object],
    ) -> None:
        self._on_data, self._on_text, self._on_end = on_data, on_text, on_end
        self._rest = b""
        self._fragments: list[bytes] = []
        self._first_opcode = 0
        self._why = "connection lost"
        self._opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport | None = None

    async def open(self, url: str, headers: Mapping[str, str] | None = None) -> None:
        """Connect and shake hands. Raises ConnectionError with what the server said instead."""
        parts = urlsplit(url)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            f"GET {parts.path}{'?' + parts.query if parts.query else ''} HTTP/1.1",
            f"Host: {parts.netloc}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {key}",
            *(f"{name}: {value}" for name, value in (headers or {}).items()),
        ]
        address = parts.hostname or "", parts.port or 80
        transport, _ = await asyncio.get_running_loop().create_connection(lambda: self, *address)
        self._transport = transport
        transport.write("\r\n".join([*lines, "", ""]).encode())
        async with asyncio.timeout(OPEN_SECONDS):
            await self._opened

    def send_text(self, text: str) -> None:
        self._send(_TEXT, text.encode())

    def send_bytes(self, data: bytes) -> None:
        self._send(_BINARY, data)

    async def close(self, code: int = 1000) -> None:
        """Say goodbye, and wait for the server to do so, too, for a while."""
        assert self._transport is not None
        if self._ended.done():
            return
        self._send(_CLOSE, code.to_bytes(2, "big"))
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await asyncio.shield(self._ended)
        except TimeoutError:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._rest:
            data, self._rest = self._rest + data, b""
        if not self._opened.done():
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self._rest = data
                return
            if b" 101 " not in data[:20]:
                self._opened.set_exception(ConnectionError(data[:300].decode("latin-1")))
                return
            self._opened.set_result(None)
            data = data[end + 4 :]
        self._rest = data[self._take_frames(data) :]

    def _take_frames(self, data: bytes) -> int:
        """Take every whole frame; return how many bytes they were."""
        at, size = 0, len(data)
        while size - at >= 2:  # noqa: PLR2004 - a frame's shortest head
            length, head = data[at + 1], 2
            if length == _SHORT:
                length, head = int.from_bytes(data[at + 2 : at + 4], "big"), 4
            elif length == _LONG:
                length, head = int.from_bytes(data[at + 2 : at + 10], "big"), 10
            end = at + head + length
            if size - at < head or end > size:
                break
            self._take(data[at], data[at + head : end])
            at = end
        return at

    def _take(self, first: int, payload: bytes) -> None:
        match first:
            case 0x82:
                self._on_data(payload)
            case 0x81:
                self._on_text(payload.decode())
            case 0x88:
                self._why = f"{int.from_bytes(payload[:2], 'big')} {payload[2:].decode()}"
                assert self._transport is not None
                self._transport.close()
            case 0x89:
                self._send(_PONG, payload)
            case 0x8A:
                pass
            case _:
                self._take_fragment(first, payload)

    def _take_fragment(self, first: int, payload: bytes) -> None:
        self._first_opcode = first & 15 or self._first_opcode
        self._fragments.append(payload)
        if first & _FINAL:
            whole, self._fragments = b"".join(self._fragments), []
            if self._first_opcode == _TEXT:
                self._on_text(whole.decode())
            else:
                self._on_data(whole)

    def _send(self, opcode: int, payload: bytes) -> None:
        size = len(payload)
        if size < _SHORT:
            head = bytes([_FINAL | opcode, _MASKED | size])
        elif size < 2**16:
            head = bytes([_FINAL | opcode, _MASKED | _SHORT]) + size.to_bytes(2, "big")
        else:
            head = bytes([_FINAL | opcode, _MASKED | _LONG]) + size.to_bytes(8, "big")
        assert self._transport is not None
        self._transport.write(head + _MASK + payload)

    def connection_lost(self, error: Exception | None) -> None:
        if not self._opened.done():
            self._opened.set_exception(error or ConnectionError("closed while shaking hands"))
        if not self._ended.done():
            self._ended.set_result(None)
            self._on_end(self._why)
