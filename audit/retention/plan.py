"""What the retention policies would delete at this moment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Count, Min, QuerySet, Sum
from django.utils import timezone

from audit.models import RetentionPolicy, Segment, Session
from audit.retention.holds import is_held
from audit.retention.policies import due

# Sessions that a plan names.
MOST_NAMED = 100


@dataclass(slots=True)
class Plan:
    """Recordings whose time is over: how many, their stored bytes, when the first of them ended.

    `held` counts further ones, which legal holds keep. `sessions` are the first MOST_NAMED, by when they ended.
    """

    count: int = 0
    bytes: int = 0
    oldest: datetime | None = None
    held: int = 0
    sessions: list[Session] = field(default_factory=list)
    # Of a run that was no dry run: decided in it; begun and not finished, also by earlier ones; not all looked at.
    deleted: int = 0
    unfinished: int = 0
    has_more: bool = False


def due_now() -> Iterator[tuple[RetentionPolicy, QuerySet[Session]]]:
    """Yield each policy with the sessions whose recordings it lets go of, held ones included."""
    at = timezone.now()
    for policy in RetentionPolicy.objects.select_related("host_group").order_by("days", "pk"):
        yield policy, due(policy, at)


def make_plan() -> Plan:
    """Return what would be deleted. Changes nothing."""
    plan = Plan()
    for _policy, sessions in due_now():
        facts = sessions.order_by().aggregate(
            count=Count("pk", filter=~is_held()),
            oldest=Min("ended_at", filter=~is_held()),
            held=Count("pk", filter=is_held()),
        )
        plan.held += facts["held"]
        if not facts["count"]:
            continue
        free = sessions.filter(~is_held())
        stored = Segment.objects.filter(session__in=free.order_by().values("pk")).aggregate(bytes=Sum("stored_bytes"))
        plan.count += facts["count"]
        plan.bytes += stored["bytes"] or 0
        plan.oldest = min((at for at in (plan.oldest, facts["oldest"]) if at is not None), default=None)
        plan.sessions += free.defer("index_state")[:MOST_NAMED]
    plan.sessions = sorted(plan.sessions, key=lambda session: session.ended_at or session.started_at)[:MOST_NAMED]
    return plan
