"""The way from a session to its person's browser: in order, with a memory for those who come back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

from bastion.live.endings import ATTACHED_ELSEWHERE, CANNOT_RESUME, EndedError, Ending
from bastion.live.wire import MAX_FRAME_BYTES

# Output that a person can be given again after a lost connection: more than the kernel may hold for a browser that does
# not read (bastion/web.py, SEND_BUFFER_BYTES, which Linux doubles).
MEMORY_BYTES = 2**21
# A short message to somebody who does not read is not worth waiting for.
TELL_SECONDS = 1.0

SendBytes = Callable[[bytes], Awaitable[None]]
SendText = Callable[[str], Awaitable[None]]


class Viewer:
    """One attached browser. `close` says how its socket is to be closed; sending raises OSError when it is gone."""

    def __init__(self, send_bytes: SendBytes, send_text: SendText) -> None:
        self.send_bytes = send_bytes
        self.send_text = send_text
        self.ended: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()

    def close(self, ending: Ending) -> None:
        if not self.ended.done():
            self.ended.set_result(ending)


class SlowReaderError(Exception):
    """A viewer left a frame unread for too long."""

    def __init__(self, viewer: Viewer) -> None:
        super().__init__("a browser left output unread for too long")
        self.viewer = viewer


class Outlet:
    """Sends output to the attached viewer and remembers the last of it. Offsets count bytes since the session began."""

    def __init__(self, slow_reader_limit: float) -> None:
        self._slow_reader_limit = slow_reader_limit
        self._memory = bytearray()
        self._end = 0
        self._sent = 0
        self._viewer: Viewer | None = None
        self._latest: Viewer | None = None
        self._sending = asyncio.Lock()

    @property
    def viewer(self) -> Viewer | None:
        return self._viewer

    @property
    def latest(self) -> Viewer | None:
        """Who was attached last, whether still there or gone."""
        return self._latest

    async def attach(self, viewer: Viewer, after: int, greeting: str) -> None:
        """Replace whoever is attached; send `greeting`, and then output from byte `after` on.

        Raises EndedError if that byte is forgotten, or never was.
        """
        self._check(after)
        # At once, not when the lock is free: a viewer that does not read may be holding it.
        self._replace(None)
        async with self._sending:
            self._check(after)
            self._replace(viewer)
            self._sent = after
            await viewer.send_text(greeting)

    def detach(self, viewer: Viewer) -> bool:
        """Forget `viewer`; False if it is not the attached one."""
        if self._viewer is not viewer:
            return False
        self._viewer = None
        return True

    async def show(self, data: bytes) -> None:
        """Send `data` to the viewer, waiting while it does not read; without one, it is only remembered.

        Raises SlowReaderError.
        """
        self._memory += data
        self._end += len(data)
        await self.catch_up()
        if len(self._memory) > 2 * MEMORY_BYTES:
            del self._memory[:-MEMORY_BYTES]

    async def catch_up(self) -> None:
        """Send what the viewer has not got yet. Raises SlowReaderError."""
        async with self._sending:
            while (viewer := self._viewer) and self._sent < self._end:
                begin = len(self._memory) - (self._end - self._sent)
                frame = bytes(self._memory[begin : begin + MAX_FRAME_BYTES])
                self._sent += len(frame)
                await self._send(viewer, frame)

    async def tell(self, text: str) -> None:
        """Send a text frame if somebody is there who reads."""
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(TELL_SECONDS), self._sending:
                if self._viewer is not None:
                    await self._viewer.send_text(text)

    async def _send(self, viewer: Viewer, frame: bytes) -> None:
        """Send one frame, or give up as soon as the viewer is closed."""
        if viewer.ended.done():
            return
        # No task of its own for a frame, and nothing to wait for where the socket takes it: a key feels both.
        patience = asyncio.timeout(self._slow_reader_limit)
        give_up = partial(_end_now, patience)
        try:
            async with patience:
                viewer.ended.add_done_callback(give_up)
                await viewer.send_bytes(frame)
        except TimeoutError:
            if not viewer.ended.done():
                raise SlowReaderError(viewer) from None
        except OSError:
            # The browser is gone; its socket's own task says so, too.
            self.detach(viewer)
        finally:
            viewer.ended.remove_done_callback(give_up)

    def _replace(self, viewer: Viewer | None) -> None:
        if self._viewer is not None:
            self._viewer.close(ATTACHED_ELSEWHERE)
        self._viewer = viewer
        self._latest = viewer or self._latest

    def _check(self, after: int) -> None:
        if not self._end - len(self._memory) <= after <= self._end:
            raise EndedError(CANNOT_RESUME)


def _end_now(patience: asyncio.Timeout, _: asyncio.Future[Ending]) -> None:
    # It may have ended by itself in this very turn of the loop.
    with suppress(RuntimeError):
        patience.reschedule(0)
