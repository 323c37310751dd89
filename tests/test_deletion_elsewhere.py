"""What a machine has kept of a recording that was deleted elsewhere goes, too, and does not come back to life."""

from __future__ import annotations

import shutil

import pytest
from django.conf import settings
from django.contrib.auth.models import User

from audit.asciicast import Header, encode_event, encode_header
from audit.events import Output
from audit.models import RetentionPolicy, Session
from audit.recording.directory import create_directory
from audit.recording.recovery import recover_all
from audit.retention.sweep import apply_retention
from hosts.models import Host
from tests.kept_recordings import keep_recording, objects_of, set_aside
from tests.recordings import make_host

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]


@pytest.fixture
def host(transactional_db: None) -> Host:
    RetentionPolicy.objects.create(days=30)
    return make_host("web-01")


def test_what_another_machine_set_aside_goes_when_a_run_is_there(bob: User, host: Host) -> None:
    old, kept = keep_recording(bob, host, days=31), keep_recording(bob, host, days=1)
    apply_retention()
    running = settings.OPEN_DIR / str(old.pk)
    for path in [*set_aside(old), running / "0.cast"]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"on a disk that the deletion did not reach")
    stranger = settings.RECORDINGS_DIR / "torn" / "notes.txt"
    stranger.write_bytes(b"of somebody else")

    apply_retention()

    assert not any(path.exists() for path in set_aside(old))
    assert all(path.exists() for path in set_aside(kept))
    # Not ours to judge: recovery looks at what is here, and at what it cannot tell nobody looks.
    assert running.exists()
    assert stranger.exists()
    shutil.rmtree(running)


def test_a_lost_recording_that_comes_back_after_its_deletion_is_not_recovered(bob: User, host: Host) -> None:
    session = keep_recording(bob, host, days=31, state=Session.State.FAILED, has_all=False)
    apply_retention()
    directory = create_directory(session.pk)
    header = encode_header(Header(cols=80, rows=24, timestamp=0))
    directory.segment_path(2).write_bytes(header + encode_event(Output(3.0, "back again")))
    directory.release()

    assert recover_all() == []

    assert not directory.path.exists()
    assert objects_of(session) == {"manifest.note"}
    assert session.segments.count() == 2
    apply_retention()
    assert not any(path.exists() for path in set_aside(session))
    assert not list((settings.RECORDINGS_DIR / "orphaned").glob(f"{session.pk}*"))
