"""Hosts that want a password, asked for in either of the two ways that OpenSSH knows."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from hosts.credentials import store_secret
from hosts.models import Credential, Host, HostKey
from tests.conftest import give, token_of
from tests.peers import require_root
from tests.sshd import SshServer, start_sshd
from tests.terminal import open_terminal

PASSWORD = "a password, with spaces and ümläute"


@pytest.fixture
def account() -> Iterator[str]:
    """A user of this machine with a password, for one test."""
    require_root()
    name = f"bastion-test-{os.getpid()}"
    subprocess.run(["useradd", "--create-home", "--shell", "/bin/bash", name], check=True)
    try:
        subprocess.run(["chpasswd"], input=f"{name}:{PASSWORD}", text=True, check=True)
        yield name
    finally:
        subprocess.run(["userdel", "--remove", "--force", name], check=False, capture_output=True)


@pytest.fixture(params=["loop", "thread"], autouse=True)
def transport(request: pytest.FixtureRequest, settings: Settings) -> None:
    settings.SSH_TRANSPORT = request.param


WAYS = {
    "password": "KbdInteractiveAuthentication no\nPubkeyAuthentication no",
    "keyboard-interactive": "AuthenticationMethods keyboard-interactive\nKbdInteractiveAuthentication yes",
}


@pytest.fixture(params=list(WAYS))
def server_with_passwords(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SshServer]:
    pam = "yes" if request.param == "keyboard-interactive" else "no"
    sshd = start_sshd(tmp_path_factory.mktemp("sshd"), more=WAYS[request.param], pam=pam)
    yield sshd
    sshd.stop()


def host_with_password(sshd: SshServer, account: str, password: str) -> Host:
    credential = Credential(name="password", username=account, kind=Credential.Kind.PASSWORD)
    store_secret(credential, password)
    credential.save()
    host = Host.objects.create(name="web-01", address="127.0.0.1", port=sshd.port, credential=credential)
    HostKey.objects.create(host=host, fingerprint=sshd.fingerprint, source=HostKey.Source.FINGERPRINT)
    return host


def test_the_stored_password_gets_in(server: int, server_with_passwords: SshServer, account: str, bob: User) -> None:
    host = host_with_password(server_with_passwords, account, PASSWORD)
    give(bob, host, "connect")

    with open_terminal(server, host.pk, token_of(bob)) as terminal:
        terminal.wait_ready()
        terminal.type("id -un\r")
        terminal.wait_for(f"{account}\r\n")
        assert PASSWORD.encode() not in terminal.shown


def test_a_wrong_password_is_refused(server: int, server_with_passwords: SshServer, account: str, bob: User) -> None:
    host = host_with_password(server_with_passwords, account, "wrong")
    give(bob, host, "connect")

    with open_terminal(server, host.pk, token_of(bob)) as terminal:
        assert terminal.wait_closed(40) == 4502
    assert terminal.close_reason == "The host refused the stored credential."
