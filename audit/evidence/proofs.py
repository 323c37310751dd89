"""Proofs that a line is in the ledger, which anybody can check with a public key alone (https://c2sp.org/tlog-proof)."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from audit.evidence.checkpoints import latest_checkpoint, make_checkpoint
from audit.evidence.leaves import payload_of
from audit.evidence.nodes import stored_hashes
from audit.evidence.tree import inclusion_ranges, range_hash
from audit.ledger import Action
from audit.models import AuditEvent, Checkpoint, LedgerLeaf, Session

PATIENCE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class LedgerProof:
    """That the line with this payload is leaf `position` of the tree that `checkpoint`, a signed note, states.

    The leaf follows from payload and salt (audit/evidence/leaves.py); `hashes` is its audit path, from the leaf's
    sibling up (RFC 6962, 2.1.1).
    """

    payload: bytes
    salt: bytes
    position: int
    hashes: tuple[bytes, ...]
    checkpoint: str


def event_proof(event: AuditEvent, checkpoint: Checkpoint | None = None) -> LedgerProof | None:
    """Return the proof for a line in the checkpoint, by default the newest; None if the line is not in it.

    Raises InconsistentLedgerError if the tree does not hold together.
    """
    leaf = LedgerLeaf.objects.filter(event_id=event.pk).first()
    checkpoint = checkpoint or latest_checkpoint()
    if leaf is None or checkpoint is None or leaf.position >= checkpoint.size:
        return None
    ranges = inclusion_ranges(leaf.position, checkpoint.size)
    hashes = stored_hashes(*ranges)
    return LedgerProof(
        payload=payload_of(event),
        salt=bytes(event.salt),
        position=leaf.position,
        hashes=tuple(range_hash(leaves, hashes) for leaves in ranges),
        checkpoint=checkpoint.note,
    )


def proof_now(event: AuditEvent) -> LedgerProof | None:
    """Return the proof for a line, for which a checkpoint is made if need be; None if another process is slow at that.

    Must not be called in a transaction. Raises SigningUnavailableError, InconsistentLedgerError, OSError.
    """
    proof = event_proof(event)
    if proof is None:
        make_checkpoint(PATIENCE_SECONDS)
        proof = event_proof(event)
    return proof


def seal_line(session: Session) -> AuditEvent | None:
    """Return the line that says how the session was sealed."""
    return AuditEvent.objects.filter(session_id=session.pk, action=Action.RECORDING_SEALED).order_by("pk").first()


def format_proof(proof: LedgerProof) -> str:
    """Return the proof as a .tlog-proof file; its extra data are the salt in hex, a newline, and the payload."""
    extra = base64.b64encode(proof.salt.hex().encode() + b"\n" + proof.payload).decode()
    path = "".join(f"{base64.b64encode(digest).decode()}\n" for digest in proof.hashes)
    return f"c2sp.org/tlog-proof@v1\nextra {extra}\nindex {proof.position}\n{path}\n{proof.checkpoint}"
