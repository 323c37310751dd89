"""People at terminals who type at random, lose their connection, come back, and remember every byte."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from uuid import UUID

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from tests.faults import target

LEAVING_CODE = 4000
OPEN_SECONDS = 8.0


@dataclass
class Visit:
    """One socket that was attached to a session: what it was shown, which began at byte `offset` of the output."""

    session: UUID
    offset: int
    seen: bytearray = field(default_factory=bytearray)

    @property
    def end(self) -> int:
        return self.offset + len(self.seen)


class Client:
    """Opens one terminal after another until told to stop. `visits` is all that it saw."""

    def __init__(self, name: str, port: int, host_id: UUID, token: str, seed: str) -> None:
        self.name = name
        self.visits: list[Visit] = []
        self.is_attached = False
        self._address = f"ws://127.0.0.1:{port}/ws/hosts/{host_id}/terminal/"
        self._headers = {"Authorization": f"Bearer {token}"}
        self._dice = Random(seed)  # noqa: S311 - has to be repeatable

    async def run(self, is_over: asyncio.Event) -> None:
        last: Visit | None = None
        while not is_over.is_set():
            try:
                last = await self._visit(last, is_over)
            except (OSError, WebSocketException, TimeoutError, EOFError):
                await asyncio.sleep(self._dice.uniform(0.02, 0.3))

    async def _visit(self, last: Visit | None, is_over: asyncio.Event) -> Visit | None:
        """Attach, to the session of `last` if there is one, and stay a while. Return the visit to come back to."""
        query = f"?session={last.session}&after={last.end}" if last else "?cols=80&rows=24"
        socket = await connect(
            self._address + query,
            additional_headers=self._headers,
            compression=None,
            max_size=None,
            open_timeout=OPEN_SECONDS,
            close_timeout=0.2,
            ping_interval=None,
            proxy=None,
        )
        try:
            visit = await self._greet(socket, is_new=last is None)
            if visit is None:
                return None
            self.is_attached = True
            return await self._stay(socket, visit, is_over)
        finally:
            self.is_attached = False
            socket.transport.abort()

    async def _greet(self, socket: ClientConnection, *, is_new: bool) -> Visit | None:
        """Wait to be let in; None if the session cannot be had."""
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                while (message := json.loads(await socket.recv()))["type"] != "ready":
                    pass
        except ConnectionClosed:
            await asyncio.sleep(0.05)
            return None
        visit = Visit(UUID(message["session"]), message["offset"])
        self.visits.append(visit)
        if is_new:
            async with asyncio.timeout(OPEN_SECONDS):
                while target.HELLO not in visit.seen:
                    visit.seen += _output(await socket.recv())
            await socket.send(f"{visit.session}\n".encode())
        return visit

    async def _stay(self, socket: ClientConnection, visit: Visit, is_over: asyncio.Event) -> Visit | None:
        reading = asyncio.ensure_future(self._read(socket, visit))
        typing = asyncio.ensure_future(self._type(socket))
        ending = asyncio.ensure_future(is_over.wait())
        try:
            await asyncio.wait(
                {reading, typing, ending}, timeout=self._dice.uniform(0.3, 6), return_when=asyncio.FIRST_COMPLETED
            )
            is_lost = reading.done() and socket.close_code in {None, 1006, 1012, 1013}
            if is_lost or (not reading.done() and not is_over.is_set() and self._dice.random() < 0.5):
                # A connection that breaks: the person comes back.
                return visit
            if not reading.done():
                await self._leave(socket, reading)
            return None
        finally:
            for task in (reading, typing, ending):
                task.cancel()
            await asyncio.gather(reading, typing, ending, return_exceptions=True)

    async def _leave(self, socket: ClientConnection, reading: asyncio.Future[None]) -> None:
        """Leave for good, by closing the terminal or by ending what runs in it."""
        with suppress(TimeoutError, WebSocketException, OSError):
            async with asyncio.timeout(2):
                if self._dice.random() < 0.5:
                    await socket.send(target.END)
                    await reading
                else:
                    await socket.close(LEAVING_CODE)

    async def _read(self, socket: ClientConnection, visit: Visit) -> None:
        with suppress(WebSocketException, OSError):
            async for frame in socket:
                visit.seen += _output(frame)

    async def _type(self, socket: ClientConnection) -> None:
        dice = self._dice
        while True:
            await asyncio.sleep(dice.uniform(0, 0.15))
            if dice.random() < 0.05:
                await socket.send(json.dumps({"type": "resize", "cols": dice.randint(20, 200), "rows": 30}))
            keys = "".join(dice.choices("abcdefgh \r中", k=dice.randint(1, 8) if dice.random() < 0.9 else 500))
            await socket.send(keys.encode())


def _output(frame: str | bytes) -> bytes:
    """Return what a frame says of the host's output."""
    return frame if isinstance(frame, bytes) else b""
