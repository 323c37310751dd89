"""A terminal without a browser: the wire protocol, spoken by the `websockets` client."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect


class Terminal:
    """One socket. `shown` is every byte of output, `messages` every text frame, in order."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.shown = bytearray()
        self.messages: list[dict[str, Any]] = []
        self.close_code: int | None = None
        self.close_reason = ""

    def type(self, text: str) -> None:
        self.socket.send(text.encode())

    def send(self, message: dict[str, Any]) -> None:
        self.socket.send(json.dumps(message))

    def read_one(self, timeout: float = 10) -> bool:
        """Take one frame; False when the socket is closed. Raises TimeoutError."""
        try:
            frame = self.socket.recv(timeout)
        except ConnectionClosed:
            self.close_code, self.close_reason = self.socket.close_code, self.socket.close_reason or ""
            return False
        if isinstance(frame, bytes):
            self.shown += frame
        else:
            self.messages.append(json.loads(frame))
        return True

    def wait_ready(self) -> UUID:
        """Return the session's id. Raises AssertionError with the close code if there is none."""
        while not (ready := [message for message in self.messages if message["type"] == "ready"]):
            assert self.read_one(), f"closed with {self.close_code} {self.close_reason}"
        return UUID(ready[0]["session"])

    def wait_for(self, text: str | bytes, timeout: float = 15) -> bytes:
        """Return everything shown, once `text` is in it."""
        wanted = text.encode() if isinstance(text, str) else text
        deadline = time.monotonic() + timeout
        while wanted not in self.shown:
            left = deadline - time.monotonic()
            assert left > 0, f"{wanted!r} was not shown in {timeout} s, but {bytes(self.shown[-2000:])!r}"
            try:
                assert self.read_one(left), f"closed with {self.close_code} {self.close_reason}"
            except TimeoutError:
                continue
        return bytes(self.shown)

    def wait_closed(self, timeout: float = 15) -> int:
        """Return the close code."""
        deadline = time.monotonic() + timeout
        while self.read_one(max(0.1, deadline - time.monotonic())):
            assert time.monotonic() < deadline, "the socket was not closed in time"
        assert self.close_code is not None
        return self.close_code


@contextmanager
def open_terminal(
    port: int, host_id: UUID, token: str = "", *, query: str = "cols=80&rows=24", headers: dict[str, str] | None = None
) -> Iterator[Terminal]:
    """Open a terminal's socket; websockets.exceptions.InvalidStatus if the handshake is refused."""
    more = dict(headers or {})
    if token:
        more["Authorization"] = f"Bearer {token}"
    uri = f"ws://127.0.0.1:{port}/ws/hosts/{host_id}/terminal/?{query}"
    with connect(uri, additional_headers=more, compression=None, max_size=None, open_timeout=20) as socket:
        yield Terminal(socket)
