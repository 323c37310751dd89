"""Jobs for workers and beat. Each calls one function, and may run twice."""

from __future__ import annotations

from uuid import UUID

import structlog
from celery import shared_task
from django.db import DatabaseError

from audit.indexing import indexer
from audit.queue import request_indexing
from audit.recording import recovery
from audit.recording.storage import StorageError

log = structlog.get_logger(__name__)


@shared_task(name="audit.tasks.index_session")
def index_session(session_id: str) -> None:
    try:
        indexer.index_session(UUID(session_id))
    except (StorageError, DatabaseError) as error:
        # Beat asks again: a store that is away now is no reason to lose a worker.
        log.warning("session_not_indexed", session=session_id, error=str(error))


@shared_task(name="audit.tasks.find_missing_index_work")
def find_missing_index_work() -> None:
    for session_id in indexer.find_unindexed():
        request_indexing(session_id)


@shared_task(name="audit.tasks.recover_recordings")
def recover_recordings() -> None:
    recovery.recover_all()
