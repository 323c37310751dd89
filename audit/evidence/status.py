"""How the ledger stands: for the administration page, and for whoever compares it with a checkpoint of their own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from audit.evidence.checkpoints import latest_checkpoint, why_inconsistent, why_late
from audit.evidence.publishing import publisher, why_not_published
from audit.evidence.signer import why_not_signing
from audit.models import PendingLeaf, VerificationKey


@dataclass(frozen=True, slots=True)
class LedgerStatus:
    """The newest checkpoint (size 0 and nothing else if there is none), and what is behind it.

    `root` is in hex; `pending` counts lines that are in no checkpoint yet; `problems` are sentences for people.
    """

    size: int
    root: str
    checkpoint: str
    at: datetime | None
    pending: int
    published_to: str | None
    problems: list[str]


def ledger_status() -> LedgerStatus:
    last = latest_checkpoint()
    place = publisher()
    problems = (why_not_signing(), why_inconsistent(), why_late(), why_not_published())
    return LedgerStatus(
        size=last.size if last else 0,
        root=last.root if last else "",
        checkpoint=last.note if last else "",
        at=last.at if last else None,
        pending=PendingLeaf.objects.count(),
        published_to=str(place) if place else None,
        problems=[problem for problem in problems if problem],
    )


def verification_keys() -> list[VerificationKey]:
    """Return the public halves of all keys that ever signed, oldest first."""
    return list(VerificationKey.objects.order_by("pk"))
