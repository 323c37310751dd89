"""A recording that has ended is sealed: a signed manifest of everything that was stored, and a line of the ledger."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.utils import timezone
from pytest_django import Settings

from audit import sessions
from audit.asciicast import Header
from audit.events import Exit, Output
from audit.evidence import notes
from audit.evidence.checkpoints import parse_checkpoint
from audit.evidence.leaves import leaf_of
from audit.evidence.proofs import format_proof, proof_now, seal_line
from audit.evidence.signer import SigningUnavailableError, current_signer, known_vkeys
from audit.evidence.tree import leaf_hash, root_of_inclusion
from audit.models import AuditEvent, RecordingKey, Segment, Session
from audit.recording import chain, seal
from audit.recording.key import make_key, new_recording_key
from audit.recording.recorder import Outcome, open_recording
from audit.recording.recovery import recover_all
from audit.recording.seal import manifest_name, read_manifest, seal_recording, sign_manifest, wrapped_key_name
from audit.recording.storage import StorageError, load_object, recordings_storage, store_object
from tests.recordings import make_host, make_session, record_segments, web_login

pytestmark = pytest.mark.usefixtures("valkey")


@pytest.fixture
def session(bob: User) -> Session:
    """Two segments of a session that has ended."""
    session = make_session(bob, make_host("web-01"), state=Session.State.ENDED)
    record_segments(session, [Output(0.5, "one")], [Output(31.0, "two"), Exit(32.0, 0)])
    Session.objects.filter(pk=session.pk).update(ended_at=timezone.now(), end_reason="exit")
    session.refresh_from_db()
    return session


def sealed(session: Session) -> dict[str, Any]:
    """The stored manifest, verified."""
    note, manifest = read_manifest(load_object(manifest_name(session.pk)))
    assert notes.verify(note, known_vkeys())
    return manifest


def stored(name: str) -> Path:
    return Path(recordings_storage().path(name))


def test_the_manifest_says_who_where_when_and_binds_every_segment(session: Session, bob: User) -> None:
    seal_recording(session.pk, Session.State.SEALED)
    manifest = sealed(session)
    first, second = Segment.objects.filter(session=session).order_by("n")
    assert manifest | {"segments": [], "keys": []} == {
        "recording": str(session.pk),
        "person": "bob",
        "person_id": bob.pk,
        "host": "web-01",
        "host_id": str(session.host_id),
        "account": "deploy",
        "kind": "terminal",
        "started_at": "2026-11-20T14:00:00.000000Z",
        "ended_at": f"{session.ended_at:%Y-%m-%dT%H:%M:%S.%fZ}",
        "end_reason": "exit",
        "state": "sealed",
        "cols": 80,
        "rows": 24,
        "encoding": "utf-8",
        "has_gaps": False,
        "gaps": [],
        "events": 3,
        "output_bytes": 6,
        "segments": [],
        "keys": [],
        "chain": second.chain,
        "key_id": notes.parse_vkey(current_signer().vkey()).key_id,
    }
    assert manifest["segments"][0] == {
        "n": 0,
        "object": first.object_name,
        "object_sha256": first.object_sha256,
        "object_bytes": first.stored_bytes,
        "plain_sha256": first.plain_sha256,
        "plain_bytes": first.plain_bytes,
        "chain": first.chain,
        "start": 0.5,
        "end": 0.5,
        "events": 1,
        "key": 0,
        "recovered": False,
    }
    commitment = RecordingKey.objects.get(session=session).commitment
    assert manifest["keys"] == [{"ordinal": 0, "commitment": commitment, "first_segment": 0}]


def test_the_text_is_a_name_and_one_line_of_canonical_json(session: Session) -> None:
    seal_recording(session.pk, Session.State.SEALED)
    stored_note = load_object(manifest_name(session.pk))
    name, line, end = notes.parse_note(stored_note).text.split("\n")
    assert (name, end) == ("bastion-manifest-v1", "")
    assert line.startswith('{"account":"deploy","chain":"')
    assert line.isascii()


def test_the_seal_is_in_the_session_and_in_the_ledger(session: Session) -> None:
    seal_recording(session.pk, Session.State.SEALED)
    session.refresh_from_db()
    digest = hashlib.sha256(load_object(manifest_name(session.pk))).hexdigest()
    assert (session.state, session.manifest_sha256) == (Session.State.SEALED, digest)
    line = AuditEvent.objects.get(action="recording.sealed")
    assert (line.session_id, line.host_id) == (session.pk, session.host_id)
    last = Segment.objects.get(session=session, n=1)
    assert line.detail == {"manifest_sha256": digest, "chain": last.chain, "segments": 2, "state": "sealed"}
    assert AuditEvent.objects.filter(action="session.ended").count() == 1


def test_the_wrapped_key_is_kept_beside_what_it_opens(session: Session) -> None:
    seal_recording(session.pk, Session.State.SEALED)
    assert load_object(wrapped_key_name(session.pk, 0)) == bytes(
        RecordingKey.objects.get(session=session).wrapped or b""
    )


def test_each_closed_segment_is_anchored_in_the_ledger(session: Session) -> None:
    anchors = AuditEvent.objects.filter(action="session.anchored", session_id=session.pk).order_by("pk")
    segments = Segment.objects.filter(session=session).order_by("n")
    assert [anchor.detail for anchor in anchors] == [
        {"n": segment.n, "chain": segment.chain, "object_sha256": segment.object_sha256} for segment in segments
    ]


def test_the_proof_leads_from_the_line_to_the_checkpoint(session: Session) -> None:
    seal_recording(session.pk, Session.State.SEALED)
    line = seal_line(session)
    assert line is not None
    proof = proof_now(line)
    assert proof is not None
    digest = hashlib.sha256(proof.salt + proof.payload).hexdigest()
    assert leaf_of(line).decode().split("\n")[4] == digest
    head = parse_checkpoint(proof.checkpoint.encode(), known_vkeys())
    assert root_of_inclusion(leaf_hash(leaf_of(line)), proof.position, head.size, proof.hashes) == head.root
    text = format_proof(proof)
    assert text.startswith("c2sp.org/tlog-proof@v1\nextra ")
    assert text.endswith(proof.checkpoint)


def test_a_session_that_is_not_sealed_has_no_line_about_it(session: Session) -> None:
    assert seal_line(session) is None


def test_a_recording_without_one_event_is_sealed_too(bob: User) -> None:
    session = make_session(bob, make_host(), state=Session.State.ENDED)
    seal_recording(session.pk, Session.State.SEALED)
    assert sealed(session)["chain"] == chain.start(session.pk).hex()
    assert sealed(session)["keys"][0]["first_segment"] is None


def test_two_tries_make_the_same_bytes(session: Session) -> None:
    assert sign_manifest(session, Session.State.SEALED) == sign_manifest(session, Session.State.SEALED)


def test_sealing_again_changes_nothing(session: Session) -> None:
    seal_recording(session.pk, Session.State.SEALED)
    lines = AuditEvent.objects.count()
    seal_recording(session.pk, Session.State.RECOVERED)
    session.refresh_from_db()
    assert (session.state, AuditEvent.objects.count()) == (Session.State.SEALED, lines)


def test_a_try_that_died_after_storing_is_finished(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(seal, "_store_keys", _die)
        with pytest.raises(SystemExit):
            seal_recording(session.pk, Session.State.SEALED)
    seal_recording(session.pk, Session.State.SEALED)
    assert sealed(session)["state"] == "sealed"
    assert AuditEvent.objects.filter(action="recording.sealed").count() == 1


def _die(*_arguments: object) -> None:
    raise SystemExit


def test_a_try_that_died_before_the_key_was_rotated_is_finished(
    session: Session, monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path
) -> None:
    settings.SIGNING_KEY_FILE = tmp_path / "signing.key"
    with monkeypatch.context() as patch:
        patch.setattr(seal, "_store_keys", _die)
        with pytest.raises(SystemExit):
            seal_recording(session.pk, Session.State.SEALED)
    before = load_object(manifest_name(session.pk))
    call_command("rotate_signing_key")
    User.objects.filter(username="bob").delete()

    seal_recording(session.pk, Session.State.SEALED)
    session.refresh_from_db()
    assert load_object(manifest_name(session.pk)) == before
    assert session.manifest_sha256 == hashlib.sha256(before).hexdigest()


@pytest.mark.parametrize("what", ["another recording's manifest", "a manifest by a stranger", "something else"])
def test_what_lies_in_the_manifests_place_is_never_taken_for_it(session: Session, bob: User, what: str) -> None:
    manifest = sign_manifest(session, Session.State.SEALED)
    if what == "another recording's manifest":
        other = make_session(bob, make_host(), state=Session.State.ENDED)
        manifest = sign_manifest(other, Session.State.SEALED)
    elif what == "a manifest by a stranger":
        manifest = manifest[:-10] + b"A" * 8 + manifest[-2:]
    else:
        manifest = b"something"
    store_object(manifest_name(session.pk), manifest)
    with pytest.raises(StorageError, match="other bytes"):
        seal_recording(session.pk, Session.State.SEALED)
    session.refresh_from_db()
    assert session.state == Session.State.ENDED
    assert not AuditEvent.objects.filter(action="recording.sealed").exists()


def test_without_a_key_nothing_is_sealed(session: Session, settings: Settings, tmp_path: Path) -> None:
    settings.SIGNING_KEY_FILE = Path("/proc/none/signing.key")
    with pytest.raises(SigningUnavailableError):
        seal_recording(session.pk, Session.State.SEALED)
    session.refresh_from_db()
    assert (session.state, session.manifest_sha256) == (Session.State.ENDED, "")
    assert not stored(manifest_name(session.pk)).exists()
    settings.SIGNING_KEY_FILE = tmp_path / "signing.key"
    seal_recording(session.pk, Session.State.SEALED)
    assert sealed(session)


@pytest.mark.django_db(transaction=True)
def test_what_could_not_be_signed_is_sealed_by_recovery(
    bob: User, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("audit.recording.recorder.RETRY_SECONDS", 0.01)
    key_file = settings.SIGNING_KEY_FILE
    key, session_id = make_key(), uuid4()
    session = sessions.new_session(session_id, web_login(bob), make_host(), cols=80, rows=24)
    recorder = open_recording(session_id, key, Header(cols=80, rows=24, timestamp=1))
    sessions.save_started(session, new_recording_key(session_id, 0, key), web_login(bob), 1000)
    recorder.write([Output(0.1, "kept")])

    settings.SIGNING_KEY_FILE = Path("/proc/none/signing.key")
    recorder.finish(Outcome("exit", "", timezone.now())).result(60)
    session.refresh_from_db()
    assert session.state == Session.State.ENDED

    settings.SIGNING_KEY_FILE = key_file
    recover_all()
    session.refresh_from_db()
    assert session.state == Session.State.SEALED
    assert sealed(session)["end_reason"] == "exit"
