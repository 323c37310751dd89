"""Listening, over the channel layer, to those who want a session to look at the database now (audit/control.py)."""

from __future__ import annotations

import asyncio

import structlog
from channels.layers import get_channel_layer
from redis.exceptions import RedisError

from audit.control import CONTROL_GROUP
from bastion.live.watchdog import Watchdog

log = structlog.get_logger(__name__)

RETRY_SECONDS = 1.0
# Membership in a group expires; it is renewed well before.
RENEW_SECONDS = 3600.0


async def listen(watchdog: Watchdog) -> None:
    """Wake sessions for as long as the process runs; while Redis is away, try again every second."""
    is_down = False
    while True:
        try:
            await _listen_once(watchdog)
            is_down = False
        except (RedisError, OSError) as error:
            if not is_down:
                log.warning("control_not_heard", error=type(error).__name__)
            is_down = True
            await asyncio.sleep(RETRY_SECONDS)


async def _listen_once(watchdog: Watchdog) -> None:
    layer = get_channel_layer()
    if layer is None:
        raise OSError("no channel layer is configured")
    channel = await layer.new_channel()
    await layer.group_add(CONTROL_GROUP, channel)
    # What happened while nobody listened is in the database.
    watchdog.wake(None)
    try:
        async with asyncio.timeout(RENEW_SECONDS):
            while True:
                message = await layer.receive(channel)
                watchdog.wake(message.get("session"))
    except TimeoutError:
        return
    finally:
        await layer.group_discard(CONTROL_GROUP, channel)
