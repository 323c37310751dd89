"""Lines of the ledger for who has only a bundle: each with its salt and its way to the root of one checkpoint."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import orjson
from django.db.models import QuerySet

from audit.evidence.checkpoints import latest_checkpoint
from audit.evidence.leaves import payload_of
from audit.evidence.proofs import event_proof, format_proof, seal_line
from audit.ledger import Action
from audit.models import AuditEvent, Checkpoint, Session

# Who came near the recording after it was made.
ACCESS = (Action.RECORDING_VIEWED, Action.RECORDING_DOWNLOADED, Action.RECORDING_VERIFIED)


_PAGE = 200


class NotProvableError(Exception):
    """The ledger's entry of the seal is in no signed checkpoint yet."""


def sealed_in(session: Session) -> Checkpoint:
    """Return the newest checkpoint. Raises NotProvableError unless the session's seal is in it."""
    checkpoint = latest_checkpoint()
    seal = seal_line(session)
    if checkpoint is None or seal is None or event_proof(seal, checkpoint) is None:
        raise NotProvableError
    return checkpoint


def seal_proof(session: Session, checkpoint: Checkpoint) -> str:
    """Return the proof that the seal is in the ledger, as a .tlog-proof file. Raises NotProvableError."""
    seal = seal_line(session)
    proof = event_proof(seal, checkpoint) if seal else None
    if proof is None:
        raise NotProvableError
    return format_proof(proof)


def lines_about(session: Session, checkpoint: Checkpoint, *, access: bool) -> Iterator[bytes]:
    """Yield the session's lines up to the checkpoint, as JSON lines: those of access to the recording, or all others.

    Anchors are left out: the seal binds what they do. A line that is not in the tree yet has the position null.
    """
    events = AuditEvent.objects.filter(session_id=session.pk).order_by("pk")
    wanted = events.filter(action__in=ACCESS) if access else events.exclude(action__in=ACCESS)
    for event in _paged(wanted.exclude(action=Action.SESSION_ANCHORED)):
        proof = event_proof(event, checkpoint)
        line: dict[str, Any] = {
            "position": proof.position if proof else None,
            "payload": payload_of(event).decode(),
            "salt": bytes(event.salt).hex(),
            "proof": [base64.b64encode(digest).decode() for digest in (proof.hashes if proof else ())],
        }
        yield orjson.dumps(line) + b"\n"


def _paged(events: QuerySet[AuditEvent]) -> Iterator[AuditEvent]:
    """Yield the lines one query at a time: a slow download must not hold a cursor open for hours."""
    last = 0
    while page := list(events.filter(pk__gt=last)[:_PAGE]):
        yield from page
        last = page[-1].pk
