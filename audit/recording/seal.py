"""The end of a recording: a manifest of what was stored, kept beside the segments."""

from __future__ import annotations

import hashlib
from uuid import UUID

import orjson
from django.db import transaction

from audit import ledger
from audit.models import AuditEvent, Segment, Session
from audit.queue import request_indexing
from audit.recording import chain
from audit.recording.storage import store_object


def manifest_name(session_id: UUID) -> str:
    return f"{session_id.hex[:2]}/{session_id}/manifest.json"


def build_manifest(session: Session, state: Session.State) -> bytes:
    """Return the manifest as canonical JSON: made of rows alone, so that a second try makes the same bytes."""
    segments = list(Segment.objects.filter(session=session).order_by("n"))
    manifest = {
        "format": "bastion-manifest-v1",
        "recording": str(session.pk),
        "person": session.user_name,
        "host": session.host_name,
        "account": session.account,
        "started_at": session.started_at.isoformat(),
        "ended_at": session.ended_at.isoformat() if session.ended_at else None,
        "end_reason": session.end_reason,
        "state": state,
        "has_gaps": session.has_gaps,
        "segments": [
            {
                "n": segment.n,
                "object": segment.object_name,
                "object_sha256": segment.object_sha256,
                "plain_sha256": segment.plain_sha256,
                "chain": segment.chain,
                "start": segment.start,
                "end": segment.end,
                "events": segment.events,
                "recovered": segment.recovered,
            }
            for segment in segments
        ],
        "chain": segments[-1].chain if segments else chain.start(session.pk).hex(),
    }
    return orjson.dumps(manifest, option=orjson.OPT_SORT_KEYS)


def seal_recording(session_id: UUID, state: Session.State) -> None:
    """Store the manifest of a session that has ended and mark it `state` (sealed or recovered). Safe to repeat."""
    session = Session.objects.get(pk=session_id)
    if session.state in {Session.State.SEALED, Session.State.RECOVERED}:
        return
    manifest = build_manifest(session, state)
    store_object(manifest_name(session_id), manifest)
    with transaction.atomic():
        is_ours = (
            Session.objects.filter(pk=session_id)
            .exclude(state__in=[Session.State.SEALED, Session.State.RECOVERED])
            .update(state=state, manifest_sha256=hashlib.sha256(manifest).hexdigest())
        )
        if is_ours:
            _note_end(session, state)
    # The last pass over a recording needs to know that nothing more comes.
    request_indexing(session_id)


def note_lost(session: Session) -> None:
    """Write down that a session's recording is not there any more."""
    session.end_reason, session.end_detail = "lost", "The directory of this recording is missing."
    _record(ledger.Action.SESSION_ENDED, session, AuditEvent.Outcome.FAILED)


def _note_end(session: Session, state: Session.State) -> None:
    action = ledger.Action.RECORDING_RECOVERED if state == Session.State.RECOVERED else ledger.Action.SESSION_ENDED
    _record(action, session, AuditEvent.Outcome.OK)


def _record(action: ledger.Action, session: Session, outcome: AuditEvent.Outcome) -> None:
    ledger.record(
        action,
        outcome=outcome,
        login=None,
        actor_name=session.user_name,
        object_type="session",
        object_id=str(session.pk),
        object_name=f"{session.user_name} → {session.host_name}",
        host_id=session.host_id,
        session_id=session.pk,
        detail={"reason": session.end_reason, "detail": session.end_detail, "seconds": session.duration},
    )
