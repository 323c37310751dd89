"""A TCP proxy that does to connections what networks do: delay, freeze, cut, reset, and close one half."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random

_CHUNK = 65536
# With this, closing sends RST and forgets what is unsent.
_NO_LINGER = struct.pack("ii", 1, 0)


@dataclass(eq=False)
class Link:
    """One connection: two pipes, and what is done to them."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    delay: float = 0.0
    flows: asyncio.Event = field(default_factory=asyncio.Event)

    def abort(self) -> None:
        for writer in (self.client, self.server):
            writer.transport.abort()

    def reset(self) -> None:
        for writer in (self.client, self.server):
            with suppress(OSError):
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self.abort()

    def close_half(self, *, towards_server: bool) -> None:
        with suppress(OSError, RuntimeError):
            (self.server if towards_server else self.client).write_eof()


class Proxy:
    """Listens on a free loopback port (`port`) and passes everything on to `target_port`."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._links: set[Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server
        self._server.close()
        for link in list(self._links):
            link.abort()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def links(self) -> list[str]:
        """Return in words what is open."""
        return [
            f"{'flows' if link.flows.is_set() else 'frozen'}"
            f" client {'closing' if link.client.is_closing() else link.client.transport.get_write_buffer_size()}"
            f" server {'closing' if link.server.is_closing() else link.server.transport.get_write_buffer_size()}"
            for link in self._links
        ]

    def some(self, dice: Random) -> list[Link]:
        """Return about half of the connections that there are."""
        return [link for link in sorted(self._links, key=id) if dice.random() < 0.5]

    async def hold_up(self, links: list[Link], seconds: float, *, delay: float) -> None:
        """Let nothing pass for a while, or, with a delay, everything that much later."""
        for link in links:
            link.delay = delay
            if not delay:
                link.flows.clear()
        await asyncio.sleep(seconds)
        for link in links:
            link.delay = 0.0
            link.flows.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            writer.transport.abort()
            return
        link = Link(writer, back)
        link.flows.set()
        self._links.add(link)
        pipes = [
            asyncio.ensure_future(self._pipe(link, reader, back)),
            asyncio.ensure_future(self._pipe(link, there, writer)),
        ]
        self._tasks.update(pipes)
        await asyncio.gather(*pipes, return_exceptions=True)
        self._tasks.difference_update(pipes)
        self._links.discard(link)
        link.abort()

    async def _pipe(self, link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(_CHUNK):
                await asyncio.sleep(link.delay)
                await link.flows.wait()
                writer.write(data)
                await writer.drain()
            writer.write_eof()
        except (OSError, RuntimeError):
            link.abort()
