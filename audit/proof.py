"""What stands behind a recording, as one word for programs and in words for people."""

from __future__ import annotations

from dataclasses import dataclass

from audit.models import Session

PROOFS = ("open", "sealed", "recovered", "gap", "imported", "deleted", "none")


@dataclass(frozen=True, slots=True)
class Words:
    """A title of one to three words, and a sentence or two that say what it means."""

    title: str
    text: str


WORDS = {
    "open": Words("Not sealed yet", "It is still being recorded, or waits to be sealed. Its end is open."),
    "sealed": Words("Sealed", "It is complete, was signed when it ended, and the signature is in the ledger."),
    "recovered": Words("Recovered", "Its recorder died. Everything that was written until then was kept and signed."),
    "gap": Words("Sealed with a gap", "A part is missing, and the recording says where. All the rest was signed."),
    "imported": Words("Imported", "It was made elsewhere and signed when it came here. Its past proves nothing."),
    "deleted": Words(
        "Deleted", "The recording was destroyed under a policy. Its seal and the ledger's entry are kept."
    ),
    "none": Words("Not sealed", "The recording was lost before it could be sealed."),
}


def proof_of(session: Session) -> str:
    """Return one of PROOFS: what binds the recording, or that it is gone."""
    if session.deleted_at is not None:
        return "deleted"
    match session.state:
        case Session.State.SEALED | Session.State.RECOVERED if session.has_gaps:
            return "gap"
        case Session.State.SEALED | Session.State.RECOVERED | Session.State.IMPORTED:
            return session.state
        case Session.State.FAILED:
            return "none"
        case _:
            return "open"
