"""Terminals that are measured, each through its own protocol: plain `ssh -tt`, webssh, and the product.

All three hand bytes over in the same way, straight from the event loop, so that what differs is what they speak to.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import cast
from urllib.parse import urlencode, urlsplit

from bastion.live.endings import LEAVING_CODE
from bench.websocket import WebSocket

# What the shell of the benchmark's host prints (bench/surroundings.py).
PROMPT = b"READY> "
PROMPT_SECONDS = 60.0


class Session:
    """One open terminal. What it shows is kept until it is read, or only counted after `discard`."""

    def __init__(self) -> None:
        self.received = 0
        # Why it ended, as far as the other side said so.
        self.why = ""
        self._parts: list[bytes] = []
        self._kept = b""
        self._is_discarding = False
        self.has_ended = False
        self._waiter: asyncio.Future[None] | None = None

    def write(self, data: bytes) -> None:
        """Type."""
        raise NotImplementedError

    async def close(self) -> None:
        """Leave for good."""
        raise NotImplementedError

    async def read(self) -> bytes:
        """Return everything that came since the last time, at least a byte. Raises EOFError at the end."""
        if self._kept:
            kept, self._kept = self._kept, b""
            return kept
        if not self._parts:
            if self.has_ended:
                raise EOFError("the terminal has ended")
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
            if not self._parts:
                raise EOFError("the terminal has ended")
        parts, self._parts = self._parts, []
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def read_until(self, marker: bytes, seconds: float = PROMPT_SECONDS) -> int:
        """Read up to `marker` and return how many bytes that were. What follows is kept. Raises TimeoutError."""
        count, tail = 0, b""
        async with asyncio.timeout(seconds):
            while True:
                data = await self.read()
                seen = tail + data
                if (at := seen.find(marker)) >= 0:
                    end = at + len(marker)
                    self._kept = seen[end:]
                    return count + end - len(tail)
                count += len(data)
                tail = seen[-len(marker) :]

    async def drain(self, seconds: float) -> None:
        """Forget what comes until nothing has come for so long."""
        try:
            while True:
                async with asyncio.timeout(seconds):
                    await self.read()
        except TimeoutError:
            return

    def discard(self) -> None:
        """Count what comes from now on, and keep nothing of it."""
        self._is_discarding = True
        self._parts.clear()

    def took(self, data: bytes) -> None:
        self.received += len(data)
        if self._is_discarding:
            return
        self._parts.append(data)
        self._wake()

    def ended(self, why: str) -> None:
        self.has_ended, self.why = True, why
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class SshSession(Session, asyncio.SubprocessProtocol):
    """`ssh -tt` on pipes: a terminal at the far end, and none at this one that would slow it down."""

    def __init__(self) -> None:
        super().__init__()
        self.pid = 0
        self._transport: asyncio.SubprocessTransport | None = None
        self._stdin: asyncio.WriteTransport | None = None
        self._exited: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @classmethod
    async def start(cls, command: Sequence[str]) -> SshSession:
        loop = asyncio.get_running_loop()
        transport, session = await loop.subprocess_exec(cls, *command, stderr=asyncio.subprocess.DEVNULL)
        session._transport = transport
        # uvloop's transports have no base class in common with asyncio's.
        session._stdin = cast("asyncio.WriteTransport", transport.get_pipe_transport(0))
        session.pid = transport.get_pid() or 0
        return session

    def write(self, data: bytes) -> None:
        assert self._stdin is not None
        self._stdin.write(data)

    async def close(self) -> None:
        assert self._transport is not None
        if not self._exited.done():
            self._transport.kill()
            await self._exited
        self._transport.close()

    def pipe_data_received(self, _descriptor: int, data: bytes) -> None:
        self.took(data)

    def process_exited(self) -> None:
        assert self._transport is not None
        self.ended(f"status {self._transport.get_returncode()}")
        if not self._exited.done():
            self._exited.set_result(None)


class WebsshSession(Session):
    """webssh: log in by a form, then JSON one way and binary frames the other."""

    def __init__(self) -> None:
        super().__init__()
        self._socket = WebSocket(on_data=self.took, on_text=self._on_text, on_end=self.ended)

    @classmethod
    async def start(cls, url: str, form: dict[str, str]) -> WebsshSession:
        """Raises ConnectionError with what webssh said."""
        answer = json.loads(await _post(url, form))
        if not answer.get("id"):
            raise ConnectionError(f"webssh: {answer}")
        session = cls()
        await session._socket.open(f"{url.replace('http', 'ws', 1)}/ws?id={answer['id']}")
        return session

    def write(self, data: bytes) -> None:
        self._socket.send_text(json.dumps({"data": data.decode()}))

    async def close(self) -> None:
        await self._socket.close()

    def _on_text(self, text: str) -> None:
        self.took(text.encode())


class ProductSession(Session):
    """The product's terminal socket: bytes both ways, and text frames about the session."""

    def __init__(self) -> None:
        super().__init__()
        self.id = ""
        self._socket = WebSocket(on_data=self.took, on_text=self._on_text, on_end=self.ended)

    @classmethod
    async def start(cls, url: str, host: str, token: str) -> ProductSession:
        session = cls()
        address = f"{url.replace('http', 'ws', 1)}/ws/hosts/{host}/terminal/?cols=80&rows=24"
        await session._socket.open(address, {"Authorization": f"Bearer {token}"})
        return session

    def write(self, data: bytes) -> None:
        self._socket.send_bytes(data)

    async def close(self) -> None:
        await self._socket.close(LEAVING_CODE)

    def _on_text(self, text: str) -> None:
        message = json.loads(text)
        if message["type"] == "ready":
            self.id = message["session"]


async def _post(url: str, form: dict[str, str]) -> bytes:
    """Return the body that a POST of `form` to `url` gives."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    body = urlencode(form).encode()
    head = (
        f"POST / HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    answer = await reader.read()
    writer.close()
    return answer.partition(b"\r\n\r\n")[2]
