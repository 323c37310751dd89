"""Asking the workers for work. What is lost on the way is found again from the database by beat."""

from __future__ import annotations

from uuid import UUID

import structlog
from celery import current_app
from kombu.exceptions import OperationalError

log = structlog.get_logger(__name__)


def request_indexing(session_id: UUID) -> None:
    """Ask for the closed segments of a session to be indexed. Never raises: beat asks again for what is missing."""
    try:
        current_app.send_task("audit.tasks.index_session", args=[str(session_id)], retry=False, ignore_result=True)
    except (OperationalError, OSError) as error:
        log.warning("indexing_not_requested", session=str(session_id), error=type(error).__name__)
