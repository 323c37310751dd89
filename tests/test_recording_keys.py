"""Keys of recordings: recorders need recipients alone, readers an identity, and who may read can be changed."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from io import StringIO
from pathlib import Path
from uuid import UUID, uuid4

import pyrage
import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from audit import sessions
from audit.asciicast import Header
from audit.checks import check_identity_file
from audit.events import Output
from audit.imports import import_cast
from audit.indexing.indexer import index_session
from audit.models import AuditEvent, RecordingKey, Session
from audit.recording import wrapped_keys
from audit.recording.key import (
    KeyDestroyedError,
    KeyUnavailableError,
    make_key,
    new_recording_key,
    recording_key,
    unwrap,
    why_not_wrapping,
    wrap,
)
from audit.recording.reading import iter_events
from audit.recording.recorder import Outcome, open_recording
from audit.recording.seal import seal_recording, wrapped_key_name
from audit.recording.storage import StorageError, load_object, replace_object
from audit.tasks import index_session as index_task
from bastion.threads import with_database
from hosts.access import Action
from tests.recordings import make_grant, make_host, make_session, record_segments, web_login

pytestmark = pytest.mark.usefixtures("valkey", "db")


@pytest.fixture(autouse=True)
def identity_file(settings: Settings, tmp_path: Path) -> Path:
    settings.IDENTITY_FILE = tmp_path / "identity.age"
    return tmp_path / "identity.age"


def make_identity(path: Path) -> str:
    """Write an identity file as age-keygen does; return its recipient."""
    identity = pyrage.x25519.Identity.generate()
    path.write_text(f"# created: today\n# public key: {identity.to_public()}\n{identity}\n")
    return str(identity.to_public())


@pytest.fixture
def sealed(bob: User) -> Session:
    session = make_session(bob, make_host("web-01"), state=Session.State.ENDED)
    record_segments(session, [Output(1.0, "$ ls\r\n")])
    seal_recording(session.pk, Session.State.SEALED)
    return session


def text_of(session: Session) -> str:
    return "".join(event.text for event in iter_events(session) if isinstance(event, Output))


def test_the_identity_is_made_at_first_use_and_is_ours_alone(identity_file: Path) -> None:
    key = make_key()
    assert unwrap(wrap(key)) == key
    assert identity_file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in identity_file.parent.iterdir()] == ["identity.age"]
    first, second = identity_file.read_text().splitlines()
    assert second.startswith("AGE-SECRET-KEY-1")
    assert first == f"# public key: {pyrage.x25519.Identity.from_str(second).to_public()}"


def test_an_identity_that_was_lost_is_not_replaced_by_one_that_reads_nothing(
    sealed: Session, settings: Settings, identity_file: Path
) -> None:
    kept = identity_file.rename(identity_file.with_name("backup"))
    with pytest.raises(KeyUnavailableError, match="put it back, or set BASTION_RECIPIENTS"):
        wrap(make_key())
    assert why_not_wrapping()
    assert not identity_file.exists()
    with pytest.raises(CommandError, match="put it back"):
        call_command("prepare")
    kept.rename(identity_file)
    assert not why_not_wrapping()
    assert text_of(sealed) == "$ ls\r\n"


@pytest.mark.django_db(transaction=True)
def test_processes_that_start_at_once_have_one_identity(identity_file: Path) -> None:
    keys = [make_key() for _ in range(16)]
    with ThreadPoolExecutor(16) as pool:
        wrapped = list(pool.map(partial(with_database, wrap), keys))
    assert [unwrap(one) for one in wrapped] == keys


def test_no_key_is_in_the_database_in_the_clear(sealed: Session) -> None:
    row = RecordingKey.objects.get(session=sealed)
    assert row.wrapped is not None
    wrapped = bytes(row.wrapped)
    assert wrapped.startswith(b"age-encryption.org/v1\n-> X25519 ")
    assert recording_key(sealed.pk) not in wrapped
    assert load_object(wrapped_key_name(sealed.pk, 0)) == wrapped


@pytest.mark.django_db(transaction=True)
def test_whoever_has_recipients_alone_records_and_seals_and_cannot_read(
    bob: User, settings: Settings, identity_file: Path, tmp_path: Path
) -> None:
    settings.RECIPIENTS = [make_identity(tmp_path / "auditors.age")]
    session_id, key, host = uuid4(), make_key(), make_host()
    session = sessions.new_session(session_id, web_login(bob), host, cols=80, rows=24)
    recorder = open_recording(session_id, key, Header(cols=80, rows=24, timestamp=1))
    sessions.save_started(session, new_recording_key(session_id, 0, key), web_login(bob), 10)
    recorder.write([Output(0.5, "not for this machine")])
    recorder.finish(Outcome("exit", "", timezone.now())).result(30)
    session.refresh_from_db()
    assert session.state == Session.State.SEALED

    assert not identity_file.exists()
    with pytest.raises(KeyUnavailableError, match="no identity here"):
        text_of(session)
    with pytest.raises(KeyUnavailableError):
        index_session(session_id)
    # A worker there gives up quietly, and the session is free for one that can read.
    index_task(str(session_id))
    session.refresh_from_db()
    assert session.index_claimed_until is None

    settings.IDENTITY_FILE = tmp_path / "auditors.age"
    assert text_of(session) == "not for this machine"
    assert index_session(session_id) == 1


def test_a_recording_is_imported_where_nobody_can_read(
    bob: User, settings: Settings, tmp_path: Path, identity_file: Path
) -> None:
    settings.RECIPIENTS = [make_identity(tmp_path / "auditors.age")]
    cast = tmp_path / "old.cast"
    cast.write_text('{"version": 2, "width": 80, "height": 24}\n[1.0, "o", "from elsewhere"]\n')
    session = import_cast(cast, make_host(), bob, "alice").session
    assert not identity_file.exists()
    settings.IDENTITY_FILE = tmp_path / "auditors.age"
    assert text_of(session) == "from elsewhere"


def test_every_recipient_can_read(bob: User, settings: Settings, tmp_path: Path) -> None:
    files = [tmp_path / "one.age", tmp_path / "two.age"]
    settings.RECIPIENTS = [make_identity(file) for file in files]
    key = make_key()
    wrapped = wrap(key)
    for file in files:
        settings.IDENTITY_FILE = file
        assert unwrap(wrapped) == key
    make_identity(tmp_path / "stranger.age")
    settings.IDENTITY_FILE = tmp_path / "stranger.age"
    with pytest.raises(KeyUnavailableError, match="wrapped for other identities"):
        unwrap(wrapped)


@pytest.mark.parametrize("content", ["", "# nothing\n", "AGE-SECRET-KEY-1NONSENSE\n", "\x00"])
def test_an_identity_file_that_cannot_be_used_is_named_and_never_replaced(identity_file: Path, content: str) -> None:
    identity_file.write_text(content)
    with pytest.raises(KeyUnavailableError, match="BASTION_IDENTITY_FILE cannot be used") as refused:
        wrap(make_key())
    assert identity_file.read_text() == content
    assert "NONSENSE" not in str(refused.value)


def test_recipients_that_cannot_be_used_are_an_error_that_says_so(settings: Settings) -> None:
    settings.RECIPIENTS = ["age1nonsense"]
    with pytest.raises(KeyUnavailableError, match="BASTION_RECIPIENTS: expected age1"):
        wrap(make_key())


def test_a_key_that_was_exchanged_is_refused(sealed: Session) -> None:
    RecordingKey.objects.filter(session=sealed).update(wrapped=wrap(make_key()))
    with pytest.raises(KeyUnavailableError, match="not the one that it was made with"):
        recording_key(sealed.pk)


def test_the_api_says_why_a_recording_cannot_be_read(bob: User, sealed: Session, settings: Settings) -> None:
    make_grant(bob, sealed.host, Action.VIEW_OWN)
    client = Client()
    client.force_login(bob)
    addresses = [f"/api/v1/sessions/{sealed.pk}/{name}" for name in ("recording.cast", "segments/0.json")]
    settings.RECIPIENTS = ["age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"]
    there, settings.IDENTITY_FILE = settings.IDENTITY_FILE, Path("/nowhere/identity.age")
    for address in addresses:
        answer = client.get(address)
        assert answer.status_code == 503
        assert "no identity here" in answer.json()["detail"]
    settings.IDENTITY_FILE = there
    RecordingKey.objects.filter(session=sealed).update(wrapped=None, destroyed_at=timezone.now())
    for address in addresses:
        answer = client.get(address)
        assert answer.status_code == 410
        assert "was deleted" in answer.json()["detail"]


def rewrap(*options: str) -> str:
    out = StringIO()
    call_command("rewrap_keys", *options, stdout=out, stderr=out)
    return out.getvalue()


def rotate(settings: Settings, identity_file: Path, tmp_path: Path) -> Path:
    """Add an identity to the file and make it the only one to wrap for; return a file with the new one alone."""
    new = tmp_path / "new.age"
    settings.RECIPIENTS = [make_identity(new)]
    identity_file.write_text(identity_file.read_text() + new.read_text())
    return new


def can_open(wrapped: bytes, identity_file: Path) -> bool:
    identity = pyrage.x25519.Identity.from_str(identity_file.read_text().splitlines()[-1])
    try:
        return len(pyrage.decrypt(wrapped, [identity])) == 32
    except pyrage.DecryptError:
        return False


def copies(session_id: UUID) -> list[bytes]:
    row = RecordingKey.objects.get(session_id=session_id)
    return [bytes(row.wrapped or b""), load_object(wrapped_key_name(session_id, 0))]


def test_keys_are_wrapped_again_for_others_in_rows_and_in_the_store(
    sealed: Session, bob: User, settings: Settings, identity_file: Path, tmp_path: Path
) -> None:
    running = make_session(bob, sealed.host)
    old = tmp_path / "old.age"
    old.write_text(identity_file.read_text())
    new = rotate(settings, identity_file, tmp_path)

    before = copies(sealed.pk)
    told = rewrap("--dry-run")
    assert "2 keys would be wrapped for age1" in told
    assert copies(sealed.pk) == before
    assert not AuditEvent.objects.filter(action="key.rewrapped").exists()

    told = rewrap()
    assert f"2 keys were wrapped for {settings.RECIPIENTS[0]}." in told
    assert "1 of them beside their recordings" in told
    assert "1 belong to recordings that are not sealed" in told
    for wrapped in [*copies(sealed.pk), bytes(RecordingKey.objects.get(session=running).wrapped or b"")]:
        assert can_open(wrapped, new)
        assert not can_open(wrapped, old)
    line = AuditEvent.objects.get(action="key.rewrapped")
    assert line.detail == {"keys": 2, "objects": 1, "failed": 0, "recipients": settings.RECIPIENTS}

    settings.IDENTITY_FILE = new
    assert text_of(sealed) == "$ ls\r\n"
    rewrap()
    assert text_of(sealed) == "$ ls\r\n"


def test_a_key_that_cannot_be_opened_is_left_and_counted_and_the_others_are_wrapped(
    sealed: Session, bob: User, settings: Settings, identity_file: Path, tmp_path: Path
) -> None:
    lost = make_session(bob, sealed.host)
    stranger = pyrage.x25519.Identity.generate().to_public()
    foreign = pyrage.encrypt(make_key(), [stranger])
    RecordingKey.objects.filter(session=lost).update(wrapped=foreign)
    new = rotate(settings, identity_file, tmp_path)
    with pytest.raises(CommandError, match="1 keys were left as they are"):
        rewrap()
    assert all(can_open(wrapped, new) for wrapped in copies(sealed.pk))
    assert bytes(RecordingKey.objects.get(session=lost).wrapped or b"") == foreign
    assert AuditEvent.objects.get(action="key.rewrapped").outcome == "failed"


def test_an_interrupted_pass_leaves_every_key_readable_and_another_one_ends_it(
    sealed: Session, bob: User, settings: Settings, identity_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = make_session(bob, sealed.host, state=Session.State.ENDED)
    record_segments(second, [Output(1.0, "second")])
    seal_recording(second.pk, Session.State.SEALED)
    new = rotate(settings, identity_file, tmp_path)
    calls: list[str] = []

    def replace(name: str, content: bytes) -> None:
        calls.append(name)
        raise KeyboardInterrupt

    monkeypatch.setattr(wrapped_keys, "replace_object", replace)
    with pytest.raises(KeyboardInterrupt):
        rewrap()
    assert len(calls) == 1
    assert AuditEvent.objects.filter(action="key.rewrapped").count() == 1
    assert (text_of(sealed), text_of(second)) == ("$ ls\r\n", "second")
    monkeypatch.undo()
    rewrap()
    assert all(can_open(wrapped, new) for session in (sealed, second) for wrapped in copies(session.pk))


def test_a_key_that_is_destroyed_meanwhile_does_not_come_back(
    sealed: Session, settings: Settings, identity_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rotate(settings, identity_file, tmp_path)

    def delete_first(name: str, content: bytes) -> None:
        RecordingKey.objects.filter(session=sealed).update(wrapped=None, destroyed_at=timezone.now())
        replace_object(name, content)

    monkeypatch.setattr(wrapped_keys, "replace_object", delete_first)
    rewrap()
    with pytest.raises(StorageError):
        load_object(wrapped_key_name(sealed.pk, 0))
    with pytest.raises(KeyDestroyedError):
        recording_key(sealed.pk)
    assert "0 keys were wrapped" in rewrap()


def test_an_identity_that_everybody_may_read_is_a_warning(identity_file: Path) -> None:
    make_identity(identity_file)
    identity_file.chmod(0o640)
    assert check_identity_file() == []
    identity_file.chmod(0o604)
    assert [warning.id for warning in check_identity_file()] == ["audit.W001"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_identity_that_may_not_be_read_is_said_to_be_so(identity_file: Path) -> None:
    make_identity(identity_file)
    identity_file.chmod(0)
    with pytest.raises(KeyUnavailableError, match="Permission denied"):
        wrap(make_key())
