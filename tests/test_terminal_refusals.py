"""Who and what gets no terminal, and the close code that says why."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import Settings
from websockets.exceptions import InvalidStatus

from audit.models import AuditEvent, Session
from hosts.credentials import store_secret
from hosts.models import Credential, Host
from tests.conftest import give, token_of
from tests.polling import eventually
from tests.sshd import SshServer, free_port
from tests.terminal import open_terminal

BAD_FRAMES = {
    "not JSON": "ls -l",
    "an array": "[1]",
    "no type": "{}",
    "an unknown type": '{"type":"launch"}',
    "a type that is an object": '{"type":{}}',
    "no columns": '{"type":"resize","cols":0,"rows":24}',
    "fewer than none": '{"type":"resize","cols":-1,"rows":24}',
    "too many columns": '{"type":"resize","cols":65536,"rows":24}',
    "columns as text": '{"type":"resize","cols":"80","rows":24}',
    "half a column": '{"type":"resize","cols":1.5,"rows":24}',
    "columns that are true": '{"type":"resize","cols":true,"rows":24}',
    "endless columns": '{"type":"resize","cols":1e400,"rows":24}',
    "rows missing": '{"type":"resize","cols":80}',
    "deep JSON": "[" * 60000,
    "a long text": '{"type":"' + "x" * 70000 + '"}',
    "binary over 64 KiB": b"x" * 65537,
}


@pytest.mark.parametrize("frame", BAD_FRAMES.values(), ids=BAD_FRAMES.keys())
def test_a_bad_frame_ends_the_session_with_words_and_a_seal(
    server: int, web_01: Host, bob: User, frame: str | bytes
) -> None:
    give(bob, web_01, "connect")

    with open_terminal(server, web_01.pk, token_of(bob)) as terminal:
        session_id = terminal.wait_ready()
        terminal.socket.send(frame)
        assert terminal.wait_closed() == 4400
        assert terminal.close_reason.startswith(("expected", "cols: expected", "rows: expected"))

    session = eventually(lambda: Session.objects.get(pk=session_id, state=Session.State.SEALED))
    assert session.end_reason == "bad_frame"


@pytest.mark.parametrize("query", ["cols=0", "cols=1001", "rows=501", "cols=٨٠", "cols=", "session=x", "after=-1"])
def test_a_bad_address_is_told_what_was_expected(server: int, web_01: Host, bob: User, query: str) -> None:
    give(bob, web_01, "connect")

    with open_terminal(server, web_01.pk, token_of(bob), query=query) as terminal:
        if query == "cols=":
            terminal.wait_ready()
            return
        assert terminal.wait_closed() == 4400
        assert "expected" in terminal.close_reason
    assert not Session.objects.exists()


def test_without_a_sign_in_there_is_no_terminal(server: int, web_01: Host) -> None:
    with open_terminal(server, web_01.pk, "bst_" + "x" * 43) as terminal:
        assert terminal.wait_closed() == 4401
    assert not Session.objects.exists()


@pytest.mark.parametrize(
    "origin",
    [None, "null", "https://evil.test", "http://127.0.0.1:1", "HTTP://127.0.0.1", "http://127.0.0.1.evil.test"],
)
def test_a_cookie_from_a_foreign_page_is_refused_at_the_handshake(
    server: int, web_01: Host, bob: User, origin: str | None
) -> None:
    give(bob, web_01, "connect")
    headers = {"Cookie": cookie_of(bob)} | ({"Origin": origin} if origin else {})

    with (
        pytest.raises(InvalidStatus, match="403"),
        open_terminal(server, web_01.pk, headers=headers),
    ):
        pass


def test_a_foreign_host_name_is_refused_at_the_handshake(server: int, web_01: Host, bob: User) -> None:
    headers = {"Host": "evil.test", "Origin": "http://evil.test", "Cookie": cookie_of(bob)}

    with pytest.raises(InvalidStatus, match="403"), open_terminal(server, web_01.pk, headers=headers):
        pass


def test_a_sign_in_that_has_not_accepted_the_notice_gets_no_terminal(server: int, web_01: Host, bob: User) -> None:
    give(bob, web_01, "connect")
    headers = {"Cookie": cookie_of(bob), "Origin": f"http://127.0.0.1:{server}"}

    with open_terminal(server, web_01.pk, headers=headers) as terminal:
        assert terminal.wait_closed() == 4401


@pytest.mark.parametrize("which", ["no grant", "only view_own", "expired", "not yet", "disabled host", "no such host"])
def test_without_a_grant_the_host_does_not_exist(server: int, web_01: Host, mallory: User, which: str) -> None:
    host_id = web_01.pk
    match which:
        case "only view_own":
            give(mallory, web_01, "view_own", "audit")
        case "expired":
            grant = give(mallory, web_01, "connect")
            grant.valid_until = timezone.now()
            grant.save()
        case "not yet":
            grant = give(mallory, web_01, "connect")
            grant.valid_from = timezone.now() + timedelta(hours=1)
            grant.save()
        case "disabled host":
            give(mallory, web_01, "connect")
            Host.objects.update(enabled=False)
        case "no such host":
            host_id = uuid4()

    with open_terminal(server, host_id, token_of(mallory)) as terminal:
        assert terminal.wait_closed() == 4404
    assert not Session.objects.exists()
    assert AuditEvent.objects.get(action="session.denied").actor_name == "mallory"


def test_a_token_without_the_scope_connect_gets_no_terminal(server: int, web_01: Host, bob: User) -> None:
    give(bob, web_01, "connect")

    with open_terminal(server, web_01.pk, token_of(bob, "read")) as terminal:
        assert terminal.wait_closed() == 4404


def test_one_session_too_many_is_refused(server: int, web_01: Host, bob: User, settings: Settings) -> None:
    settings.SESSIONS_PER_USER = 1
    give(bob, web_01, "connect")
    token = token_of(bob)

    with open_terminal(server, web_01.pk, token) as first:
        first.wait_ready()
        with open_terminal(server, web_01.pk, token) as second:
            assert second.wait_closed() == 4429


def test_a_changed_host_key_is_refused_before_any_credential_leaves(
    server: int, web_01: Host, bob: User, sshd: SshServer
) -> None:
    give(bob, web_01, "connect")
    web_01.keys.update(fingerprint="SHA256:" + "A" * 43)
    seen_before = (sshd.directory / "sshd.log").stat().st_size

    with open_terminal(server, web_01.pk, token_of(bob)) as terminal:
        assert terminal.wait_closed() == 4502
        assert "key is not the pinned one" in terminal.close_reason

    log = (sshd.directory / "sshd.log").read_bytes()[seen_before:]
    assert b"Accepted" not in log
    assert b"Failed" not in log
    event = AuditEvent.objects.get(action="host_key.changed")
    assert event.detail["fingerprint"] == sshd.fingerprint
    session = eventually(lambda: Session.objects.get(state=Session.State.SEALED))
    assert session.end_reason == "changed_key"


def test_a_host_without_a_pinned_key_is_refused(server: int, web_01: Host, bob: User) -> None:
    give(bob, web_01, "connect")
    web_01.keys.all().delete()

    with open_terminal(server, web_01.pk, token_of(bob)) as terminal:
        assert terminal.wait_closed() == 4502
        assert "No key is pinned" in terminal.close_reason


def test_a_wrong_credential_is_told_apart_and_shows_no_secret(server: int, web_01: Host, bob: User) -> None:
    give(bob, web_01, "connect")
    credential = Credential(name="wrong", username="root", kind=Credential.Kind.PASSWORD)
    store_secret(credential, "hunter2-canary")
    credential.save()
    Host.objects.update(credential=credential)

    with open_terminal(server, web_01.pk, token_of(bob)) as terminal:
        assert terminal.wait_closed() == 4502
    assert terminal.close_reason == "The host refused the stored credential."
    session = eventually(lambda: Session.objects.get(state=Session.State.SEALED))
    assert (session.end_reason, "hunter2" in session.end_detail) == ("authentication_failed", False)


def test_only_administrators_learn_how_an_address_answers(server: int, web_01: Host, bob: User, alice: User) -> None:
    give(bob, web_01, "connect")
    give(alice, web_01, "connect")
    Host.objects.update(port=free_port())

    with open_terminal(server, web_01.pk, token_of(bob)) as terminal:
        assert terminal.wait_closed() == 4502
    assert terminal.close_reason == "The host cannot be reached."
    with open_terminal(server, web_01.pk, token_of(alice)) as terminal:
        assert terminal.wait_closed() == 4502
    assert "refused" in terminal.close_reason


def test_an_address_of_our_own_is_not_connected_to(server: int, web_01: Host, bob: User, settings: Settings) -> None:
    settings.ALLOWED_ADDRESSES = []
    give(bob, web_01, "connect")

    with open_terminal(server, web_01.pk, token_of(bob)) as terminal:
        assert terminal.wait_closed() == 4502
    assert Session.objects.get().end_reason == "forbidden_address"


def cookie_of(user: User) -> str:
    """Return the cookie header of somebody who signed in with a browser."""
    client = Client()
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
