"""Wrapped keys, in rows and beside the recordings that they open: wrapping them again for other people."""

from __future__ import annotations

from dataclasses import dataclass, field

import structlog

from audit import ledger
from audit.models import AuditEvent, RecordingKey, Session
from audit.recording.key import KeyUnavailableError, commitment, recipients, unwrap, wrap
from audit.recording.seal import SEALED, wrapped_key_name
from audit.recording.storage import StorageError, delete_object, replace_object

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Rewrapped:
    """What a pass over all keys did, or with `is_dry` would have done."""

    is_dry: bool
    recipients: list[str]
    keys: int = 0
    objects: int = 0
    # Recordings that are still made: their keys are stored, as they were wrapped, at their end.
    unsealed: int = 0
    failed: int = 0
    # The first reasons for failures, for people.
    reasons: list[str] = field(default_factory=list)


MOST_REASONS = 10


def rewrap_keys(actor_name: str, *, is_dry: bool = False) -> Rewrapped:
    """Wrap every key, in its row and beside its recording, for those who may read from now on.

    Each key is done on its own: a pass that is interrupted has done some, and another one does all again. With `is_dry`
    everything is tried and nothing written. One line in the ledger says what was done, also if it was interrupted.
    Raises KeyUnavailableError if it is not known who may read.
    """
    result = Rewrapped(is_dry, sorted(str(recipient) for recipient in recipients()))
    try:
        for key in RecordingKey.objects.filter(wrapped__isnull=False).order_by("pk").iterator(chunk_size=500):
            try:
                _rewrap(key, result)
            except (KeyUnavailableError, StorageError) as error:
                result.failed += 1
                if len(result.reasons) < MOST_REASONS:
                    result.reasons.append(f"{key}: {error}")
    finally:
        if not is_dry:
            _note(result, actor_name)
    return result


def _rewrap(key: RecordingKey, result: Rewrapped) -> None:
    before = bytes(key.wrapped or b"")
    plain = unwrap(before)
    if commitment(plain) != key.commitment:
        raise KeyUnavailableError("It is not the key that the recording was made with.")
    wrapped = wrap(plain)
    is_sealed = Session.objects.filter(pk=key.session_id, state__in=SEALED).exists()
    if not result.is_dry:
        # Not one that was destroyed, or wrapped again by somebody else, since it was read.
        is_ours = RecordingKey.objects.filter(pk=key.pk, wrapped=before).update(wrapped=wrapped)
        if not is_ours:
            return
        if is_sealed:
            _replace_object(key, wrapped)
    result.keys += 1
    result.objects += is_sealed
    result.unsealed += not is_sealed


def _replace_object(key: RecordingKey, wrapped: bytes) -> None:
    name = wrapped_key_name(key.session_id, key.ordinal)
    replace_object(name, wrapped)
    if not RecordingKey.objects.filter(pk=key.pk, wrapped__isnull=False).exists():
        # The recording was deleted in between, and its key must not come back.
        delete_object(name)


def _note(result: Rewrapped, actor_name: str) -> None:
    counts = {"keys": result.keys, "objects": result.objects, "failed": result.failed}
    outcome = AuditEvent.Outcome.FAILED if result.failed else AuditEvent.Outcome.OK
    ledger.record(
        ledger.Action.KEY_REWRAPPED,
        login=None,
        actor_name=actor_name,
        outcome=outcome,
        object_type="key",
        detail={**counts, "recipients": result.recipients},
    )
