"""Applying the retention policies to everything that is kept, as often as one likes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from uuid import UUID

import structlog
from django.db import DatabaseError, connection

from audit.models import Session
from audit.retention.deletion import delete_if_due, destroy, unfinished
from audit.retention.holds import is_held
from audit.retention.leftovers import remove_leftovers_of_deleted
from audit.retention.plan import Plan, due_now, make_plan

log = structlog.get_logger(__name__)


def apply_retention(*, dry_run: bool = False, seconds: float | None = None) -> Plan:
    """Delete what the policies let go of and finish deletions that were interrupted; return the plan and how it went.

    With `dry_run` nothing is changed. With `seconds` it stops after about as long, and `plan.has_more` says so. One
    recording that cannot be deleted never blocks the others.
    """
    plan = make_plan()
    if dry_run:
        return plan
    deadline = None if seconds is None else time.monotonic() + seconds
    # New ones first: those that cannot be finished must not keep them waiting.
    for session_id, policy_id in _due_ids():
        if deadline is not None and time.monotonic() >= deadline:
            plan.has_more = True
            break
        plan.deleted += _delete(session_id, policy_id)
    for session in unfinished().defer("index_state"):
        if deadline is not None and time.monotonic() >= deadline:
            plan.has_more = True
            break
        _finish(session)
    plan.unfinished = unfinished().count()
    _remove_leftovers()
    _empty_journal()
    return plan


def _remove_leftovers() -> None:
    try:
        remove_leftovers_of_deleted()
    except OSError as error:
        log.warning("leftovers_not_removed", error=str(error))


def _empty_journal() -> None:
    """Have SQLite's write-ahead log, which still holds what was deleted, be empty, unless somebody reads in it."""
    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _due_ids() -> Iterator[tuple[UUID, UUID]]:
    for policy, sessions in due_now():
        for session_id in list(sessions.filter(~is_held()).values_list("pk", flat=True)):
            yield session_id, policy.pk


def _delete(session_id: UUID, policy_id: UUID) -> bool:
    try:
        return delete_if_due(session_id, policy_id)
    except DatabaseError as error:
        log.warning("deletion_put_off", session=str(session_id), error=str(error))
        return False


def _finish(session: Session) -> None:
    try:
        destroy(session)
    except DatabaseError as error:
        log.warning("deletion_put_off", session=str(session.pk), error=str(error))
