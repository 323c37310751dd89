"""Deleting a recording so that the proof stays: the ledger's line first, then its keys, then all that is left of it.

The line is the decision; what follows is safe to repeat, and goes on in the next run wherever it was interrupted. The
seal, the rows of the session and its segments, and who looked at it stay.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone
from redis import Redis
from redis.exceptions import RedisError

from audit import ledger
from audit.ledger import record_about
from audit.models import RecordingKey, RetentionPolicy, Session
from audit.recording.seal import manifest_name
from audit.recording.storage import StorageError, delete_object, list_objects
from audit.recording.stream import delete_stream
from audit.retention.holds import holds_on, is_held
from audit.retention.leftovers import remove_leftovers
from audit.retention.lock import lock_retention
from audit.retention.policies import OVER, due, name_of
from audit.search import SearchIndexError, backend

log = structlog.get_logger(__name__)

REDIS_SECONDS = 5.0
# The indexer's lease on the session is ours from then on: nothing of it is made again.
_FOR_EVER: Final = timedelta(days=36_500)


class HeldError(Exception):
    """A legal hold keeps the recording. The message says whose, and why."""


class NotOverError(Exception):
    """The recording is not complete yet, or it is being indexed at this moment."""


@dataclass(frozen=True, slots=True)
class Authority:
    """What a recording is deleted under: words for people, and facts for the ledger."""

    words: str
    facts: dict[str, object]


def delete_if_due(session_id: UUID, policy_id: UUID) -> bool:
    """Delete a recording whose time under the policy is over; whether it was decided.

    Policy and holds are looked at once more, so that nothing that was changed since the plan was made is overlooked.
    """
    with transaction.atomic():
        lock_retention()
        policy = RetentionPolicy.objects.select_related("host_group").filter(pk=policy_id).first()
        if policy is None:
            return False
        session = due(policy, timezone.now()).filter(_at_rest(), ~is_held(), pk=session_id).first()
        if session is None:
            return False
        _decide(session, Authority(name_of(policy), {"policy": policy.pk, "days": policy.days}), actor_name="")
    destroy(session)
    return True


def delete_by_order(session_id: UUID, reason: str, actor_name: str) -> None:
    """Delete a recording before its time, because somebody who may order that says so.

    One that is deleted already stays as it is. Raises Session.DoesNotExist, HeldError, NotOverError.
    """
    with transaction.atomic():
        lock_retention()
        session = Session.objects.get(pk=session_id)
        if session.deleted_at is None:
            if hold := holds_on(session_id).filter(released_at__isnull=True).first():
                raise HeldError(f"A legal hold by {hold.owner_name} keeps this recording: {hold.reason}")
            if not Session.objects.filter(_at_rest(), pk=session_id, state__in=OVER).exists():
                raise NotOverError("The recording is not complete yet, or it is being indexed. Try again later.")
            _decide(session, Authority(f"an order: {reason}", {"reason": reason}), actor_name)
    destroy(session)


def unfinished() -> QuerySet[Session]:
    """Return the sessions whose deletion was decided, and of which something is perhaps left."""
    return Session.objects.filter(deleted_at__isnull=False, destroyed_at__isnull=True).order_by("deleted_at", "pk")


def destroy(session: Session) -> bool:
    """Remove what is left of a recording whose deletion is in the ledger; whether nothing is left. Safe to repeat.

    What cannot be removed now (a storage or Redis that is away) is logged and left for the next time. Raises
    django.db.DatabaseError if not even the keys can be destroyed.
    """
    destroy_keys(session)
    is_done = True
    for step in STEPS:
        try:
            step(session)
        except (StorageError, DatabaseError, RedisError, SearchIndexError, sqlite3.Error, OSError) as error:
            log.warning("deletion_put_off", session=str(session.pk), step=step.__name__, error=str(error))
            is_done = False
    if is_done:
        Session.objects.filter(pk=session.pk, destroyed_at__isnull=True).update(destroyed_at=timezone.now())
    return is_done


def destroy_keys(session: Session) -> None:
    """From here on nobody can read what was recorded, wherever copies of the objects are."""
    keys = RecordingKey.objects.filter(session=session, destroyed_at__isnull=True)
    keys.update(wrapped=None, destroyed_at=timezone.now())


def destroy_objects(session: Session) -> None:
    """Remove every stored object but the seal, wrapped keys first. Those without a row count, too."""
    seal = manifest_name(session.pk)
    directory = seal.rpartition("/")[0]
    named = set(session.segments.values_list("object_name", flat=True))
    left = (named | set(list_objects(directory))) - {seal}
    for name in sorted(left, key=lambda name: (not name.endswith(".age"), name)):
        delete_object(name)


def destroy_rows(session: Session) -> None:
    """Remove what was found in the recording: commands, screens, labels, and what the indexer carried along."""
    with transaction.atomic():
        session.commands.all().delete()
        session.segments.update(
            snapshot=None,
            snapshot_cols=None,
            snapshot_rows=None,
            markers=[],
            # Nothing is left that could be indexed.
            indexed_at=Coalesce(F("indexed_at"), timezone.now()),
        )
        Session.objects.filter(pk=session.pk).update(index_state=None, index_error="")


def destroy_text(session: Session) -> None:
    backend().forget(session.pk)


def destroy_stream(session: Session) -> None:
    with Redis.from_url(
        settings.REDIS_URL, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS
    ) as redis:
        delete_stream(redis, session.pk)


def destroy_leftovers(session: Session) -> None:
    remove_leftovers(session.pk)


STEPS: tuple[Callable[[Session], None], ...] = (
    destroy_objects,
    destroy_rows,
    destroy_text,
    destroy_stream,
    destroy_leftovers,
)


def _at_rest() -> Q:
    """Return the condition that nobody indexes the session."""
    return Q(index_claimed_until__isnull=True) | Q(index_claimed_until__lt=timezone.now())


def _decide(session: Session, authority: Authority, actor_name: str) -> None:
    """Write the line and mark the session, in the transaction that found that it may be deleted."""
    now = timezone.now()
    last = session.segments.order_by("-n").values("n", "chain").first()
    facts = {
        "under": authority.words,
        **authority.facts,
        "state": session.state,
        "manifest_sha256": session.manifest_sha256,
        "chain": last["chain"] if last else None,
        "segments": last["n"] + 1 if last else 0,
    }
    record_about(session, ledger.Action.RECORDING_DELETED, None, facts, actor_name=actor_name)
    Session.objects.filter(pk=session.pk).update(
        deleted_at=now, deleted_under=authority.words[:200], index_claimed_until=now + _FOR_EVER
    )
    session.deleted_at = now
