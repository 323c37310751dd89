"""Watches one session many times, and says when each character came: `python -m bench.viewers URL SESSION TOKEN COUNT`.

A process of its own, so that whoever types is measured apart. Prints "ready" once every viewer has its first screen;
after a line "begin" on standard input it says "begun" and notes when characters come, by the system's monotonic clock;
at "report" it prints a JSON list for each viewer.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import uvloop

from audit.alis import MAGIC, SUBPROTOCOL
from bench.websocket import WebSocket

START_SECONDS = 60.0


class Viewer:
    """One watch socket. `times` is when each character of output came."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.has_begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.socket = WebSocket(self._on_frame, str, self._on_end)

    def _on_frame(self, frame: bytes) -> None:
        now = time.perf_counter()
        match frame[:1]:
            case b"o":
                _, rest = _number(frame[1:])
                _, rest = _number(rest)
                _, text = _number(rest)
                self.times.extend([now] * len(text.decode()))
            case b"\x01":
                if self.has_begun.done():
                    raise RuntimeError("a viewer had to begin again: its stream had a hole")
                self.has_begun.set_result(None)
            case _:
                assert frame == MAGIC or frame[:1] in {b"r", b"m", b"x", b"\x04"}, frame

    def _on_end(self, why: str) -> None:
        if not self.has_begun.done():
            self.has_begun.set_exception(ConnectionError(f"a viewer was closed: {why}"))


def _number(data: bytes) -> tuple[int, bytes]:
    """Split an unsigned LEB128 number off."""
    value = shift = at = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 0x80:  # noqa: PLR2004 - LEB128: the bit that says that another byte follows
            return value, data[at:]


async def main(url: str, session: str, token: str, count: int) -> None:
    address = f"{url.replace('http', 'ws', 1)}/ws/sessions/{session}/watch/"
    headers = {"Authorization": f"Bearer {token}", "Sec-WebSocket-Protocol": SUBPROTOCOL}
    viewers = [Viewer() for _ in range(count)]
    for viewer in viewers:
        await viewer.socket.open(address, headers)
    async with asyncio.timeout(START_SECONDS):
        await asyncio.gather(*(viewer.has_begun for viewer in viewers))
    say("ready")
    loop = asyncio.get_running_loop()
    while order := (await loop.run_in_executor(None, sys.stdin.readline)).strip():
        if order == "begin":
            for viewer in viewers:
                viewer.times.clear()
            say("begun")
        else:
            say(json.dumps([viewer.times for viewer in viewers]))
    await asyncio.gather(*(viewer.socket.close() for viewer in viewers))


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - a command


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
