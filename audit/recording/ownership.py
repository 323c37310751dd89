"""Which node a recording belongs to that is not sealed: the one that has its directory.

Every node says now and then that it holds the directories of its recordings (`Session.heard_at`, by the database's
clock, so that no other clock counts). A recording that nobody has spoken for in NODE_LOST_SECONDS is lost with its
node, and another may claim it. A claim is one conditional update of `Session.node`: of several claimers one gets it,
and the node that comes back finds that it is not the owner any more.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from audit.models import Session
from audit.recording.directory import unsealed_recordings
from audit.recording.storage import StorageError

UNSEALED: Final = (*Session.RUNNING, Session.State.ENDED)
_AT_ONCE: Final = 500


class NotOwnerError(StorageError):
    """Another node has taken this recording over; nothing more of it may be stored from here."""


def ensure_owner(session_id: UUID) -> None:
    """Raise NotOwnerError if another node has claimed the session; none can until the end of the transaction."""
    node = Session.objects.select_for_update().values_list("node", flat=True).get(pk=session_id)
    if node not in {settings.NODE, ""}:
        raise NotOwnerError(f"{session_id} belongs to another machine by now: {node}.")


def note_heard() -> None:
    """Say that this node holds the directories that are here."""
    ids = list(unsealed_recordings())
    for first in range(0, len(ids), _AT_ONCE):
        Session.objects.filter(pk__in=ids[first : first + _AT_ONCE], node=settings.NODE, state__in=UNSEALED).update(
            heard_at=Now()
        )


def lost_sessions() -> QuerySet[Session]:
    """Return the unsealed sessions that no node has spoken for in too long, oldest first."""
    return Session.objects.filter(_is_lost(), state__in=UNSEALED).order_by("started_at")


def claim_lost(session: Session, **found: object) -> bool:
    """Make this node the owner of a session that is lost, and set columns; whether nobody else was faster."""
    claimed = Session.objects.filter(_is_lost(), pk=session.pk, node=session.node, state__in=UNSEALED)
    return claimed.update(node=settings.NODE, heard_at=Now(), **found) == 1


def claim_for_this_node(session: Session) -> bool:
    """Whether a session whose directory is locked here belongs to this node, as it does unless another took it over.

    A machine may have got another name since. While a session runs by its row, nobody has taken it over.
    """
    if session.node in {settings.NODE, ""}:
        return True
    free = Q(state__in=Session.RUNNING) | _is_lost()
    claimed = Session.objects.filter(free, pk=session.pk, node=session.node, state__in=UNSEALED)
    return claimed.update(node=settings.NODE, heard_at=Now()) == 1


def _is_lost() -> Q:
    moment = Now() - timedelta(seconds=settings.NODE_LOST_SECONDS)
    return Q(heard_at__lt=moment) | Q(heard_at__isnull=True, started_at__lt=moment)
