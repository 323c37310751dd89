"""A recording whose process died is completed from its files: every whole event, and nothing else is touched."""

from __future__ import annotations

import os
import shutil
import threading
from uuid import uuid4

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone

from audit import sessions
from audit.asciicast import Header
from audit.events import Output, Resize
from audit.models import AuditEvent, RecordingKey, Segment, Session
from audit.recording.directory import LockedError, create_directory, has_directory, lock_directory
from audit.recording.key import make_key, new_recording_key
from audit.recording.recorder import Outcome, open_recording
from audit.recording.recovery import recover_all
from audit.recording.salvage import split_torn
from audit.recording.segment import RecordingFailedError
from hosts.models import Host
from tests.crashes import begin, die, make_old, shown_in
from tests.polling import eventually
from tests.recordings import make_host, web_login

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def host() -> Host:
    return make_host("web-01")


def test_every_whole_event_is_kept_and_marked_recovered(bob: User, host: Host) -> None:
    recorder = begin(bob, host)
    recorder.write([Output(0.1, "one\r\n"), Resize(0.2, 100, 30), Output(0.5, "two\r\n")])
    die(recorder)

    assert recorder.session_id in recover_all()

    session = Session.objects.get(pk=recorder.session_id)
    assert (session.state, session.end_reason, session.duration) == (Session.State.RECOVERED, "recovered", 0.5)
    assert shown_in(session.pk) == "one\r\ntwo\r\n"
    assert session.ended_at is not None
    assert not has_directory(session.pk)
    assert Segment.objects.get(session=session).recovered
    assert AuditEvent.objects.filter(action="recording.recovered", session_id=session.pk).count() == 1


@pytest.mark.parametrize("cut", range(1, 40, 3))
def test_a_torn_event_is_set_aside(bob: User, host: Host, cut: int) -> None:
    recorder = begin(bob, host)
    recorder.write([Output(0.1, "whole")])
    recorder.write([Output(0.2, "exact \ufffd and torn", exact=b"exact \xff and torn")])
    path = die(recorder) / "0.cast"
    os.truncate(path, path.stat().st_size - cut)

    recover_all()

    assert shown_in(recorder.session_id) == "whole"
    torn = settings.RECORDINGS_DIR / "torn" / f"{recorder.session_id}-0"
    assert b"ZXhhY3Qg" in torn.read_bytes()


def test_a_live_recording_is_never_touched(bob: User, host: Host) -> None:
    recorder = begin(bob, host)
    recorder.write([Output(0.1, "alive")])

    assert recorder.session_id not in recover_all()

    assert Session.objects.get(pk=recorder.session_id).state == Session.State.LIVE
    recorder.write([Output(0.2, " and well")])
    die(recorder)
    recover_all()
    assert shown_in(recorder.session_id) == "alive and well"


def test_one_bad_recording_does_not_keep_the_others_from_being_sealed(bob: User, host: Host) -> None:
    recorders = [begin(bob, host) for _ in range(3)]
    for recorder in recorders:
        recorder.write([Output(0.1, "x")])
    bad, *good = sorted(recorders, key=lambda recorder: str(recorder.session_id))
    (die(bad) / "0.cast").write_bytes(b"\x00garbage\n[not json\n")
    for recorder in good:
        die(recorder)

    recover_all()

    assert {Session.objects.get(pk=recorder.session_id).state for recorder in good} == {Session.State.RECOVERED}


def test_recovering_again_and_at_the_same_time_changes_nothing(bob: User, host: Host) -> None:
    recorders = [begin(bob, host) for _ in range(4)]
    for recorder in recorders:
        recorder.write([Output(0.1, "once")])
        die(recorder)

    threads = [threading.Thread(target=recover_all) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    recover_all()

    for recorder in recorders:
        assert shown_in(recorder.session_id) == "once"
        assert Session.objects.get(pk=recorder.session_id).state == Session.State.RECOVERED
        assert AuditEvent.objects.filter(session_id=recorder.session_id, action="recording.recovered").count() == 1


def test_a_directory_without_a_session_is_set_aside_when_it_is_old() -> None:
    session_id = uuid4()
    path = die(open_recording(session_id, make_key(), Header(cols=80, rows=24, timestamp=1)))

    recover_all()
    assert has_directory(session_id), "its row may be on its way"

    make_old(path)
    recover_all()
    assert not has_directory(session_id)
    assert (settings.RECORDINGS_DIR / "orphaned" / str(session_id) / "0.cast").exists()


def test_a_session_whose_row_is_on_its_way_is_left_alone(bob: User, host: Host) -> None:
    session_id, key = uuid4(), make_key()
    session = sessions.new_session(session_id, web_login(bob), host, cols=80, rows=24)
    recorder = open_recording(session_id, key, Header(cols=80, rows=24, timestamp=1))
    make_old(recorder._directory.path)

    recover_all()

    sessions.save_started(session, new_recording_key(session_id, 0, key), web_login(bob), 1000)
    recorder.write([Output(0.1, "in time")])
    die(recorder)
    recover_all()
    assert shown_in(session_id) == "in time"


def test_a_second_recorder_for_the_same_recording_is_refused(bob: User, host: Host) -> None:
    recorder = begin(bob, host)
    with pytest.raises(RecordingFailedError):
        open_recording(recorder.session_id, make_key(), Header(cols=80, rows=24, timestamp=1))
    with pytest.raises(FileExistsError):
        create_directory(recorder.session_id)
    with pytest.raises(LockedError):
        lock_directory(recorder.session_id)

    recorder.write([Output(0.1, "mine alone")])
    die(recorder)
    recover_all()
    assert shown_in(recorder.session_id) == "mine alone"


def test_a_lock_on_a_directory_that_was_removed_is_none(bob: User, host: Host) -> None:
    recorder = begin(bob, host)
    path = die(recorder)
    kept = lock_directory(recorder.session_id)
    (path / "lock").unlink()
    again = lock_directory(recorder.session_id)
    assert os.fstat(again._descriptor).st_ino != os.fstat(kept._descriptor).st_ino
    kept.release()
    again.release()


def test_what_is_left_is_encrypted_with_a_key_of_its_own(bob: User, host: Host) -> None:
    recorder = begin(bob, host)
    recorder.write([Output(0.1, "before")])
    die(recorder)

    recover_all()

    first, second = RecordingKey.objects.filter(session_id=recorder.session_id)
    assert (first.ordinal, second.ordinal) == (0, 1)
    assert first.commitment != second.commitment
    assert Segment.objects.get(session_id=recorder.session_id).key_ordinal == 1
    assert shown_in(recorder.session_id) == "before"


def test_how_a_session_ended_that_the_database_could_not_be_told_is_kept(bob: User, host: Host) -> None:
    recorder = begin(bob, host)
    recorder.write([Output(0.1, "all of it")])
    ended_at = timezone.now()
    recorder._directory.save_outcome(
        {
            "reason": "cannot_record",
            "detail": "Recording failed: No space left on device.",
            "ended_at": ended_at,
            "exit_status": 3,
            "exit_signal": "",
        }
    )
    die(recorder)

    recover_all()
    recover_all()

    session = Session.objects.get(pk=recorder.session_id)
    assert (session.state, session.end_reason, session.exit_status) == (Session.State.SEALED, "cannot_record", 3)
    assert (session.ended_at, session.end_detail) == (ended_at, "Recording failed: No space left on device.")
    assert shown_in(session.pk) == "all of it"
    ends = AuditEvent.objects.filter(session_id=session.pk, action__in=["session.ended", "recording.recovered"])
    assert [line.action for line in ends] == ["session.ended"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"reason":"exit"}', b'{"reason":1,"detail":2,"ended_at":3}'])
def test_an_outcome_that_cannot_be_read_is_none(bob: User, host: Host, content: bytes) -> None:
    recorder = begin(bob, host)
    (die(recorder) / "outcome.json").write_bytes(content)

    recover_all()

    session = Session.objects.get(pk=recorder.session_id)
    assert (session.state, session.end_reason) == (Session.State.RECOVERED, "recovered")


def test_a_directory_that_comes_back_after_its_seal_is_set_aside(bob: User, host: Host) -> None:
    recorder = begin(bob, host)
    recorder.write([Output(0.1, "sealed")])
    copy = die(recorder).with_name("copy")
    shutil.copytree(recorder._directory.path, copy)
    recover_all()
    copy.rename(recorder._directory.path)
    sealed = Session.objects.get(pk=recorder.session_id)

    recover_all()

    assert not has_directory(recorder.session_id)
    assert (settings.RECORDINGS_DIR / "orphaned" / str(recorder.session_id) / "0.cast").exists()
    after = Session.objects.get(pk=recorder.session_id)
    assert (after.manifest_sha256, after.events) == (sealed.manifest_sha256, sealed.events)


def test_whole_lines_are_told_from_torn_ones() -> None:
    header, first = b'{"version":2}\n', b'[0.1,"o","a"]\n'
    exact, second = b'[0.2,"b","/w=="]\n', b'[0.2,"o","\\ufffd"]\n'

    assert split_torn(header + first + exact + second) == (header + first + exact + second, b"")
    assert split_torn(header + first + exact + second[:5]) == (header + first, exact + second[:5])
    assert split_torn(header + first + exact) == (header + first, exact)
    assert split_torn(header[:5]) == (b"", header[:5])
    assert split_torn(b"") == (b"", b"")


def test_a_session_that_ended_but_was_not_sealed_keeps_its_facts(bob: User, host: Host) -> None:
    recorder = begin(bob, host)
    recorder.write([Output(0.1, "one"), Resize(0.4, 100, 30), Output(0.5, "two")])
    Session.objects.filter(pk=recorder.session_id).update(state=Session.State.ENDED, end_reason="exit")
    die(recorder)

    recover_all()

    session = Session.objects.get(pk=recorder.session_id)
    assert (session.state, session.end_reason) == (Session.State.SEALED, "exit")
    assert (session.duration, session.events, session.output_bytes) == (0.5, 3, 6)
    assert not Segment.objects.get(session=session).recovered


def test_a_segment_without_a_whole_event_is_not_stored(bob: User, host: Host) -> None:
    recorder = begin(bob, host)
    recorder.write([Output(0.5, "kept")])
    (die(recorder) / "1.cast").write_bytes(b'[0.6,"o","to')

    recover_all()

    session = Session.objects.get(pk=recorder.session_id)
    assert (shown_in(session.pk), session.duration, session.segments.count()) == ("kept", 0.5, 1)


def test_a_finished_recording_takes_nothing_more_and_leaves_nothing_behind(bob: User, host: Host) -> None:
    recorder = begin(bob, host)
    recorder.write([Output(0.1, "all")])
    recorder.finish(Outcome("exit", "", timezone.now())).result(30)

    with pytest.raises(RecordingFailedError):
        recorder.write([Output(0.2, "late")])
    assert not has_directory(recorder.session_id)
    assert Session.objects.get(pk=recorder.session_id).state == Session.State.SEALED


def test_a_recording_that_is_removed_while_it_is_made_fails(bob: User, host: Host) -> None:
    recorder = begin(bob, host)
    shutil.rmtree(recorder._directory.path)

    def refusal() -> str:
        try:
            recorder.write([Output(0.1, "x")])
        except RecordingFailedError as error:
            return str(error)
        return ""

    assert "removed" in eventually(refusal)
    die(recorder)
