"""add_host, grant and create_token."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from pytest_django import Settings

from hosts.credentials import open_credential
from hosts.logins import login_of_token
from hosts.models import ApiToken, Credential, Grant, Host, HostGroup
from tests.inventory import announcements, new_host

FINGERPRINT = "SHA256:" + "A" * 43


@pytest.fixture(autouse=True)
def _loopback_is_refused(settings: Settings) -> None:
    settings.ALLOWED_ADDRESSES = []


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    lock = serialization.BestAvailableEncryption(b"open sesame")
    pem = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, lock
    )
    path = tmp_path / "id_ed25519"
    path.write_bytes(pem)
    return path


def run(*words: str) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command(*words, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def type_in(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def test_a_host_is_added_with_password_group_and_pin(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    type_in(monkeypatch, "hunter2 hunter2\n")
    words = ["web-01", "10.0.0.5", "--port", "2222", "--user", "deploy", "--password-stdin", "--pin", FINGERPRINT]
    with announcements() as heard:
        out, err = run("add_host", *words, "--group", "servers")
    host = Host.objects.get()
    assert out == ""
    assert str(host.pk) in err
    assert (host.name, host.address, host.port) == ("web-01", "10.0.0.5", 2222)
    assert [key.fingerprint for key in host.keys.all()] == [FINGERPRINT]
    assert [group.name for group in host.groups.all()] == ["servers"]
    assert host.credential is not None
    login = open_credential(host.credential)
    assert login.username == "deploy"
    assert login.password is not None
    assert login.password.reveal() == b"hunter2 hunter2"
    assert sorted(said["action"] for said in heard) == [
        "credential.created",
        "host.created",
        "host_group.created",
        "host_key.pinned",
    ]
    assert "hunter2" not in json.dumps([said["detail"] for said in heard])


def test_adding_again_completes_what_is_missing(db: None, monkeypatch: pytest.MonkeyPatch, key_file: Path) -> None:
    run("add_host", "web-01", "10.0.0.5")
    assert Host.objects.get().credential is None
    type_in(monkeypatch, "open sesame\n")
    words = ["add_host", "web-01", "10.0.0.5", "--user", "deploy", "--key-file", str(key_file), "--passphrase-stdin"]
    run(*words)
    type_in(monkeypatch, "open sesame\n")
    run(*words)
    assert Host.objects.count() == Credential.objects.count() == 1
    credential = Credential.objects.get()
    assert credential.fingerprint.startswith("SHA256:")
    assert open_credential(credential).private_key_pem is not None


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["-x", "10.0.0.5"], "unrecognized|required"),
        (["a\nb", "10.0.0.5"], "Use letters"),
        (["web-02", "127.0.0.1"], "refused"),
        (["web-02", "not an address"], "Use a host name"),
        (["web-02", "10.0.0.5", "--port", "0"], "expected 1 to 65535"),
        (["web-02", "10.0.0.5", "--port", "x"], "invalid int"),
        (["web-02", "10.0.0.5", "--user", "deploy"], "--password-stdin or --key-file"),
        (["web-02", "10.0.0.5", "--password-stdin"], "together with"),
        (["web-02", "10.0.0.5", "--passphrase-stdin"], "--key-file"),
        (["web-02", "10.0.0.5", "--user", "deploy", "--key-file", "/no/such/file"], "No such file"),
        (["web-02", "10.0.0.5", "--user", "deploy", "--key-file", "/"], "Is a directory"),
        (["web-02", "10.0.0.5", "--user", "-x", "--password-stdin"], "expected one argument"),
        (["web-02", "10.0.0.5", "--user", "a b", "--password-stdin"], "without spaces"),
        (["web-02", "10.0.0.5", "--user", "deploy", "--password-stdin"], "got nothing"),
        (["web-02", "10.0.0.5", "--pin", "MD5:aa"], "MD5"),
        (["web-02", "10.0.0.5", "--pin", FINGERPRINT, "--pin-scan"], "not allowed with"),
        (["taken", "10.0.0.6"], "is there already, with 10.0.0.5"),
    ],
)
def test_a_host_that_cannot_be_added_is_one_clear_line(
    db: None, monkeypatch: pytest.MonkeyPatch, words: list[str], complaint: str
) -> None:
    new_host("taken")
    type_in(monkeypatch, "")
    with pytest.raises(CommandError, match=complaint) as caught:
        run("add_host", *words)
    assert "\n" not in str(caught.value)
    assert Host.objects.count() == 1
    assert not Credential.objects.exists()


def test_a_wrong_passphrase_adds_nothing(db: None, monkeypatch: pytest.MonkeyPatch, key_file: Path) -> None:
    type_in(monkeypatch, "wrong\n")
    with pytest.raises(CommandError, match="passphrase: The passphrase is wrong"):
        run("add_host", "web-01", "10.0.0.5", "--user", "d", "--key-file", str(key_file), "--passphrase-stdin")
    assert not Host.objects.exists()


def test_passwords_cannot_be_given_on_the_command_line(db: None) -> None:
    for option in ("--password", "--passphrase", "--secret"):
        with pytest.raises(CommandError):
            run("add_host", "web-01", "10.0.0.5", "--user", "deploy", option, "hunter2")


def test_the_scanned_keys_are_pinned(db: None, sshd: Any, settings: Settings) -> None:
    settings.ALLOWED_ADDRESSES = ["127.0.0.0/8"]
    out, _err = run("add_host", "web-01", "127.0.0.1", "--port", str(sshd.port), "--pin-scan")
    pinned = {f"{key.fingerprint} {key.algorithm}" for key in Host.objects.get().keys.all()}
    assert set(out.splitlines()) == pinned
    assert pinned


def test_a_host_that_shows_no_key_is_kept_and_the_error_says_so(db: None, settings: Settings) -> None:
    settings.ALLOWED_ADDRESSES = ["127.0.0.0/8"]
    settings.CONNECT_TIMEOUT = 2
    with pytest.raises(CommandError, match="was added, but its keys could not be read"):
        run("add_host", "web-01", "127.0.0.1", "--port", "1", "--pin-scan")


def test_a_grant_is_given_once(bob: User) -> None:
    host = new_host("web-01")
    with announcements() as heard:
        out, _err = run("grant", "bob", "web-01", "connect", "view_own", "--reason", "on call")
        assert run("grant", "bob", "web-01", "connect", "view_own")[0] == out
    grant = Grant.objects.get()
    assert out == f"{grant.pk}\n"
    assert (grant.user, grant.host, grant.reason, grant.valid_until) == (bob, host, "on call", None)
    assert (grant.connect, grant.view_own, grant.audit, grant.terminate) == (True, True, False, False)
    assert [said["action"] for said in heard] == ["grant.created"]


def test_groups_are_granted_with_an_end(db: None) -> None:
    group, host_group = Group.objects.create(name="operators"), HostGroup.objects.create(name="servers")
    run("grant", "group:operators", "group:servers", "audit", "--until", "2099-01-01T00:00:00+02:00")
    grant = Grant.objects.get()
    assert (grant.group, grant.host_group, grant.audit) == (group, host_group, True)
    assert grant.valid_until is not None
    assert grant.valid_until.isoformat() == "2098-12-31T22:00:00+00:00"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["nobody", "web-01", "connect"], "no user called 'nobody'"),
        (["group:nobody", "web-01", "connect"], "no group called 'nobody'"),
        (["bob", "nowhere", "connect"], "no host called 'nowhere'"),
        (["bob", "group:nowhere", "connect"], "no host group called 'nowhere'"),
        (
            ["bob", "web-01", "fly"],
            "expected connect, view_own, audit, terminate, export, view_input, got 'fly'",
        ),
        (["bob", "web-01"], "required: ACTION"),
        (["bob", "web-01", "connect", "--until", "2020-01-01"], "time to come"),
        (["bob", "web-01", "connect", "--until", "tomorrow"], "2026-11-21T14:00:00Z"),
        (["bob", "web-01", "connect", "--reason", "a\nb"], "one line"),
    ],
)
def test_a_grant_that_cannot_be_given_is_one_clear_line(bob: User, words: list[str], complaint: str) -> None:
    new_host("web-01")
    with pytest.raises(CommandError, match=complaint) as caught:
        run("grant", *words)
    assert "\n" not in str(caught.value)
    assert not Grant.objects.exists()


def test_the_token_alone_is_printed(bob: User) -> None:
    with announcements() as heard:
        out, err = run("create_token", "bob", "--name", "ci", "--scope", "read", "--scope", "audit", "--days", "7")
    assert err == ""
    assert out.count("\n") == 1
    login = login_of_token(out.strip(), "", "")
    assert (login.user, login.scopes) == (bob, frozenset({"read", "audit"}))
    assert [said["action"] for said in heard] == ["token.created"]
    assert run("create_token", "bob", "--name", "default")[0].startswith("bst_")
    assert ApiToken.objects.get(name="default").scopes == ["read", "connect"]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["nobody", "--name", "x"], "no user called 'nobody'"),
        (["bob"], "--name"),
        (["bob", "--name", ""], "--name: "),
        (["bob", "--name", "x", "--scope", "root"], "--scope: .*got root"),
        (["bob", "--name", "x", "--scope", "metrics"], "administrators"),
        (["bob", "--name", "x", "--days", "0"], "--days: "),
        (["bob", "--name", "x", "--days", "x"], "invalid int"),
    ],
)
def test_a_token_that_cannot_be_made_is_one_clear_line(bob: User, words: list[str], complaint: str) -> None:
    with pytest.raises(CommandError, match=complaint):
        run("create_token", *words)
    assert not ApiToken.objects.exists()


def test_a_disabled_person_gets_no_token(bob: User) -> None:
    User.objects.update(is_active=False)
    with pytest.raises(CommandError, match="bob is disabled"):
        run("create_token", "bob", "--name", "ci")
