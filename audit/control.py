"""Telling the processes that run sessions to look at the database now. Best effort: they do so by themselves, too."""

from __future__ import annotations

import asyncio
from uuid import UUID

import structlog
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)

# Every process that runs sessions listens to this group.
CONTROL_GROUP = "bastion.control"
SEND_SECONDS = 1.0


def wake_sessions(session_id: UUID | None = None) -> None:
    """Have one running session, or all, check now whether it may go on. Never raises, and never waits long."""
    try:
        async_to_sync(_send)({"type": "wake", "session": str(session_id) if session_id else None})
    except (RedisError, OSError, TimeoutError) as error:
        log.warning("sessions_not_woken", error=type(error).__name__)


async def _send(message: dict[str, str | None]) -> None:
    layer = get_channel_layer()
    if layer is not None:
        async with asyncio.timeout(SEND_SECONDS):
            await layer.group_send(CONTROL_GROUP, message)
