"""What somebody who watches a session sees: ALiS frames on a screen, as the player has it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from audit.indexing.screen import Screen


class Watcher:
    """`screen` is what is seen, `resets` how often it began again, `ended` whether the end was said."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.screen = Screen(80, 24)
        self.resets = 0
        self.ended = False
        self.output = ""
        assert socket.recv(10) == b"ALiS\x01"

    def look(self, seconds: float = 0.2) -> None:
        """Take every frame that comes within `seconds` of the one before."""
        while not self.ended:
            try:
                frame = self.socket.recv(seconds)
            except (TimeoutError, ConnectionClosed):
                return
            assert isinstance(frame, bytes)
            self._take(frame)

    def wait_for(self, text: str, timeout: float = 30) -> None:
        deadline = time.monotonic() + timeout
        while text not in self.text:
            assert time.monotonic() < deadline, f"{text!r} was not seen in {timeout} s, but {self.text[-2000:]!r}"
            self.look()

    @property
    def text(self) -> str:
        return self.screen.dump()

    def _take(self, frame: bytes) -> None:
        kind, rest = frame[:1], frame[1:]
        if kind == b"\x04":
            self.ended = True
            return
        _, rest = _number(rest)
        _, rest = _number(rest)
        match kind:
            case b"\x01":
                cols, rest = _number(rest)
                rows, rest = _number(rest)
                assert rest[:1] == b"\x00"
                self.resets += 1
                self.screen = Screen(cols, rows)
                self.screen.feed(_text(rest[1:]))
            case b"o":
                self.output += _text(rest)
                self.screen.feed(_text(rest))
            case b"r":
                cols, rest = _number(rest)
                rows, rest = _number(rest)
                self.screen.resize(cols, rows)


def _number(data: bytes) -> tuple[int, bytes]:
    value = shift = 0
    for at, byte in enumerate(data):
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, data[at + 1 :]
    raise AssertionError("the number does not end")


def _text(data: bytes) -> str:
    size, rest = _number(data)
    assert len(rest) == size
    return rest.decode()


@contextmanager
def watching(port: int, session_id: UUID, token: str) -> Iterator[Watcher]:
    uri = f"ws://127.0.0.1:{port}/ws/sessions/{session_id}/watch/"
    headers = {"Authorization": f"Bearer {token}"}
    with connect(uri, subprotocols=["v1.alis"], additional_headers=headers, compression=None) as socket:  # type: ignore[list-item]
        yield Watcher(socket)
