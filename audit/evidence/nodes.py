"""The tree of the ledger as the database keeps it: which line is which leaf, and the hashes of complete subtrees.

A line waits (PendingLeaf) in the transaction that it belongs to; one process at a time takes up what waits. So the
order of the leaves is the order in which they were taken up, and a line whose transaction took long is not left out.
"""

from __future__ import annotations

from django.db import connection, transaction
from django.db.models import Q

from audit.evidence.leaves import leaf_of
from audit.evidence.tree import Hashes, Place, Range, cover, grow, range_hash
from audit.models import LedgerLeaf, LedgerNode, PendingLeaf

# On SQLite nobody else writes meanwhile.
BATCH = 250
# Any number will do, as long as nothing else in this database locks the same.
_LOCK = 0x62617374696F6E


class InconsistentLedgerError(Exception):
    """What is stored contradicts what was signed before: lines were changed, removed, or come from an older copy."""


def tree_size() -> int:
    """Return the number of leaves."""
    last = LedgerLeaf.objects.order_by("-position").first()
    return last.position + 1 if last else 0


def stored_hashes(*ranges: Range) -> Hashes:
    """Return the hashes of all complete subtrees that the ranges are made of. Raises InconsistentLedgerError."""
    places = {place for leaves in ranges for place in cover(leaves)}
    if not places:
        return {}
    wanted = Q()
    for place in places:
        wanted |= Q(level=place.level, position=place.position)
    hashes = {
        Place(level, position): bytes(digest)
        for level, position, digest in LedgerNode.objects.filter(wanted).values_list("level", "position", "hash")
    }
    missing = sorted(places - hashes.keys())
    if missing:
        raise InconsistentLedgerError(f"The ledger's tree has no node {missing[0].level}/{missing[0].position}.")
    return hashes


def root_at(size: int) -> bytes:
    """Return the root of the first `size` leaves. Raises InconsistentLedgerError."""
    leaves = Range(0, size)
    return range_hash(leaves, stored_hashes(leaves))


def take_up_pending() -> int:
    """Make leaves of the lines that wait, at most BATCH; return how many. Only lines that are committed are seen.

    Raises RuntimeError in a transaction, InconsistentLedgerError.
    """
    # A look that locks nothing: mostly there is nothing to do.
    if not PendingLeaf.objects.exists():
        return 0
    # Durable: what is signed next must not be undone by a transaction around this.
    with transaction.atomic(durable=True):
        if not _is_ours_to_grow():
            return 0
        events = [pending.event for pending in PendingLeaf.objects.select_related("event").order_by("pk")[:BATCH]]
        size = tree_size()
        grown = grow(size, stored_hashes(Range(0, size)), map(leaf_of, events))
        LedgerLeaf.objects.bulk_create(
            LedgerLeaf(position=position, event=event) for position, event in enumerate(events, size)
        )
        LedgerNode.objects.bulk_create(
            LedgerNode(level=place.level, position=place.position, hash=digest) for place, digest in grown.items()
        )
        PendingLeaf.objects.filter(pk__in=[event.pk for event in events]).delete()
    return len(events)


def _is_ours_to_grow() -> bool:
    """Lock the tree until the transaction ends; False if another process holds it."""
    if connection.vendor != "postgresql":
        # On SQLite the transaction itself, which is IMMEDIATE, is the lock.
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        row = cursor.fetchone()
    return bool(row and row[0])
