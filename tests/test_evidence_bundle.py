"""evidence.zip through the API: who gets it, of what, and that it is the same whatever the size."""

from __future__ import annotations

import io
import json
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from audit.events import Output
from audit.export import offline
from audit.export.downloads import AccessEndedError
from audit.export.evidence import bundle
from audit.models import AuditEvent, Session
from audit.retention.deletion import delete_by_order
from hosts.access import Action
from hosts.models import Grant, Host
from tests.evidence import INTACT, VERIFIER, begin, check, seal, sign_ledger
from tests.recordings import make_grant, make_host

pytestmark = pytest.mark.usefixtures("valkey")


@pytest.fixture
def host(db: None) -> Host:
    return make_host("web-01")


@pytest.fixture
def client(carol: User, host: Host) -> Client:
    make_grant(carol, host, Action.AUDIT, Action.EXPORT, Action.VIEW_INPUT)
    client = Client()
    client.force_login(carol)
    return client


def address(session: Session) -> str:
    return f"/api/v1/sessions/{session.pk}/evidence.zip"


def test_an_auditor_gets_a_bundle_that_verifies(client: Client, bob: User, host: Host, tmp_path: Path) -> None:
    session = seal(bob, host)
    client.get(f"/api/v1/sessions/{session.pk}/recording.cast")
    answer = client.get(address(session))
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/zip"
    assert answer["Content-Disposition"].endswith('.evidence.zip"')
    path = tmp_path / "evidence.zip"
    path.write_bytes(answer.getvalue())
    assert (check(path).status, check(path).findings) == (INTACT, [])
    with zipfile.ZipFile(path) as file:
        assert file.read("bastion-verify") == VERIFIER.read_bytes()
        assert file.getinfo("bastion-verify").external_attr >> 16 & 0o111
        log = [json.loads(json.loads(line)["payload"]) for line in file.read("ledger/access-log.jsonl").splitlines()]
        readme = file.read("README.txt").decode()
    # Its own line is in it, signed.
    assert [(line["actor_name"], line["action"]) for line in log] == [
        ("carol", "recording.viewed"),
        ("carol", "recording.downloaded"),
    ]
    assert "bob" in readme
    assert "web-01" in readme
    assert "$" not in readme.replace("$ ", "").split("HOW TO CHECK IT WITHOUT")[0]


def test_each_download_is_one_line_with_the_name_of_the_file(client: Client, bob: User, host: Host) -> None:
    session = seal(bob, host)
    assert client.head(address(session)).status_code == 200
    assert not AuditEvent.objects.filter(action="recording.downloaded").exists()
    for count in (1, 2):
        client.get(address(session)).getvalue()
        lines = AuditEvent.objects.filter(action="recording.downloaded", session_id=session.pk)
        assert [line.detail for line in lines] == [{"file": "evidence.zip"}] * count


@pytest.mark.parametrize("actions", [[Action.AUDIT], [Action.AUDIT, Action.EXPORT], [Action.AUDIT, Action.VIEW_INPUT]])
def test_it_takes_both_grants(bob: User, host: Host, mallory: User, actions: list[Action]) -> None:
    session = seal(bob, host)
    make_grant(mallory, host, *actions)
    client = Client()
    client.force_login(mallory)
    assert client.get(address(session)).status_code == 404
    assert not AuditEvent.objects.filter(action="recording.downloaded").exists()


def test_a_recording_that_is_not_sealed_has_none(client: Client, bob: User, host: Host) -> None:
    answer = client.get(address(begin(bob, host)))
    assert answer.status_code == 409
    assert "not sealed yet" in answer.json()["detail"]


def test_a_recording_from_before_there_were_signatures_says_so(client: Client, bob: User, host: Host) -> None:
    session = begin(bob, host)
    Session.objects.filter(pk=session.pk).update(state=Session.State.SEALED, manifest_sha256="ab" * 32)
    answer = client.get(address(session))
    assert answer.status_code == 409
    assert "before there were signatures" in answer.json()["detail"]


def test_a_recording_that_was_deleted_says_so(client: Client, bob: User, host: Host) -> None:
    session = seal(bob, host)
    delete_by_order(session.pk, "asked for", "alice")
    for name in ("evidence.zip", "replay.html", "recording.raw"):
        answer = client.get(f"/api/v1/sessions/{session.pk}/{name}")
        assert answer.status_code == 410
        assert "deleted" in answer.json()["detail"]
    assert not AuditEvent.objects.filter(action="recording.downloaded").exists()


def test_without_a_signing_key_there_is_no_bundle(
    client: Client, bob: User, host: Host, settings: Settings, tmp_path: Path
) -> None:
    session = seal(bob, host)
    settings.SIGNING_KEY_FILE = tmp_path / "gone"
    answer = client.get(address(session))
    assert answer.status_code == 503
    assert "signing key" in answer.json()["detail"]
    assert not AuditEvent.objects.filter(action="recording.downloaded").exists()


def test_access_that_ends_ends_the_bundle_in_mid_air(client: Client, bob: User, host: Host, settings: Settings) -> None:
    settings.RECHECK_SECONDS = 0
    session = seal(bob, host)
    answer = client.get(address(session))
    parts = iter(answer.streaming_content)  # type: ignore[attr-defined]
    next(parts)
    Grant.objects.update(export=False, audit=True)
    with pytest.raises(AccessEndedError):
        list(parts)


def test_a_bundle_is_made_in_bounded_memory(bob: User, host: Host) -> None:
    """Forty megabytes, a piece at a time."""
    text = "".join(f"{n:x} line of a large output\r\n" for n in range(36_000))
    session = seal(bob, host, segments=[[Output(n * 30.0, text)] for n in range(40)])
    checkpoint = sign_ledger()
    tracemalloc.start()
    size = sum(map(len, bundle(session, checkpoint)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size > 2 * 2**20
    assert peak < 24 * 2**20


def test_a_recording_too_large_for_a_page_says_so_and_has_all_the_rest(
    client: Client, bob: User, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offline, "MOST_BYTES", 100)
    session = seal(bob, host)
    answer = client.get(f"/api/v1/sessions/{session.pk}/replay.html")
    assert answer.status_code == 409
    assert "MiB" in answer.json()["detail"]
    with zipfile.ZipFile(io.BytesIO(client.get(address(session)).getvalue())) as file:
        assert "replay.html" not in file.namelist()
        assert "left out" in file.read("README.txt").decode()


def test_without_a_built_frontend_the_page_is_refused_in_words(
    client: Client, bob: User, host: Host, settings: Settings, tmp_path: Path
) -> None:
    settings.FRONTEND_DIST = tmp_path
    session = seal(bob, host)
    answer = client.get(f"/api/v1/sessions/{session.pk}/replay.html")
    assert answer.status_code == 503
    assert "make frontend" in answer.json()["detail"]
    assert client.get(address(session)).status_code == 200


def test_the_report_of_verifying_has_signature_and_state(client: Client, bob: User, host: Host) -> None:
    session = seal(bob, host)
    report = client.get(f"/api/v1/sessions/{session.pk}/verify").json()
    assert report["signature"]["ok"] is True
    assert len(report["signature"]["key_id"]) == 8
    assert report["state"].startswith("Sealed and verified.")
    running = client.get(f"/api/v1/sessions/{begin(bob, host).pk}/verify").json()
    assert (running["signature"], running["sealed"]) == (None, False)
