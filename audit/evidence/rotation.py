"""Another signing key in the place of the one in use. What the old one signed stays valid, by its public half.

The steps, each of which may be the last before a crash:

1. the new key is written beside the old one;
2. in one transaction, the new public half becomes the one that counts, and a line of the ledger says so;
3. the next checkpoint, by whichever process makes it, is signed by both keys;
4. the new key takes the place of the old one, whose private half is gone then.
"""

from __future__ import annotations

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from audit import ledger
from audit.evidence.checkpoints import TURN, make_checkpoint
from audit.evidence.machine import turn
from audit.evidence.notes import parse_vkey
from audit.evidence.signer import (
    SigningUnavailableError,
    active_vkey,
    current_signer,
    finish_rotation,
    known_vkeys,
    make_key_file,
    next_key_file,
    read_signer,
    register,
)
from audit.models import VerificationKey

PATIENCE_SECONDS = 30.0


def rotate_signing_key(by: str) -> str:
    """Replace the key that signs; return the new public half. Raises SigningUnavailableError, InconsistentLedgerError.

    `by` is who does it. Run it where the key file is; other machines get a copy of the new file.
    """
    # Also finishes a rotation that a crash left half done.
    make_checkpoint(PATIENCE_SECONDS)
    current_signer()
    return _rotate(by, is_lost=False)


def replace_lost_key(by: str) -> str:
    """Make a new key where the old one cannot sign any more: nothing but the ledger ties the two together.

    Raises SigningUnavailableError if the key in use can sign, InconsistentLedgerError.
    """
    try:
        current_signer()
    except SigningUnavailableError:
        path = settings.SIGNING_KEY_FILE
        if path.exists():
            path.rename(path.with_name(f"{path.name}.unusable"))
    else:
        raise SigningUnavailableError("The signing key is there and can sign. Rotate it without --lost.")
    return _rotate(by, is_lost=True)


def _rotate(by: str, *, is_lost: bool) -> str:
    with turn(TURN, PATIENCE_SECONDS) as is_ours:
        if not is_ours:
            raise SigningUnavailableError("Another process has been signing for 30 s. Try again.")
        finish_rotation()
        old = active_vkey()
        waiting = next_key_file()
        if waiting.exists() and read_signer(waiting).vkey() not in known_vkeys():
            # Left by a rotation that ended before its key counted: nothing was ever signed with it.
            waiting.unlink()
        make_key_file(waiting, parse_vkey(old).name if old else "")
        new = read_signer(waiting)
        with transaction.atomic():
            VerificationKey.objects.filter(retired_at=None).update(retired_at=timezone.now())
            register(new)
            _note_rotation(by, old, new.vkey(), is_lost=is_lost)
    make_checkpoint(PATIENCE_SECONDS)
    return new.vkey()


def _note_rotation(by: str, old: str | None, new: str, *, is_lost: bool) -> None:
    key = parse_vkey(new)
    ledger.record(
        ledger.Action.KEY_ROTATED,
        login=None,
        actor_name=by,
        object_type="signing_key",
        object_id=key.key_id,
        object_name=key.name,
        detail={"new": new, "old": old, "old_is_lost": is_lost},
    )
