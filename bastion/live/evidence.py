"""What a web process does for the proof beside its sessions: anchors of what is still open, and signed checkpoints."""

from __future__ import annotations

import asyncio
from uuid import UUID

import structlog
from django.db import Error as DbError

from audit.evidence.anchors import OpenAnchor, anchor_open
from audit.evidence.checkpoints import keep_checkpoints
from audit.recording.ownership import note_heard
from audit.recording.segment import Prefix
from bastion.live.registry import Registry
from bastion.threads import ask_database

log = structlog.get_logger(__name__)

ANCHOR_SECONDS = 10.0
CHECKPOINT_SECONDS = 2.0
HEARD_SECONDS = 10.0


async def anchor_sessions(registry: Registry) -> None:
    """Write the length and hash of each open segment into the ledger, whenever it has grown; runs for ever.

    Only what survives a power cut is anchored: what a power cut takes must not look like what somebody cut off.
    """
    known: dict[UUID, Prefix] = {}
    while True:
        await asyncio.sleep(ANCHOR_SECONDS)
        current = {session.id: prefix for session in registry if (prefix := session.synced_prefix()) is not None}
        grown = {key: prefix for key, prefix in current.items() if known.get(key) != prefix}
        if not grown:
            continue
        anchors = [OpenAnchor(key, prefix.n, prefix.length, prefix.sha256) for key, prefix in grown.items()]
        try:
            await ask_database(anchor_open, anchors)
            known = current
        except DbError as error:
            log.warning("sessions_not_anchored", error=type(error).__name__)


async def say_heard() -> None:
    """Say that the unsealed recordings of this machine are within reach, so that no other takes them over; for ever."""
    while True:
        try:
            await ask_database(note_heard)
        except (DbError, OSError) as error:
            log.warning("machine_not_heard", error=type(error).__name__)
        await asyncio.sleep(HEARD_SECONDS)


async def sign_checkpoints() -> None:
    """Put new lines of the ledger into its tree and sign it, within seconds; runs for ever."""
    while True:
        await asyncio.sleep(CHECKPOINT_SECONDS)
        await ask_database(keep_checkpoints)
