"""Verifying finds every change of what is stored, and tells a change from what cannot be read."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.utils import timezone

from audit.events import Exit, Output
from audit.evidence.notes import parse_note, parse_vkey, sign
from audit.evidence.rotation import rotate_signing_key
from audit.evidence.signer import current_signer, known_vkeys
from audit.models import AuditEvent, RecordingKey, Segment, Session
from audit.proof import WORDS
from audit.recording.key import recording_key
from audit.recording.objects import encode_object
from audit.recording.seal import manifest_name, seal_recording
from audit.recording.shipping import chain_before
from audit.recording.storage import recordings_storage
from audit.retention.deletion import delete_by_order
from audit.verify import Verdict, verify_recording
from tests.recordings import make_host, make_session, record_segments

pytestmark = pytest.mark.usefixtures("valkey")


@pytest.fixture
def session(bob: User) -> Session:
    """Three segments, sealed."""
    session = make_session(bob, make_host(), state=Session.State.ENDED)
    record_segments(
        session,
        [Output(0.1234567, "one"), Output(1.0, "caf\u00e9")],
        [Output(31.0, "two")],
        [Output(61.0, "three"), Exit(62.0, 0)],
    )
    seal_recording(session.pk, Session.State.SEALED)
    session.refresh_from_db()
    return session


def stored(name: str) -> Path:
    return Path(recordings_storage().path(name))


def overwrite(path: Path, content: bytes) -> None:
    path.chmod(stat.S_IRUSR | stat.S_IWUSR)
    path.write_bytes(content)


def object_of(session: Session, n: int) -> Path:
    return stored(Segment.objects.get(session=session, n=n).object_name)


def test_a_recording_that_nobody_touched_is_intact(session: Session) -> None:
    report = verify_recording(session)
    assert (report.verdict, report.segments, report.problems) == (Verdict.INTACT, 3, [])
    assert report.chain == Segment.objects.get(session=session, n=2).chain


def test_a_recording_that_still_grows_is_checked_as_far_as_it_is(bob: User) -> None:
    running = make_session(bob, make_host())
    assert verify_recording(running).verdict is Verdict.UNDECIDED
    record_segments(running, [Output(1.0, "x")])
    report = verify_recording(running)
    assert (report.verdict, report.is_sealed, report.segments) == (Verdict.INTACT, False, 1)


def flip_a_bit(session: Session) -> None:
    path = object_of(session, 1)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    overwrite(path, bytes(content))


def another_object(session: Session) -> bytes:
    """Segment 1 with another text, encrypted with the recording's own key."""
    plain = b'[31.0,"o","TWO"]\n'
    return encode_object(recording_key(session.pk), session.pk, 1, chain_before(session.pk, 1), plain)


def replace_the_content(session: Session) -> None:
    overwrite(object_of(session, 1), another_object(session))


def replace_content_and_row(session: Session) -> None:
    stored_object = another_object(session)
    overwrite(object_of(session, 1), stored_object)
    Segment.objects.filter(session=session, n=1).update(object_sha256=hashlib.sha256(stored_object).hexdigest())


def remove_an_object(session: Session) -> None:
    object_of(session, 1).unlink()


def remove_a_segment(session: Session) -> None:
    Segment.objects.filter(session=session, n=1).delete()


def remove_the_last_segment(session: Session) -> None:
    Segment.objects.filter(session=session, n=2).delete()


def swap_two_segments(session: Session) -> None:
    first, second = object_of(session, 1).read_bytes(), object_of(session, 2).read_bytes()
    overwrite(object_of(session, 1), second)
    overwrite(object_of(session, 2), first)


def move_the_times(session: Session) -> None:
    Segment.objects.filter(session=session, n=1).update(start=40.0)


def change_the_chain(session: Session) -> None:
    Segment.objects.filter(session=session, n=1).update(chain="ab" * 32)


def remove_the_manifest(session: Session) -> None:
    stored(manifest_name(session.pk)).unlink()


def change_the_manifest(session: Session) -> None:
    path = stored(manifest_name(session.pk))
    overwrite(path, path.read_bytes().replace(b'"person":"bob"', b'"person":"eve"'))


def replace_manifest_and_row(session: Session) -> None:
    """Signed with the real key: only the ledger knows better."""
    path = stored(manifest_name(session.pk))
    text = parse_note(path.read_bytes()).text.replace('"person":"bob"', '"person":"eve"')
    overwrite(path, bytes(sign(text, current_signer())))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    Session.objects.filter(pk=session.pk).update(manifest_sha256=digest, user_name="eve")
    session.refresh_from_db()


def change_the_row(session: Session) -> None:
    Session.objects.filter(pk=session.pk).update(user_name="eve")
    session.refresh_from_db()


def claim_that_it_goes_on(session: Session) -> None:
    """A row that says it was never sealed must not keep the seal from being checked."""
    Session.objects.filter(pk=session.pk).update(state=Session.State.LIVE, manifest_sha256="")
    session.refresh_from_db()


def mark_it_as_deleted(session: Session) -> None:
    Session.objects.filter(pk=session.pk).update(deleted_at=timezone.now())
    session.refresh_from_db()


@pytest.mark.parametrize(
    "change",
    [
        flip_a_bit,
        replace_the_content,
        replace_content_and_row,
        remove_an_object,
        remove_a_segment,
        remove_the_last_segment,
        swap_two_segments,
        move_the_times,
        change_the_chain,
        remove_the_manifest,
        change_the_manifest,
        replace_manifest_and_row,
        change_the_row,
        claim_that_it_goes_on,
        mark_it_as_deleted,
    ],
)
def test_every_change_is_found(session: Session, change: Callable[[Session], None]) -> None:
    change(session)
    report = verify_recording(session)
    assert report.verdict is Verdict.ALTERED
    assert {problem.segment for problem in report.problems} <= {None, 1, 2}


def test_one_altered_segment_does_not_make_the_others_look_altered(session: Session) -> None:
    flip_a_bit(session)
    assert {problem.segment for problem in verify_recording(session).problems} == {1}


def test_what_cannot_be_opened_is_undecided(session: Session) -> None:
    RecordingKey.objects.filter(session=session).update(wrapped=b"lost")
    assert verify_recording(session).verdict is Verdict.UNDECIDED


def test_it_says_in_words_what_it_found(session: Session, bob: User) -> None:
    report = verify_recording(session)
    assert report.state == f"Sealed and verified. {WORDS['sealed'].text}"
    assert report.signature is not None
    assert (report.signature.ok, report.signature.key_id) == (True, parse_vkey(known_vkeys()[0]).key_id)
    recovered = make_session(bob, make_host(), state=Session.State.ENDED)
    record_segments(recovered, [Output(1.0, "x")])
    seal_recording(recovered.pk, Session.State.RECOVERED)
    recovered.refresh_from_db()
    assert verify_recording(recovered).state.startswith("Recovered and verified. ")
    flip_a_bit(session)
    assert verify_recording(session).state.startswith("Altered. ")
    running = make_session(bob, make_host())
    record_segments(running, [Output(1.0, "x")])
    report = verify_recording(running)
    assert (report.signature, report.state.partition(". ")[0]) == (None, "Not sealed yet")


def test_a_manifest_from_before_there_were_signatures_is_told_from_a_sealed_one(session: Session) -> None:
    earlier = orjson.dumps({"format": "bastion-manifest-v1", "recording": str(session.pk)})
    stored(manifest_name(session.pk)).unlink()
    stored(manifest_name(session.pk)).with_name("manifest.json").write_bytes(earlier)
    Session.objects.filter(pk=session.pk).update(manifest_sha256=hashlib.sha256(earlier).hexdigest())
    session.refresh_from_db()
    report = verify_recording(session)
    assert (report.verdict, report.signature) == (Verdict.UNDECIDED, None)
    assert report.state.startswith("Sealed before there were signatures.")


def test_an_import_from_before_imports_were_sealed_is_what_it_is(bob: User) -> None:
    session = make_session(bob, make_host(), state=Session.State.IMPORTED)
    record_segments(session, [Output(1.0, "x")])
    report = verify_recording(session)
    assert (report.verdict, report.is_sealed) == (Verdict.INTACT, False)
    assert report.state.startswith("Imported before imports were sealed.")


def test_of_a_deleted_recording_the_seal_and_the_ledger_are_checked(session: Session) -> None:
    delete_by_order(session.pk, "asked for", "alice")
    session.refresh_from_db()
    report = verify_recording(session)
    assert (report.verdict, report.segments, report.problems) == (Verdict.INTACT, 0, [])
    assert report.state.startswith("Deleted and verified. ")


def test_what_was_sealed_stays_verified_after_the_signing_key_was_rotated(session: Session) -> None:
    rotate_signing_key("alice")
    assert verify_recording(session).verdict is Verdict.INTACT


def test_it_does_not_matter_that_the_person_is_gone(session: Session, bob: User) -> None:
    bob.delete()
    session.refresh_from_db()
    assert verify_recording(session).problems == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_what_cannot_be_read_is_undecided(session: Session) -> None:
    object_of(session, 1).chmod(0)
    assert verify_recording(session).verdict is Verdict.UNDECIDED


def run(*arguments: str) -> int:
    try:
        call_command("verify_recording", *arguments)
    except SystemExit as ended:
        return int(str(ended.code))
    return 0


def test_the_command_says_it_with_its_exit_status(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(str(session.pk)) == 0
    assert f"{session.pk} intact: 3 segments, sealed" in capsys.readouterr().out
    assert run("--all") == 0
    RecordingKey.objects.filter(session=session).update(wrapped=b"lost")
    assert run(str(session.pk)) == 4
    flip_a_bit(session)
    assert run(str(session.pk)) == 1
    assert "segment 1: " in capsys.readouterr().out
    assert AuditEvent.objects.filter(action="recording.verified").count() == 4
    assert run("00000000-0000-0000-0000-000000000000") == 4
