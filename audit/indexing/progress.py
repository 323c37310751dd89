"""Whether what there is to find in a session has been found."""

from __future__ import annotations

from django.db.models import BooleanField, Exists, ExpressionWrapper, OuterRef, Q, QuerySet

from audit.models import Segment, Session


def with_progress(sessions: QuerySet[Session]) -> QuerySet[Session]:
    """Annotate `is_indexed`: the session is over, and nothing of it waits for the indexer."""
    waiting = Segment.objects.filter(session=OuterRef("pk"), indexed_at__isnull=True)
    is_over = ~Q(state__in=[*Session.RUNNING, Session.State.ENDED])
    is_indexed = ExpressionWrapper(
        is_over & Q(index_state__isnull=True) & ~Exists(waiting), output_field=BooleanField()
    )
    return sessions.annotate(is_indexed=is_indexed)
