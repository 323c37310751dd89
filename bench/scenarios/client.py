"""How fast the benchmark's own client is, against a server that does nothing: what it cannot be blamed for.

Rows that come near to these would measure the client.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time

from bench.clients import Session
from bench.figures import PRODUCT, Figure
from bench.in_product import ROOT
from bench.measuring import EchoRounds, press_keys
from bench.processes import await_listening, end
from bench.surroundings import Surroundings
from bench.websocket import WebSocket
from tests.sshd import free_port

FRAMES = 20_000
# What terminals send is in pieces of about this size: a pty is read in blocks of 4 KiB.
FRAME_BYTES = 4096


class BareSession(Session):
    """The client, with nothing around it."""

    def __init__(self) -> None:
        super().__init__()
        self.socket = WebSocket(self.took, str, self.ended)

    def write(self, data: bytes) -> None:
        self.socket.send_bytes(data)

    async def close(self) -> None:
        await self.socket.close()


async def run(surroundings: Surroundings) -> list[Figure]:
    port = free_port()
    server = await asyncio.to_thread(_start_server, port)
    try:
        session = BareSession()
        await session.socket.open(f"ws://127.0.0.1:{port}/")
        rates, echo = [], EchoRounds("limit of the client: echo")
        for _ in range(surroundings.sizes.rounds):
            began = time.perf_counter()
            session.write(b"!" + FRAMES.to_bytes(4, "big") + FRAME_BYTES.to_bytes(4, "big"))
            size = await session.read_until(b"end")
            rates.append(size / (time.perf_counter() - began) / 1e6)
            echo.add(PRODUCT, (await press_keys({PRODUCT: session}, surroundings.sizes.keys))[PRODUCT])
        await session.close()
    finally:
        end(server)
    note = "no product: the client, and a server that does nothing"
    return [
        Figure(f"limit of the client: frames of {FRAME_BYTES} bytes", "MB/s", {PRODUCT: rates}, note=note),
        *echo.figures({}, note),
    ]


def _start_server(port: int) -> subprocess.Popen[bytes]:
    server = subprocess.Popen([sys.executable, "-m", "bench.bare_server", str(port)], cwd=ROOT)
    await_listening(server, port, "the bare server")
    return server
