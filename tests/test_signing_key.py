"""The key that signs: made once, read by nobody else, replaced without losing what it signed."""

from __future__ import annotations

import stat
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connections
from django.test import Client
from pytest_django import Settings

from audit import ledger
from audit.evidence import notes, rotation, signer
from audit.evidence.checkpoints import make_checkpoint
from audit.evidence.notes import parse_note, parse_vkey, verify
from audit.evidence.signer import (
    SigningUnavailableError,
    current_signer,
    current_signers,
    known_vkeys,
    make_key_file,
    next_key_file,
    read_signer,
    why_not_signing,
)
from audit.ledger import Action
from audit.models import AuditEvent, Checkpoint, Session, VerificationKey
from bastion.live.endings import EndedError
from bastion.live.opening import open_session
from bastion.live.wire import Size
from hosts import access
from tests.recordings import make_grant, make_host, web_login

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def key_file(tmp_path: Path, settings: Settings) -> Path:
    path = tmp_path / "signing.key"
    settings.SIGNING_KEY_FILE = path
    return path


def rotate(*options: str) -> str:
    call_command("rotate_signing_key", *options)
    return current_signer().vkey()


def signed_by(checkpoint: Checkpoint | None) -> list[str]:
    assert checkpoint is not None
    return [str(key) for key in verify(parse_note(checkpoint.note.encode()), known_vkeys())]


def test_the_first_use_makes_a_key_that_only_we_can_read(key_file: Path) -> None:
    vkey = current_signer().vkey()
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert key_file.read_text().startswith("PRIVATE+KEY+bastion-")
    assert current_signer().vkey() == vkey
    assert known_vkeys() == [vkey]
    assert VerificationKey.objects.get().key_id == parse_vkey(vkey).key_id
    assert [path.name for path in key_file.parent.iterdir()] == ["signing.key"]


def test_many_that_start_at_once_have_one_key(key_file: Path) -> None:
    start = threading.Barrier(8)

    def make() -> None:
        start.wait()
        make_key_file(key_file)
        made.append(read_signer(key_file).vkey())

    made: list[str] = []
    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 8
    assert len(set(made)) == 1


def test_a_lost_key_is_not_silently_replaced(key_file: Path, client: Client, valkey: str) -> None:
    current_signer()
    key_file.unlink()
    with pytest.raises(SigningUnavailableError, match="is missing"):
        current_signer()
    assert not key_file.exists()
    response = client.get("/readyz")
    assert response.status_code == 503
    assert "rotate_signing_key --lost" in response.json()["checks"]["signing"]["detail"]


def test_no_session_starts_while_nothing_can_be_signed(key_file: Path, bob: User) -> None:
    host = make_host("web-01")
    make_grant(bob, host, access.Action.CONNECT)
    current_signer()
    key_file.unlink()
    with pytest.raises(EndedError) as ended:
        open_session(replace(web_login(bob), kind="token", scopes=frozenset({"connect"})), host.pk, Size(80, 24))
    assert ended.value.ending.code == 4500
    assert "is missing" in ended.value.ending.detail
    assert not Session.objects.exists()


def test_another_key_than_the_installations_signs_nothing(key_file: Path) -> None:
    current_signer()
    key_file.unlink()
    make_key_file(key_file)
    assert "not the one that this installation signs with" in why_not_signing()


def test_of_two_machines_that_begin_at_once_one_signs(key_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = current_signer().vkey()
    key_file.unlink()
    with monkeypatch.context() as patch:
        # The second machine looked before the first had written its key down.
        patch.setattr(signer, "active_vkey", _none_then(mine))
        with pytest.raises(SigningUnavailableError, match="Another machine"):
            current_signer()
    assert known_vkeys() == [mine]


def _none_then(vkey: str) -> object:
    answers = iter([None])
    return lambda: next(answers, vkey)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "damaged"),
        ("secret", "damaged"),
        ("PRIVATE+KEY+n+00000000+c2VjcmV0", "cannot be decoded"),
        ("PRIVATE+KEY+n+00000000+AXNlY3JldHNlY3JldHNlY3JldHNlY3JldHNlY3JldHNl", "its id is not the one"),
    ],
)
def test_a_damaged_key_signs_nothing_and_is_not_shown(key_file: Path, content: str, reason: str) -> None:
    current_signer()
    key_file.write_text(content)
    why = why_not_signing()
    assert reason in why
    assert "secret" not in why
    assert "c2Vj" not in why


def test_a_key_that_everybody_can_read_signs_nothing(key_file: Path) -> None:
    current_signer()
    key_file.chmod(0o644)
    assert "chmod 600" in why_not_signing()


def test_a_key_that_cannot_be_made_is_a_reason(settings: Settings) -> None:
    settings.SIGNING_KEY_FILE = Path("/proc/no/such/signing.key")
    assert "cannot be made" in why_not_signing()


def test_a_new_key_takes_over_and_the_old_one_stays_known(key_file: Path) -> None:
    old = current_signer()
    note = notes.sign("text\n", old)
    new = rotate()
    assert new != old.vkey()
    assert parse_vkey(new).name == parse_vkey(old.vkey()).name
    assert known_vkeys() == [old.vkey(), new]
    assert verify(note, known_vkeys())
    assert read_signer(key_file).vkey() == new
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert [path.name for path in key_file.parent.iterdir()] == ["signing.key"]
    rows = {row.vkey: row.retired_at for row in VerificationKey.objects.all()}
    assert rows[new] is None
    assert rows[old.vkey()] is not None


def test_the_checkpoint_of_a_rotation_is_signed_by_both_keys_and_the_next_by_the_new_one() -> None:
    ledger.record(Action.SIGN_OUT, login=None)
    assert len(signed_by(make_checkpoint())) == 1
    old = current_signer().vkey()
    new = rotate()
    assert signed_by(make_checkpoint()) == [new, old]
    ledger.record(Action.SIGN_OUT, login=None)
    assert signed_by(make_checkpoint()) == [new]


def test_a_rotation_is_a_line_of_the_ledger() -> None:
    old = current_signer().vkey()
    new = rotate()
    line = AuditEvent.objects.get(action="key.rotated")
    assert line.detail == {"new": new, "old": old, "old_is_lost": False}
    assert line.actor_name


def test_three_rotations_leave_four_keys_that_verify() -> None:
    signed = []
    for _ in range(3):
        signed.append(notes.sign("text\n", current_signer()))
        rotate()
    signed.append(notes.sign("text\n", current_signer()))
    assert len(known_vkeys()) == 4
    assert len({key for note in signed for key in verify(note, known_vkeys())}) == 4


@pytest.mark.parametrize("step", ["read_signer", "register", "make_checkpoint"])
def test_a_rotation_that_dies_leaves_somebody_who_signs(
    step: str, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = current_signer().vkey()
    ledger.record(Action.SIGN_OUT, login=None)
    make_checkpoint()
    real = getattr(rotation, step)
    # A rotation begins and ends with a checkpoint.
    calls_that_work = iter(["the first"] if step == "make_checkpoint" else [])

    def die(*arguments: object) -> object:
        if next(calls_that_work, ""):
            return real(*arguments)
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(rotation, step, die)
        with pytest.raises(SystemExit):
            rotate()
    has_happened = step == "make_checkpoint"
    assert why_not_signing() == ""
    assert (current_signer().vkey() != old) == has_happened
    assert len(current_signers()) == 1 + has_happened
    ledger.record(Action.SIGN_OUT, login=None)
    assert old in signed_by(make_checkpoint())
    assert next_key_file().exists() == (not has_happened)
    new = rotate()
    assert read_signer(key_file).vkey() == new
    assert not next_key_file().exists()


def test_a_lost_key_is_replaced_on_request(key_file: Path) -> None:
    old = current_signer().vkey()
    ledger.record(Action.SIGN_OUT, login=None)
    make_checkpoint()
    key_file.unlink()
    with pytest.raises(CommandError, match="is missing"):
        rotate()
    new = rotate("--lost")
    assert (known_vkeys(), why_not_signing()) == ([old, new], "")
    assert signed_by(make_checkpoint()) == [new]
    assert AuditEvent.objects.get(action="key.rotated").detail["old_is_lost"]


def test_a_key_that_can_sign_is_not_lost(key_file: Path) -> None:
    vkey = current_signer().vkey()
    with pytest.raises(CommandError, match="without --lost"):
        rotate("--lost")
    assert current_signer().vkey() == vkey


def test_an_unusable_key_is_kept_aside_when_it_is_replaced(key_file: Path) -> None:
    current_signer()
    key_file.write_text("PRIVATE+KEY+half")
    rotate("--lost")
    assert key_file.with_name("signing.key.unusable").read_text() == "PRIVATE+KEY+half"


@pytest.mark.django_db(transaction=True)
def test_signing_goes_on_while_the_key_is_rotated() -> None:
    problems: list[Exception] = []
    is_over = threading.Event()

    def sign_all_the_time() -> None:
        try:
            while not is_over.is_set():
                current_signer().sign(b"text")
        except Exception as error:  # noqa: BLE001 whatever it is, the test reports it
            problems.append(error)
        finally:
            connections.close_all()

    current_signer()
    thread = threading.Thread(target=sign_all_the_time)
    thread.start()
    for _ in range(3):
        rotate()
    is_over.set()
    thread.join()
    assert problems == []
