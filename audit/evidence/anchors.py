"""Anchors: lines of the ledger that tie down a recording while it is made, so that not even its end can be cut off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from audit import ledger
from audit.models import AuditEvent, Session

# Clocks of the machines that write lines may differ by so much.
_CLOCK_SLACK = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class OpenAnchor:
    """The first `length` bytes of the open segment `n` of a session; `sha256` is theirs, in hex."""

    session_id: UUID
    n: int
    length: int
    sha256: str


def anchor_closed(session_id: UUID, n: int, chain: str, object_sha256: str) -> None:
    """Tie down a stored segment, in the transaction of its row; both hashes in hex."""
    session = Session.objects.only("user_name", "host_name", "host_id").get(pk=session_id)
    ledger.record_about(
        session,
        ledger.Action.SESSION_ANCHORED,
        None,
        detail={"n": n, "chain": chain, "object_sha256": object_sha256},
    )


def anchor_open(anchors: Sequence[OpenAnchor]) -> None:
    """Tie down what one process has written to open segments so far, in one line; nothing if there are none."""
    if not anchors:
        return
    ledger.record(
        ledger.Action.SESSION_ANCHORED,
        login=None,
        detail={
            "open": [
                {"session": str(anchor.session_id), "n": anchor.n, "length": anchor.length, "sha256": anchor.sha256}
                for anchor in anchors
            ]
        },
    )


def last_anchor(session: Session) -> OpenAnchor | None:
    """Return the last anchor of an open segment of the session, whichever segment that was."""
    # As text: days of other sessions' anchors are not to be read one by one.
    lines = AuditEvent.objects.filter(
        action=ledger.Action.SESSION_ANCHORED,
        session_id__isnull=True,
        at__gte=session.started_at - _CLOCK_SLACK,
        detail__icontains=str(session.pk),
    ).order_by("-id")
    for detail in lines.values_list("detail", flat=True)[:1]:
        for entry in detail.get("open", []):
            if entry.get("session") == str(session.pk):
                return OpenAnchor(session.pk, int(entry["n"]), int(entry["length"]), str(entry["sha256"]))
    return None
