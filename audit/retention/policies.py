"""Which retention policy a recording falls under, and the only way in which policies are changed.

A host's policy is that of its groups, the longest if there are several; without one it is the policy that names no
group. Without that, recordings of the host are kept for ever.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from audit import ledger
from audit.models import RetentionPolicy, Segment, Session
from audit.retention.lock import lock_retention
from hosts.logins import Login
from hosts.models import Host

# A hundred years: beyond it dates run out.
MOST_DAYS = 36_500
# Nothing is added to the recordings of these any more.
OVER = (Session.State.SEALED, Session.State.RECOVERED, Session.State.IMPORTED, Session.State.FAILED)


class PolicyExistsError(Exception):
    """The group has a policy already, or there is one without a group. The message is for the person."""


def name_of(policy: RetentionPolicy) -> str:
    """Return what recordings are said to be deleted under."""
    days = "1 day" if policy.days == 1 else f"{policy.days} days"
    if policy.host_group is None:
        return f"the default retention policy ({days})"
    return f"the retention policy of {policy.host_group.name} ({days})"


def due(policy: RetentionPolicy, at: datetime) -> QuerySet[Session]:
    """Return the sessions whose recordings `policy` lets go of at the moment `at`, those that ended first first.

    Days count from the end of the session or from when its last segment was stored, whichever was later: recordings
    that are brought in from elsewhere may have ended long before. Holds are not looked at.
    """
    length = timedelta(days=policy.days)
    # Two clocks must agree that the time has come: one that is wrong, ours or the database's, deletes nothing.
    ended = Session.objects.filter(ended_at__lt=at - length).filter(ended_at__lt=Now() - length)
    stored_since = Segment.objects.filter(session=OuterRef("pk"), closed_at__gte=at - length)
    over = ended.filter(~Exists(stored_since), state__in=OVER, deleted_at__isnull=True)
    return over.filter(_is_under(policy)).order_by("ended_at", "pk")


def store_policy(policy: RetentionPolicy, login: Login | None) -> None:
    """Save a new or changed policy, with its line in the ledger. Raises PolicyExistsError."""
    is_new = policy._state.adding  # noqa: SLF001 - what Model.save looks at, too
    with transaction.atomic():
        lock_retention()
        before = None if is_new else _facts(RetentionPolicy.objects.select_related("host_group").get(pk=policy.pk))
        others = RetentionPolicy.objects.filter(host_group=policy.host_group).exclude(pk=policy.pk)
        if others.exists():
            whose = f"The host group {policy.host_group.name}" if policy.host_group else "“All other hosts”"
            raise PolicyExistsError(f"{whose} has a retention policy already. Change that one.")
        try:
            with transaction.atomic():
                policy.save()
        except IntegrityError:
            raise PolicyExistsError("The host group is not there any more. Reload and try again.") from None
        if before != _facts(policy):
            _record(policy, login, before, _facts(policy))


def remove_policy(policy: RetentionPolicy, login: Login | None) -> None:
    """Delete a policy, with its line in the ledger: its hosts fall under the others, or are kept for ever."""
    with transaction.atomic():
        lock_retention()
        before, key = _facts(policy), policy.pk
        if RetentionPolicy.objects.filter(pk=key).delete()[0]:
            _record(policy, login, before, None)


def _is_under(policy: RetentionPolicy) -> Q:
    """Return the condition, for a query of sessions, that their host falls under `policy` at this moment."""
    members = Host.groups.through.objects
    of_groups = RetentionPolicy.objects.filter(host_group__isnull=False)
    if policy.host_group_id is None:
        return ~Q(host_id__in=members.filter(hostgroup__in=of_groups.values("host_group")).values("host"))
    # Of two that are as long, either will do, but only one.
    longer = of_groups.filter(Q(days__gt=policy.days) | Q(days=policy.days, pk__lt=policy.pk))
    outlasted = members.filter(hostgroup__in=longer.values("host_group")).values("host")
    return Q(host_id__in=members.filter(hostgroup=policy.host_group_id).values("host")) & ~Q(host_id__in=outlasted)


def _facts(policy: RetentionPolicy) -> dict[str, Any]:
    return {"host_group": policy.host_group.name if policy.host_group else None, "days": policy.days}


def _record(
    policy: RetentionPolicy, login: Login | None, before: dict[str, Any] | None, after: dict[str, Any] | None
) -> None:
    ledger.record(
        ledger.Action.RETENTION_CHANGED,
        login=login,
        object_type="retention_policy",
        object_id=policy.pk,
        object_name=str(policy),
        detail={"before": before, "after": after},
    )
