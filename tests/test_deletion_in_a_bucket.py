"""Deleting a recording from a bucket leaves the seal there, and no version of anything else."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import boto3
import pytest
from django.contrib.auth.models import User
from moto.server import ThreadedMotoServer
from pytest_django import Settings

from audit.models import RetentionPolicy, Session
from audit.recording.seal import manifest_name, wrapped_key_name
from audit.recording.storage import load_object, replace_object
from audit.retention.sweep import apply_retention
from tests.kept_recordings import deletions_of, keep_recording
from tests.recordings import make_host

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]
KEYS = {"aws_access_key_id": "access", "aws_secret_access_key": "secret", "region_name": "us-east-1"}


@pytest.fixture
def store(settings: Settings) -> Iterator[ThreadedMotoServer]:
    """A store, named in the settings, that is there until the test stops it."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    settings.STORAGES = settings.STORAGES | {
        "recordings": {
            "BACKEND": "audit.recording.bucket.S3ObjectStorage",
            "OPTIONS": {
                "bucket_name": f"recordings-{uuid4().hex}",
                "endpoint_url": f"http://{host}:{port}",
                "region_name": "us-east-1",
                "access_key": "access",
                "secret_key": "secret",
            },
        }
    }
    client(settings).create_bucket(Bucket=bucket_name(settings))
    yield server
    server.stop()


def bucket_name(settings: Settings) -> str:
    name: str = settings.STORAGES["recordings"]["OPTIONS"]["bucket_name"]
    return name


def client(settings: Settings) -> boto3.client:
    return boto3.client("s3", endpoint_url=settings.STORAGES["recordings"]["OPTIONS"]["endpoint_url"], **KEYS)


def versions(settings: Settings) -> list[str]:
    """The names of all versions of all objects, and of what marks one as deleted."""
    found = client(settings).list_object_versions(Bucket=bucket_name(settings))
    return sorted(entry["Key"] for entry in [*found.get("Versions", []), *found.get("DeleteMarkers", [])])


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("versioning", ["", "Enabled"])
def test_the_seal_alone_is_left(bob: User, settings: Settings, versioning: str) -> None:
    if versioning:
        facts = {"Status": versioning}
        client(settings).put_bucket_versioning(Bucket=bucket_name(settings), VersioningConfiguration=facts)
    RetentionPolicy.objects.create(days=30)
    session = keep_recording(bob, make_host(), days=31, has_all=False)
    # As after a change of who reads: a version of the key that was wrapped for the one before.
    replace_object(wrapped_key_name(session.pk, 0), b"wrapped again")
    seal = load_object(manifest_name(session.pk))
    assert len(versions(settings)) == (5 if versioning else 4)

    plan = apply_retention()

    assert (plan.deleted, plan.unfinished) == (1, 0)
    assert versions(settings) == [manifest_name(session.pk)]
    assert load_object(manifest_name(session.pk)) == seal


def test_a_store_that_is_away_is_made_up_for_later_and_the_keys_are_gone_at_once(
    bob: User, settings: Settings, store: ThreadedMotoServer
) -> None:
    RetentionPolicy.objects.create(days=30)
    session = keep_recording(bob, make_host(), days=31, has_all=False)
    store.stop()

    plan = apply_retention()

    assert (plan.deleted, plan.unfinished) == (1, 1)
    assert len(deletions_of(session)) == 1
    assert not session.keys.filter(wrapped__isnull=False).exists()
    assert Session.objects.get(pk=session.pk).destroyed_at is None
