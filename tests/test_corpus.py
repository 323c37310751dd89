"""Recordings of every version so far can be read and verified: by today's code, and by the program they came with."""

from __future__ import annotations

import hashlib
import json
import shutil
import stat
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone
from pytest_django import Settings

from audit.evidence.notes import parse_vkey
from audit.export.downloads import raw, transcript
from audit.models import AuditEvent, RecordingKey, Segment, Session, VerificationKey
from audit.recording.reading import iter_events, iter_lines
from audit.recording.seal import read_manifest
from audit.replay import replay_index, replay_segment
from audit.verify import Verdict, verify_recording
from hosts.models import Host
from tests.evidence import check, check_alone, unpack

pytestmark = pytest.mark.usefixtures("valkey")

VERSIONS = sorted((Path(__file__).parent / "corpus").glob("v*"))
KINDS = ("shell", "recovered", "imported")


@pytest.fixture(params=VERSIONS, ids=lambda path: path.name)
def corpus(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def expected_of(corpus: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads((corpus / "expected.json").read_text())
    return found


@pytest.fixture
def storage(corpus: Path, settings: Settings, tmp_path: Path) -> Path:
    """The objects, where the product looks for them, and the identity that opens them."""
    objects = tmp_path / "objects"
    shutil.copytree(corpus / "objects", objects)
    identity = tmp_path / "identity.age"
    shutil.copy(corpus / "identity.age", identity)
    identity.chmod(stat.S_IRUSR | stat.S_IWUSR)
    backend = settings.STORAGES["recordings"]
    options = {**backend["OPTIONS"], "location": objects}
    settings.STORAGES = {**settings.STORAGES, "recordings": {**backend, "OPTIONS": options}}
    settings.IDENTITY_FILE = identity
    return objects


def test_there_is_a_corpus() -> None:
    assert VERSIONS
    assert all(set(expected_of(corpus)) == set(KINDS) for corpus in VERSIONS)


def test_bastion_verify_says_of_all_what_it_said_when_they_were_made(corpus: Path, db: None) -> None:
    for name, facts in expected_of(corpus).items():
        result = check(corpus / "bundles" / f"{name}.zip", "--key", corpus / "keys.txt")
        assert result.status == facts["status"], (name, result)
    whole = check(corpus / "objects", "--key", corpus / "keys.txt")
    assert {recording for _, recording, _ in whole.findings} == {
        facts["recording"] for facts in expected_of(corpus).values() if facts["status"]
    }


@pytest.mark.parametrize("name", KINDS)
def test_the_program_that_a_bundle_came_with_still_says_so(corpus: Path, tmp_path: Path, name: str) -> None:
    directory = unpack(corpus / "bundles" / f"{name}.zip", tmp_path / "unpacked")
    program = directory / "bastion-verify"
    done = check_alone(tmp_path, directory, "--key", corpus / "keys.txt", program=program)
    assert done.returncode == expected_of(corpus)[name]["status"], done.stdout


@pytest.mark.parametrize("name", KINDS)
def test_the_product_reads_plays_and_verifies_them(
    corpus: Path, storage: Path, db: None, tmp_path: Path, name: str
) -> None:
    facts = expected_of(corpus)[name]
    directory = unpack(corpus / "bundles" / f"{name}.zip", tmp_path / "unpacked")
    session = restore(storage, facts["recording"], (corpus / "keys.txt").read_text().split(), directory)
    cast = b"".join(iter_lines(session))
    assert cast == (directory / "recording.cast").read_bytes()
    assert hashlib.sha256(cast).hexdigest() == facts["cast_sha256"]
    assert hashlib.sha256(b"".join(raw(session))).hexdigest() == facts["raw_sha256"]
    assert b"".join(transcript(session)).decode() == facts["text"]
    assert len(list(iter_events(session))) == session.events
    for n in range(len(replay_index(session, "skip")["segments"])):
        assert json.loads(replay_segment(session, n, "skip", with_input=True))["events"]
    report = verify_recording(session)
    assert (report.verdict, report.problems) == (Verdict.INTACT, [])


def restore(storage: Path, recording: str, vkeys: Sequence[str], bundle: Path) -> Session:
    """Write the rows of a recording again from what is beside its objects, and its lines of the ledger."""
    folder = storage / recording[:2] / recording
    stored = (folder / "manifest.note").read_bytes()
    _, manifest = read_manifest(stored)
    host = Host.objects.create(pk=UUID(manifest["host_id"]), name=manifest["host"], address="192.0.2.1")
    segments = manifest["segments"]
    copied = ("kind", "account", "encoding", "state", "end_reason", "cols", "rows", "events", "output_bytes")
    session = Session.objects.create(
        pk=UUID(recording),
        user_name=manifest["person"],
        host=host,
        host_name=manifest["host"],
        started_at=datetime.fromisoformat(manifest["started_at"]),
        ended_at=datetime.fromisoformat(manifest["ended_at"]),
        duration=segments[-1]["end"],
        has_gaps=manifest["has_gaps"],
        gaps=manifest["gaps"],
        manifest_sha256=hashlib.sha256(stored).hexdigest(),
        **{name: manifest[name] for name in copied},
    )
    for key in manifest["keys"]:
        wrapped = (folder / f"key-{key['ordinal']}.age").read_bytes()
        RecordingKey.objects.create(
            session=session, ordinal=key["ordinal"], commitment=key["commitment"], wrapped=wrapped
        )
    for segment in segments:
        _restore_segment(session, segment)
    for vkey in vkeys:
        VerificationKey.objects.create(vkey=vkey, key_id=parse_vkey(vkey).key_id, retired_at=timezone.now())
    for text in (bundle / "ledger" / "session.jsonl").read_text().splitlines():
        line = json.loads(text)
        event = json.loads(line["payload"])
        AuditEvent.objects.create(**event, salt=bytes.fromhex(line["salt"]))
    return session


def _restore_segment(session: Session, segment: dict[str, Any]) -> None:
    same = ("n", "object_sha256", "plain_sha256", "chain", "start", "end", "plain_bytes", "events", "recovered")
    Segment.objects.create(
        session=session,
        object_name=segment["object"],
        key_ordinal=segment["key"],
        stored_bytes=segment["object_bytes"],
        cols=session.cols,
        rows=session.rows,
        output_bytes=0,
        closed_at=timezone.now(),
        **{name: segment[name] for name in same},
    )
