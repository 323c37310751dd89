"""Recordings in an S3-compatible store: stored once, read back, verified; a store that is away costs nothing."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import boto3
import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from moto.server import ThreadedMotoServer
from pytest_django import Settings

from audit import sessions
from audit.asciicast import Header
from audit.events import Output
from audit.models import Session
from audit.recording.key import make_key
from audit.recording.reading import iter_events
from audit.recording.recorder import Outcome, Recorder, open_recording
from audit.recording.recovery import recover_all
from audit.recording.storage import StorageError, load_object, store_object
from audit.verify import Verdict, verify_recording
from tests.recordings import make_host, web_login

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def store() -> Iterator[ThreadedMotoServer]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def bucket(store: ThreadedMotoServer, settings: Settings) -> str:
    host, port = store.get_host_and_port()
    name = f"recordings-{uuid4().hex}"
    keys = {"aws_access_key_id": "access", "aws_secret_access_key": "secret"}
    boto3.client("s3", endpoint_url=f"http://{host}:{port}", region_name="us-east-1", **keys).create_bucket(Bucket=name)
    settings.STORAGES = settings.STORAGES | {
        "recordings": {
            "BACKEND": "storages.backends.s3.S3Storage",
            "OPTIONS": {
                "bucket_name": name,
                "endpoint_url": f"http://{host}:{port}",
                "region_name": "us-east-1",
                "access_key": "access",
                "secret_key": "secret",
                "signature_version": "s3v4",
                "file_overwrite": False,
                "default_acl": None,
            },
        }
    }
    return name


def begin(bob: User) -> Recorder:
    session_id = uuid4()
    key, sealed_key = make_key(session_id)
    session = sessions.new_session(session_id, sealed_key, web_login(bob), make_host(), cols=80, rows=24)
    recorder = open_recording(session_id, key, Header(cols=80, rows=24, timestamp=1))
    sessions.save_started(session, web_login(bob), 1000)
    recorder.write([Output(0.1, "in a bucket")])
    return recorder


def test_a_session_is_stored_read_back_and_verified(bucket: str, bob: User) -> None:
    recorder = begin(bob)
    recorder.finish(Outcome("exit", "", timezone.now())).result(60)

    session = Session.objects.get(pk=recorder.session_id)
    assert session.state == Session.State.SEALED
    assert [event.text for event in iter_events(session) if isinstance(event, Output)] == ["in a bucket"]
    assert verify_recording(session).verdict == Verdict.INTACT


def test_an_object_is_written_once(bucket: str) -> None:
    store_object("a/b.zst", b"first")
    store_object("a/b.zst", b"first")

    with pytest.raises(StorageError, match="other bytes"):
        store_object("a/b.zst", b"second")
    assert load_object("a/b.zst") == b"first"


def test_a_store_that_is_away_costs_nothing(bucket: str, bob: User, settings: Settings) -> None:
    there = settings.STORAGES
    options = there["recordings"]["OPTIONS"] | {"endpoint_url": "http://127.0.0.1:1"}
    settings.STORAGES = there | {"recordings": there["recordings"] | {"OPTIONS": options}}
    recorder = begin(bob)
    recorder.finish(Outcome("exit", "", timezone.now())).result(120)
    assert Session.objects.get(pk=recorder.session_id).state == Session.State.ENDED

    settings.STORAGES = there
    recover_all()

    session = Session.objects.get(pk=recorder.session_id)
    assert (session.state, session.end_reason, session.events) == (Session.State.SEALED, "exit", 1)
    assert verify_recording(session).verdict == Verdict.INTACT
