"""Make the search index again from the recordings."""

from __future__ import annotations

from argparse import ArgumentParser

from django.core.management.base import BaseCommand

from audit.models import Segment, Session
from audit.queue import request_indexing
from audit.search import backend


class Command(BaseCommand):
    help = "Forget what is indexed and have the workers index every recording again, oldest first."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--keep", action="store_true", help="Keep what is found until it is replaced.")

    def handle(self, *, keep: bool, **_: object) -> None:
        if not keep:
            backend().clear()
        kept = Session.objects.filter(deleted_at__isnull=True)
        segments = Segment.objects.filter(session__in=kept)
        segments.update(indexed_at=None, snapshot=None, snapshot_cols=None, snapshot_rows=None)
        kept.update(index_state=None, index_claimed_until=None, index_error="")
        session_ids = kept.order_by("started_at").values_list("pk", flat=True)
        count = 0
        for session_id in session_ids.iterator():
            request_indexing(session_id)
            count += 1
        self.stdout.write(f"{count} recordings are being indexed. Searches find them as the workers get there.")
