"""Checkpoints: signed statements of how many lines the ledger has and what its root is.

In the format of https://c2sp.org/tlog-checkpoint. A checkpoint is never made that contradicts an earlier one, whether
the database holds that or the file `ledger.state`, which this machine keeps of the last one that it signed.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import timedelta

import structlog
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from audit.evidence import notes
from audit.evidence.machine import read_state, turn, write_state
from audit.evidence.nodes import InconsistentLedgerError, root_at, stored_hashes, take_up_pending, tree_size
from audit.evidence.publishing import publish_checkpoints
from audit.evidence.signer import SigningUnavailableError, current_signers, finish_rotation, known_vkeys
from audit.evidence.tree import consistency_ranges, is_consistent, range_hash
from audit.models import Checkpoint, PendingLeaf

log = structlog.get_logger(__name__)

# While lines come in, a checkpoint is made this often; whoever looks for work looks every 2 s, so that 10 s hold.
SPACING = timedelta(seconds=8)
LATE = timedelta(seconds=60)
# What may be over the next time.
_PASSING = (SigningUnavailableError, InconsistentLedgerError, DatabaseError, OSError)
STATE = "ledger.state"
TURN = "ledger"
_TEXT = re.compile(r"([^\n]+)\n(0|[1-9][0-9]*)\n([A-Za-z0-9+/]{43}=)\n")


@dataclass(frozen=True, slots=True)
class Head:
    """Size and root of the ledger at a moment."""

    size: int
    root: bytes


def make_checkpoint(patience: float = 0.0) -> Checkpoint | None:
    """Take up all lines that wait, and sign; return the newest checkpoint, which may be an older one.

    None: there is no line at all, or another process is at it and was not done within `patience` seconds. Must not be
    called in a transaction. Raises SigningUnavailableError, InconsistentLedgerError, OSError or django.db.Error.
    """
    with turn(TURN, patience) as is_ours:
        if not is_ours:
            return None
        while take_up_pending():
            pass
        return _sign_tree()


def request_checkpoint() -> None:
    """Make a checkpoint now if that is possible; otherwise `keep_checkpoints` does within seconds."""
    try:
        make_checkpoint()
    except _PASSING as error:
        log.warning("checkpoint_not_made", error=str(error))


def keep_checkpoints() -> None:
    """Make a checkpoint if lines wait for one, and publish what is not published. To be called every few seconds."""
    try:
        if _is_due():
            make_checkpoint()
        publish_checkpoints()
    except _PASSING as error:
        log.warning("checkpoint_not_made", error=str(error))
    except Exception:
        # Whoever calls this does so for ever, and must not stop because of what nobody thought of.
        log.exception("checkpoint_failed")


def latest_checkpoint() -> Checkpoint | None:
    return Checkpoint.objects.order_by("-size").first()


def why_inconsistent() -> str:
    """Return how the ledger contradicts what was signed, for people, or nothing."""
    try:
        # First what is signed, and then what is there: another machine may sign meanwhile.
        last = latest_checkpoint()
        _check_consistency(Head(size := tree_size(), root_at(size)), last)
    except InconsistentLedgerError as error:
        return str(error)
    return ""


def why_late() -> str:
    """Return that lines wait for a checkpoint for too long, for people, or nothing."""
    oldest = PendingLeaf.objects.select_related("event").order_by("pk").first()
    if oldest is None or timezone.now() - oldest.event.at < LATE:
        return ""
    return f"Lines of the ledger wait for a checkpoint since {oldest.event.at:%Y-%m-%d %H:%M:%S} UTC."


def parse_checkpoint(note: bytes, vkeys: list[str]) -> Head:
    """Return what a checkpoint states. Raises notes.NoteError if it is malformed or nobody known signed it."""
    parsed = notes.parse_note(note)
    notes.verify(parsed, vkeys)
    found = _TEXT.match(parsed.text)
    if found is None:
        raise notes.NoteError("Expected a checkpoint: an origin, a size and a root, each on a line.")
    try:
        return Head(int(found[2]), base64.b64decode(found[3], validate=True))
    except binascii.Error as error:
        raise notes.NoteError("The checkpoint's root is not base64.") from error


def _is_due() -> bool:
    last = latest_checkpoint()
    if not PendingLeaf.objects.exists() and (last.size if last else 0) == tree_size():
        return False
    # A clock that was set back must not keep checkpoints from being made.
    return last is None or not timedelta(0) <= timezone.now() - last.at < SPACING


def _sign_tree() -> Checkpoint | None:
    # In this order: another machine may grow and sign the tree meanwhile, and what is signed is never larger than what
    # is there; and while a key is rotated, both keys sign a tree that has the line about it.
    last = latest_checkpoint()
    size = tree_size()
    signers = current_signers()
    if size == 0:
        return None
    if last is None or last.size != size:
        head = Head(size, root_at(size))
        _check_consistency(head, last)
        last = _store_checkpoint(head, signers)
    finish_rotation()
    return last


def _store_checkpoint(head: Head, signers: list[notes.Signer]) -> Checkpoint:
    origin = notes.parse_vkey(signers[0].vkey()).name
    note = notes.sign(f"{origin}\n{head.size}\n{base64.b64encode(head.root).decode()}\n", *signers)
    # Before anybody can see the signature: what was signed is remembered whatever happens next.
    _remember(head)
    try:
        with transaction.atomic():
            return Checkpoint.objects.create(
                size=head.size, root=head.root.hex(), note=bytes(note).decode(), at=timezone.now()
            )
    except IntegrityError:
        # Another machine was quicker.
        return Checkpoint.objects.get(size=head.size)


def _check_consistency(head: Head, last: Checkpoint | None) -> None:
    """Raise InconsistentLedgerError unless the tree begins with everything that was signed before."""
    signed = [("this machine's memory", remembered) for remembered in [_remembered()] if remembered]
    if last is not None:
        signed.append(("the last checkpoint", _head_of(last)))
    for source, old in signed:
        if not 0 < old.size <= head.size:
            raise InconsistentLedgerError(
                f"The ledger has {head.size} lines, and {old.size} were signed before ({source}): lines are missing."
            )
        ranges = consistency_ranges(old.size, head.size)
        hashes = stored_hashes(*ranges)
        proof = [range_hash(leaves, hashes) for leaves in ranges]
        if not is_consistent(old.size, old.root, head.size, head.root, proof):
            raise InconsistentLedgerError(
                f"The first {old.size} lines of the ledger are not those that were signed before ({source})."
            )


def _head_of(checkpoint: Checkpoint) -> Head:
    try:
        head = parse_checkpoint(checkpoint.note.encode(), known_vkeys())
    except notes.NoteError as error:
        raise InconsistentLedgerError(f"The last checkpoint was changed: {error}") from error
    if (head.size, head.root.hex()) != (checkpoint.size, checkpoint.root):
        raise InconsistentLedgerError("The last checkpoint was changed: its row and its text differ.")
    return head


def _remembered() -> Head | None:
    try:
        state = read_state(STATE)
        return Head(int(state["size"]), bytes.fromhex(state["root"])) if state is not None else None
    except (ValueError, KeyError, TypeError) as error:
        raise InconsistentLedgerError(f"The file {STATE} is damaged: expected a size and a root.") from error


def _remember(head: Head) -> None:
    write_state(STATE, {"size": head.size, "root": head.root.hex()})
