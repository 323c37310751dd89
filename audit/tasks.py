"""Jobs for workers and beat. Each calls one function, and may run twice."""

from __future__ import annotations

from uuid import UUID

import structlog
from celery import shared_task
from django.db import DatabaseError

from audit.evidence import checkpoints
from audit.indexing import indexer
from audit.queue import request_indexing
from audit.recording import recovery, takeover
from audit.recording.key import KeyUnavailableError
from audit.recording.storage import StorageError
from audit.retention import sweep

log = structlog.get_logger(__name__)

# Shorter than the visibility timeout of celery_app.py; what is left waits for the next hour.
RETENTION_SECONDS = 300.0


@shared_task(name="audit.tasks.index_session")
def index_session(session_id: str) -> None:
    try:
        indexer.index_session(UUID(session_id))
        if indexer.is_unindexed(UUID(session_id)):
            # Others had to wait for this one: the rest is for its next turn.
            request_indexing(UUID(session_id))
    except (StorageError, KeyUnavailableError, DatabaseError) as error:
        # Beat asks again: a store that is away now is no reason to lose a worker, nor is one that must not read.
        log.warning("session_not_indexed", session=session_id, error=str(error))


@shared_task(name="audit.tasks.find_missing_index_work")
def find_missing_index_work() -> None:
    for session_id in indexer.find_unindexed():
        request_indexing(session_id)


@shared_task(name="audit.tasks.recover_recordings")
def recover_recordings() -> None:
    # What is on a disk here first: it is more than anybody else can find.
    recovery.recover_all()
    takeover.take_over_all()


@shared_task(name="audit.tasks.apply_retention")
def apply_retention() -> None:
    try:
        sweep.apply_retention(seconds=RETENTION_SECONDS)
    except DatabaseError as error:
        log.warning("retention_put_off", error=str(error))


@shared_task(name="audit.tasks.keep_checkpoints")
def keep_checkpoints() -> None:
    checkpoints.keep_checkpoints()
