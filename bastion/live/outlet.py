"""The way from a session to its person's browser: in order, with a memory for those who come back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from bastion.live.endings import CANNOT_RESUME, EndedError, Ending
from bastion.live.wire import MAX_FRAME_BYTES

# Output that a person can be given again after a lost connection.
MEMORY_BYTES = 2**20

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


class Outlet:
    """Sends output to the attached viewer and remembers the last of it. Offsets count bytes since the session began."""

    def __init__(self, slow_reader_limit: float) -> None:
        self._slow_reader_limit = slow_reader_limit
        self._memory = bytearray()
        self._end = 0
        self._sent = 0
        self._viewer: Viewer | None = None
        self._sending = asyncio.Lock()

    @property
    def end(self) -> int:
        """Number of bytes that were there to show so far."""
        return self._end

    @property
    def viewer(self) -> Viewer | None:
        return self._viewer

    def attach(self, viewer: Viewer, after: int) -> None:
        """Send to `viewer` from byte `after` on. Raises EndedError if that is forgotten, or never was."""
        if not self._end - len(self._memory) <= after <= self._end:
            raise EndedError(CANNOT_RESUME)
        self._viewer, self._sent = viewer, after

    def detach(self, viewer: Viewer) -> bool:
        """Forget `viewer`; False if it is not the attached one."""
        if self._viewer is not viewer:
            return False
        self._viewer = None
        return True

    async def show(self, data: bytes) -> None:
        """Send `data` to the viewer, waiting while it does not read.

        Raises TimeoutError when it leaves a frame unread for the slow reader's limit. Without a viewer, it is only
        remembered.
        """
        self._memory += data
        self._end += len(data)
        await self.catch_up()
        if len(self._memory) > 2 * MEMORY_BYTES:
            del self._memory[:-MEMORY_BYTES]

    async def catch_up(self) -> None:
        """Send what the viewer has not got yet. Raises TimeoutError, see `show`."""
        async with self._sending:
            while (viewer := self._viewer) and self._sent < self._end:
                begin = len(self._memory) - (self._end - self._sent)
                frame = bytes(self._memory[begin : begin + MAX_FRAME_BYTES])
                self._sent += len(frame)
                try:
                    async with asyncio.timeout(self._slow_reader_limit):
                        await viewer.send_bytes(frame)
                except TimeoutError:
                    raise
                except OSError:
                    # The browser is gone; its socket's own task says so, too.
                    self.detach(viewer)

    async def tell(self, text: str) -> None:
        """Send a text frame if somebody is there who reads."""
        viewer = self._viewer
        if viewer is None or self._sending.locked():
            return
        with suppress(OSError):
            async with asyncio.timeout(1):
                await viewer.send_text(text)
