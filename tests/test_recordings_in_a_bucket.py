"""Recordings in an S3-compatible store: stored once, read back, verified; a store that fails costs nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import boto3
import pytest
from botocore.exceptions import BotoCoreError
from django.contrib.auth.models import User
from django.utils import timezone
from moto.server import ThreadedMotoServer
from pytest_django import Settings

from audit import sessions
from audit.asciicast import Header
from audit.events import Output
from audit.models import Segment, Session
from audit.recording import bucket as bucket_module
from audit.recording.key import make_key, new_recording_key
from audit.recording.reading import iter_events
from audit.recording.recorder import Outcome, Recorder, open_recording
from audit.recording.recovery import recover_all
from audit.recording.storage import (
    StorageError,
    delete_object,
    list_objects,
    load_object,
    recordings_storage,
    replace_object,
    store_object,
)
from audit.recording.waiting import waiting
from audit.verify import Verdict, verify_recording
from tests.faulty_store import Fault, FaultyStore, faulty_store
from tests.polling import eventually
from tests.recordings import make_host, web_login

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]
KEYS = {"aws_access_key_id": "access", "aws_secret_access_key": "secret", "region_name": "us-east-1"}


@pytest.fixture
def moto() -> Iterator[ThreadedMotoServer]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def store(moto: ThreadedMotoServer) -> Iterator[FaultyStore]:
    with faulty_store(*moto.get_host_and_port()) as proxy:
        yield proxy


@pytest.fixture
def bucket(store: FaultyStore, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(bucket_module, "READ_SECONDS", 0.5)
    monkeypatch.setattr(bucket_module, "AWAY_SECONDS", 0.0)
    name = f"recordings-{uuid4().hex}"
    boto3.client("s3", endpoint_url=store.url, **KEYS).create_bucket(Bucket=name)
    settings.STORAGES = settings.STORAGES | {
        "recordings": {
            "BACKEND": "audit.recording.bucket.S3ObjectStorage",
            "OPTIONS": {
                "bucket_name": name,
                "endpoint_url": store.url,
                "region_name": "us-east-1",
                "access_key": "access",
                "secret_key": "secret",
            },
        }
    }
    return name


def begin(bob: User) -> Recorder:
    session_id = uuid4()
    key = make_key()
    session = sessions.new_session(session_id, web_login(bob), make_host(), cols=80, rows=24)
    recorder = open_recording(session_id, key, Header(cols=80, rows=24, timestamp=1))
    sessions.save_started(session, new_recording_key(session_id, 0, key), web_login(bob), 1000)
    recorder.write([Output(0.1, "in a bucket")])
    return recorder


def finish(recorder: Recorder) -> Session:
    recorder.finish(Outcome("exit", "", timezone.now())).result(60)
    return Session.objects.get(pk=recorder.session_id)


def text_of(session: Session) -> str:
    return "".join(event.text for event in iter_events(session) if isinstance(event, Output))


def is_stored(name: str, content: bytes = b"content") -> bool:
    try:
        store_object(name, content)
    except StorageError:
        return False
    return True


def test_a_session_is_stored_read_back_and_verified(bucket: str, bob: User) -> None:
    session = finish(begin(bob))
    assert session.state == Session.State.SEALED
    assert text_of(session) == "in a bucket"
    assert verify_recording(session).verdict == Verdict.INTACT


def test_an_object_is_written_once(bucket: str) -> None:
    store_object("a/b.segment", b"first")
    store_object("a/b.segment", b"first")

    with pytest.raises(StorageError, match="other bytes"):
        store_object("a/b.segment", b"second")
    assert load_object("a/b.segment") == b"first"


def test_of_two_that_write_at_once_one_wins_and_the_other_is_told(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Both have looked, and found nothing.
    both = threading.Barrier(2)

    def looked(_self: object, _name: str) -> bool:
        both.wait(10)
        return False

    monkeypatch.setattr(bucket_module.S3ObjectStorage, "exists", looked)

    contents = [b"first", b"second"]
    with ThreadPoolExecutor(2) as pool:
        won = list(pool.map(lambda content: is_stored("a/b.segment", content), contents))
    assert sorted(won) == [False, True]
    assert load_object("a/b.segment") == contents[won.index(True)]


def test_a_wrapped_key_may_be_replaced_and_what_is_deleted_is_gone(bucket: str) -> None:
    replace_object("a/id/key-0.age", b"old")
    replace_object("a/id/key-0.age", b"new")
    assert load_object("a/id/key-0.age") == b"new"
    assert list_objects("a/id") == ["a/id/key-0.age"]
    for _ in range(2):
        delete_object("a/id/key-0.age")
    assert list_objects("a/id") == []
    with pytest.raises(StorageError) as gone:
        load_object("a/id/key-0.age")
    assert isinstance(gone.value.__cause__, FileNotFoundError)


def test_a_bucket_with_versions_keeps_none_of_what_is_deleted(bucket: str, store: FaultyStore) -> None:
    client = boto3.client("s3", endpoint_url=store.url, **KEYS)
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for name in ("a/key-0.age", "a/key-0.age", "a/key-0.age.kept.age"):
        replace_object(name, uuid4().bytes)
    client.delete_object(Bucket=bucket, Key="a/key-0.age")
    delete_object("a/key-0.age")
    left = client.list_object_versions(Bucket=bucket)
    assert [entry["Key"] for entry in left["Versions"]] == ["a/key-0.age.kept.age"]
    assert "DeleteMarkers" not in left


@pytest.mark.parametrize("fault", [Fault.HANG, Fault.ERROR, Fault.ANSWER_LOST, Fault.HALF_AN_ANSWER])
def test_a_store_that_fails_is_an_error_soon_and_the_next_try_succeeds(
    bucket: str, store: FaultyStore, fault: Fault
) -> None:
    store_object("a/before.segment", b"there before" * 1000)
    store.fault = fault
    began = time.monotonic()
    for attempt in (lambda: store_object("a/b.segment", b"content"), lambda: load_object("a/before.segment")):
        with pytest.raises(StorageError, match="could not be"):
            attempt()
    assert time.monotonic() - began < 20
    assert store.harmed

    store.fault = Fault.NONE
    store_object("a/b.segment", b"content")
    assert load_object("a/b.segment") == b"content"
    assert load_object("a/before.segment") == b"there before" * 1000


def test_those_who_wait_for_a_store_that_hangs_do_not_wait_one_after_the_other(
    bucket: str, store: FaultyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket_module, "AWAY_SECONDS", 2.0)
    store_object("a/there.segment", b"there")
    store.fault = Fault.HANG
    with pytest.raises(StorageError, match="timeout"):
        load_object("a/there.segment")
    began = time.monotonic()
    for number in range(100):
        with pytest.raises(StorageError, match="did not answer a moment ago"):
            store_object(f"a/{number}.segment", b"waits")
    assert time.monotonic() - began < 1
    store.fault = Fault.NONE
    assert eventually(lambda: is_stored("a/waits.segment"))


def test_an_object_whose_answer_was_lost_is_not_stored_twice(bucket: str, store: FaultyStore) -> None:
    storage = recordings_storage()
    assert not storage.exists("a/b.segment")
    store.fault = Fault.ANSWER_LOST
    with pytest.raises(BotoCoreError):
        storage.client.put_object(Bucket=bucket, Key="a/b.segment", Body=b"content")  # type: ignore[attr-defined]
    store.fault = Fault.NONE
    store_object("a/b.segment", b"content")
    with pytest.raises(StorageError, match="other bytes"):
        store_object("a/b.segment", b"another")


def test_a_store_that_is_away_costs_nothing(bucket: str, store: FaultyStore, bob: User) -> None:
    store.fault = Fault.ERROR
    recorder = begin(bob)
    assert finish(recorder).state == Session.State.ENDED

    store.fault = Fault.NONE
    recover_all()

    session = Session.objects.get(pk=recorder.session_id)
    assert (session.state, session.end_reason, session.events) == (Session.State.SEALED, "exit", 1)
    assert verify_recording(session).verdict == Verdict.INTACT


def test_while_the_store_is_away_segments_wait_and_are_then_stored_in_order(
    bucket: str, store: FaultyStore, bob: User, settings: Settings
) -> None:
    settings.SEGMENT_BYTES = 1024
    recorder = begin(bob)
    store.fault = Fault.HANG
    before = waiting()
    for n in range(12):
        recorder.write([Output(1.0 + n, f"{n:02d}" * 600)])
    here = waiting()
    assert here.segments - before.segments >= 11
    assert here.size - before.size >= 12 * 1200
    assert not Segment.objects.filter(session_id=recorder.session_id).exists()
    threads = threading.active_count()
    for _ in range(50):
        recorder.rotate()
    # Trying again takes no more threads.
    assert threading.active_count() <= threads + 8

    store.fault = Fault.NONE
    session = finish(recorder)
    assert session.state == Session.State.SEALED
    assert text_of(session) == "in a bucket" + "".join(f"{n:02d}" * 600 for n in range(12))
    assert [segment.n for segment in session.segments.order_by("closed_at", "id")] == list(range(12))
    assert verify_recording(session).verdict == Verdict.INTACT
    assert eventually(lambda: waiting().segments <= before.segments)


def test_one_object_that_cannot_be_stored_holds_up_no_other_recording(
    bucket: str, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, well = begin(bob), begin(bob)
    name = f"{bad.session_id.hex[:2]}/{bad.session_id}/000000.segment"
    store_object(name, b"somebody was here before")

    assert finish(bad).state == Session.State.ENDED
    assert finish(well).state == Session.State.SEALED
    another = begin(bob)
    recover_all()
    assert finish(another).state == Session.State.SEALED
    assert load_object(name) == b"somebody was here before"
