"""The outlet knows whose terminal it was, even where output finds out first that the browser is gone."""

from __future__ import annotations

import asyncio

from bastion.live.outlet import Outlet, Viewer


async def send_text(text: str) -> None:
    assert text == "hello"


async def find_it_closed(data: bytes) -> None:
    raise ConnectionResetError(f"{len(data)} bytes for nobody")


def test_output_that_finds_the_socket_closed_leaves_known_who_was_there() -> None:
    """The close code behind it says whether the person left for good: it must still be theirs to say."""

    async def scenario() -> None:
        outlet = Outlet(slow_reader_limit=5)
        viewer = Viewer(find_it_closed, send_text)
        await outlet.attach(viewer, 0, "hello")

        await outlet.show(b"out\r\n")

        assert outlet.viewer is None
        assert outlet.latest is viewer

    asyncio.run(scenario())


def test_who_was_replaced_is_not_the_latest() -> None:
    async def scenario() -> None:
        outlet = Outlet(slow_reader_limit=5)
        old, new = Viewer(find_it_closed, send_text), Viewer(find_it_closed, send_text)
        await outlet.attach(old, 0, "hello")
        await outlet.attach(new, 0, "hello")

        assert old.ended.done()
        assert outlet.latest is new

    asyncio.run(scenario())
