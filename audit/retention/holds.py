"""Legal holds: recordings that nobody may delete, whatever policy or person wants it, until the hold is released."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from audit import ledger
from audit.models import LegalHold, Session
from audit.retention.lock import lock_retention
from hosts.logins import Login
from hosts.models import Host, HostGroup

Kind = Literal["session", "user", "host", "host_group"]
KINDS: tuple[Kind, ...] = ("session", "user", "host", "host_group")


class DeletedError(Exception):
    """The recording is deleted: a hold comes too late. The message is for the person."""


def kind_of(hold: LegalHold) -> Kind:
    return next(kind for kind in KINDS if getattr(hold, f"{kind}_id") is not None)


def target_name(hold: LegalHold) -> str:
    """Return what people call that which is held."""
    if hold.session is not None:
        return str(hold.session)
    return str(hold.user or hold.host or hold.host_group)


def is_held() -> Q:
    """Return the condition, for a query of sessions, that a hold keeps the recording."""
    holds = LegalHold.objects.filter(released_at__isnull=True)
    groups = holds.filter(host_group__isnull=False).values("host_group")
    hosts = Host.groups.through.objects.filter(hostgroup__in=groups).values("host")
    # Lists that the database makes once, rather than a question for each session. None of them holds a null, and a
    # session whose person is gone is in none for that: `null IN (…)` would be neither true nor false.
    return (
        Q(pk__in=holds.filter(session__isnull=False).values("session"))
        | Q(user_id__isnull=False, user_id__in=holds.filter(user__isnull=False).values("user"))
        | Q(host_id__in=holds.filter(host__isnull=False).values("host"))
        | Q(host_id__in=hosts)
    )


def holds_on(session_id: UUID) -> QuerySet[LegalHold]:
    """Return the holds that keep, or kept, a session's recording, whatever they name."""
    session = Session.objects.filter(pk=session_id)
    hosts = session.values("host_id")
    of_host = Q(host_id__in=hosts) | Q(host_group__in=HostGroup.objects.filter(hosts__in=hosts))
    return LegalHold.objects.filter(Q(session_id=session_id) | Q(user_id__in=session.values("user_id")) | of_host)


def place_hold(hold: LegalHold, login: Login) -> None:
    """Save a new hold, with its line in the ledger. Once this returns, nothing that it names is deleted.

    Raises DeletedError if it names one session whose recording is deleted, or being deleted.
    """
    with transaction.atomic():
        lock_retention()
        if hold.session_id and Session.objects.filter(pk=hold.session_id, deleted_at__isnull=False).exists():
            raise DeletedError("This recording is deleted already.")
        hold.save(force_insert=True)
        _record(ledger.Action.HOLD_PLACED, hold, login)


def release_hold(hold: LegalHold, login: Login) -> None:
    """End a hold at this moment. One that is released already stays as it is."""
    with transaction.atomic():
        lock_retention()
        name, now = login.user.get_username(), timezone.now()
        if LegalHold.objects.filter(pk=hold.pk, released_at__isnull=True).update(
            released_at=now, released_by_name=name
        ):
            hold.released_at, hold.released_by_name = now, name
            _record(ledger.Action.HOLD_RELEASED, hold, login)


def _record(action: ledger.Action, hold: LegalHold, login: Login) -> None:
    kind = kind_of(hold)
    host_id = hold.session.host_id if hold.session else hold.host_id
    ledger.record(
        action,
        login=login,
        object_type="legal_hold",
        object_id=hold.pk,
        object_name=target_name(hold),
        host_id=host_id,
        session_id=hold.session_id,
        detail={"kind": kind, "id": getattr(hold, f"{kind}_id"), "reason": hold.reason, "owner": hold.owner_name},
    )
