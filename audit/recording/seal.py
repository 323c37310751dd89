"""The end of a recording: a signed manifest of what was stored, kept beside the segments.

The manifest is made of rows alone and Ed25519 signs the same text alike each time, so that a second try stores the same
bytes. Nothing is sealed without a signature: what cannot be signed now is sealed by a recovery later.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import orjson
from django.db import transaction

from audit import ledger
from audit.evidence import notes
from audit.evidence.checkpoints import request_checkpoint
from audit.evidence.leaves import canonical_json, instant
from audit.evidence.signer import current_signer, known_vkeys
from audit.models import RecordingKey, Segment, Session
from audit.queue import request_indexing
from audit.recording import chain
from audit.recording.ownership import ensure_owner
from audit.recording.storage import StorageError, load_object, replace_object, store_object

FORMAT = "bastion-manifest-v1"
SEALED = frozenset({Session.State.SEALED, Session.State.RECOVERED, Session.State.IMPORTED})
# What two manifests of the same recording must agree on; a name or a key may have changed between two tries.
_EVIDENCE = ("recording", "started_at", "ended_at", "state", "segments", "keys", "chain")


def manifest_name(session_id: UUID) -> str:
    return f"{session_id.hex[:2]}/{session_id}/manifest.note"


def wrapped_key_name(session_id: UUID, ordinal: int) -> str:
    return f"{session_id.hex[:2]}/{session_id}/key-{ordinal}.age"


def build_manifest(session: Session, state: Session.State, key_id: str) -> dict[str, Any]:
    """Return what is sealed, from rows alone. `key_id` is the one of the key that will sign."""
    segments = list(Segment.objects.filter(session=session).defer("snapshot").order_by("n"))
    keys = RecordingKey.objects.filter(session=session).order_by("ordinal")
    return {
        "recording": str(session.pk),
        "person": session.user_name,
        "person_id": session.user_id,
        "host": session.host_name,
        "host_id": str(session.host_id),
        "account": session.account,
        "kind": session.kind,
        "started_at": instant(session.started_at),
        "ended_at": instant(session.ended_at) if session.ended_at else None,
        "end_reason": session.end_reason,
        "state": state.value,
        "cols": session.cols,
        "rows": session.rows,
        "encoding": session.encoding,
        "has_gaps": session.has_gaps,
        "gaps": session.gaps,
        "events": session.events,
        "output_bytes": session.output_bytes,
        "segments": [_segment_facts(segment) for segment in segments],
        "keys": [_key_facts(key, segments) for key in keys],
        "chain": segments[-1].chain if segments else chain.start(session.pk).hex(),
        "key_id": key_id,
    }


def _segment_facts(segment: Segment) -> dict[str, Any]:
    return {
        "n": segment.n,
        "object": segment.object_name,
        "object_sha256": segment.object_sha256,
        "object_bytes": segment.stored_bytes,
        "plain_sha256": segment.plain_sha256,
        "plain_bytes": segment.plain_bytes,
        "chain": segment.chain,
        "start": segment.start,
        "end": segment.end,
        "events": segment.events,
        "key": segment.key_ordinal,
        "recovered": segment.recovered,
    }


def _key_facts(key: RecordingKey, segments: Sequence[Segment]) -> dict[str, Any]:
    first = next((segment.n for segment in segments if segment.key_ordinal == key.ordinal), None)
    return {"ordinal": key.ordinal, "commitment": key.commitment, "first_segment": first}


def sign_manifest(session: Session, state: Session.State) -> bytes:
    """Return the signed note that seals a recording. Raises SigningUnavailableError."""
    signer = current_signer()
    manifest = build_manifest(session, state, notes.parse_vkey(signer.vkey()).key_id)
    return bytes(notes.sign(f"{FORMAT}\n{canonical_json(manifest).decode()}\n", signer))


def read_manifest(stored: bytes) -> tuple[notes.Note, dict[str, Any]]:
    """Return a stored manifest as note and content. Raises NoteError; its signatures are yet to be verified."""
    note = notes.parse_note(stored)
    lines = note.text.split("\n")
    if len(lines) != 3 or lines[0] != FORMAT:  # noqa: PLR2004 its name, its content, and the end of the last line
        raise notes.NoteError(f"Expected a note that begins with {FORMAT}, got {lines[0][:40]!r}.")
    try:
        content = orjson.loads(lines[1])
    except orjson.JSONDecodeError as error:
        raise notes.NoteError(f"The manifest is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise notes.NoteError("The manifest is not a JSON object.")
    return note, content


def seal_recording(
    session_id: UUID, state: Session.State, note_end: Callable[[Session, Session.State], None] | None = None
) -> None:
    """Store the signed manifest of a session that has ended and mark it `state` (one of SEALED). Safe to repeat.

    `note_end` writes the line that says how it ended, in the same transaction; by default as for our own recordings.
    Raises SigningUnavailableError, StorageError, OSError or django.db.Error; then nothing is sealed.
    """
    session = Session.objects.get(pk=session_id)
    if session.state in SEALED:
        return
    with transaction.atomic():
        ensure_owner(session_id)
    manifest = _store_manifest(session_id, sign_manifest(session, state))
    _store_keys(session_id)
    with transaction.atomic():
        ensure_owner(session_id)
        is_ours = (
            Session.objects.filter(pk=session_id)
            .exclude(state__in=SEALED)
            .update(state=state, manifest_sha256=hashlib.sha256(manifest).hexdigest())
        )
        if is_ours:
            (note_end or _note_end)(session, state)
            _note_seal(session, manifest)
    # The last pass over a recording needs to know that nothing more comes.
    request_indexing(session_id)
    transaction.on_commit(request_checkpoint, robust=True)


def _store_manifest(session_id: UUID, manifest: bytes) -> bytes:
    """Store the manifest and return the one that is stored: ours, or what an earlier try signed with another key."""
    name = manifest_name(session_id)
    try:
        store_object(name, manifest)
    except StorageError:
        stored = load_object(name)
        if not _is_same_evidence(stored, manifest):
            raise
        return stored
    return manifest


def _is_same_evidence(stored: bytes, manifest: bytes) -> bool:
    try:
        note, before = read_manifest(stored)
        notes.verify(note, known_vkeys())
        _, ours = read_manifest(manifest)
    except notes.NoteError:
        return False
    return all(before.get(name) == ours[name] for name in _EVIDENCE)


def _store_keys(session_id: UUID) -> None:
    """Keep the wrapped keys beside what they open, so that the store alone is enough for those who may read."""
    for key in RecordingKey.objects.filter(session_id=session_id, wrapped__isnull=False):
        replace_object(wrapped_key_name(session_id, key.ordinal), bytes(key.wrapped or b""))


def _note_end(session: Session, state: Session.State) -> None:
    action = ledger.Action.RECORDING_RECOVERED if state == Session.State.RECOVERED else ledger.Action.SESSION_ENDED
    ledger.record_about(
        session,
        action,
        None,
        actor_name=session.user_name,
        detail={"reason": session.end_reason, "detail": session.end_detail, "seconds": session.duration},
    )


def _note_seal(session: Session, manifest: bytes) -> None:
    _, content = read_manifest(manifest)
    ledger.record_about(
        session,
        ledger.Action.RECORDING_SEALED,
        None,
        detail={
            "manifest_sha256": hashlib.sha256(manifest).hexdigest(),
            "chain": content["chain"],
            "segments": len(content["segments"]),
            "state": content["state"],
        },
    )
