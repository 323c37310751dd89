"""Whatever takes a person's access away ends the open terminal within five seconds, sealed with the cause."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from importlib import import_module

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone
from pytest_django import Settings
from redis import Redis

from audit.models import Session
from hosts.models import ApiToken, Grant, Host
from tests.conftest import give, token_of
from tests.polling import eventually
from tests.terminal import open_terminal

# The promise, and a little for a machine that is busy testing.
BOUND_SECONDS = 5 + 2

CAUSES: dict[str, Callable[[User, Host], object]] = {
    "grant revoked": lambda bob, host: Grant.objects.update(revoked_at=timezone.now()),
    "grant expired": lambda bob, host: Grant.objects.update(valid_until=timezone.now()),
    "person taken out of the group": lambda bob, host: bob.groups.clear(),
    "account disabled": lambda bob, host: User.objects.filter(pk=bob.pk).update(is_active=False),
    "account deleted": lambda bob, host: User.objects.filter(pk=bob.pk).delete(),
    "host disabled": lambda bob, host: Host.objects.update(enabled=False),
    "host retired": lambda bob, host: Host.objects.update(retired_at=timezone.now()),
}


def give_through_group(user: User, host: Host) -> None:
    group = Group.objects.create(name="ops")
    user.groups.add(group)
    Grant.objects.create(group=group, host=host, connect=True, valid_from=timezone.now() - timedelta(minutes=1))


@pytest.mark.parametrize("cause", CAUSES.values(), ids=CAUSES.keys())
def test_the_terminal_ends(server: int, web_01: Host, bob: User, cause: Callable[[User, Host], object]) -> None:
    give_through_group(bob, web_01)

    with open_terminal(server, web_01.pk, token_of(bob)) as terminal:
        session_id = terminal.wait_ready()
        cause(bob, web_01)
        begun = time.monotonic()
        assert terminal.wait_closed() == 4411
        assert time.monotonic() - begun < BOUND_SECONDS
        assert terminal.close_reason

    session = eventually(lambda: Session.objects.get(pk=session_id, state=Session.State.SEALED))
    assert session.end_reason == "access_ended"


@pytest.mark.parametrize("change", [{"revoked_at": timezone.now()}, {"expires_at": timezone.now()}])
def test_the_terminal_of_a_token_ends_with_it(server: int, web_01: Host, bob: User, change: dict[str, object]) -> None:
    give(bob, web_01, "connect")

    with open_terminal(server, web_01.pk, token_of(bob)) as terminal:
        terminal.wait_ready()
        ApiToken.objects.update(**change)
        assert terminal.wait_closed() == 4411


@pytest.mark.parametrize("how", ["signs out", "changes the password", "session row deleted"])
def test_the_terminal_of_a_sign_in_ends_with_it(server: int, web_01: Host, bob: User, how: str) -> None:
    give(bob, web_01, "connect")
    client = signed_in(bob)
    cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
    headers = {"Cookie": cookies, "Origin": f"http://127.0.0.1:{server}"}

    with open_terminal(server, web_01.pk, headers=headers) as terminal:
        terminal.wait_ready()
        match how:
            case "signs out":
                client.logout()
            case "changes the password":
                bob.set_password("another password, long enough")
                bob.save()
            case _:
                import_module(settings.SESSION_ENGINE).SessionStore(client.session.session_key).delete()
        assert terminal.wait_closed() == 4411


def test_it_ends_with_redis_stopped_too(server: int, web_01: Host, bob: User, valkey: str) -> None:
    give(bob, web_01, "connect")

    with open_terminal(server, web_01.pk, token_of(bob)) as terminal:
        terminal.wait_ready()
        # Redis answers nobody for as long as the test lasts.
        Redis.from_url(valkey).client_pause(8000)
        Grant.objects.update(revoked_at=timezone.now())
        assert terminal.wait_closed() == 4411


def test_a_terminal_ends_when_it_is_idle_for_too_long(server: int, web_01: Host, bob: User, settings: Settings) -> None:
    give(bob, web_01, "connect")
    Host.objects.update(idle_limit=1)

    with open_terminal(server, web_01.pk, token_of(bob)) as terminal:
        terminal.wait_ready()
        assert terminal.wait_closed() == 4408


def test_a_terminal_ends_at_its_maximum_length(server: int, web_01: Host, bob: User) -> None:
    give(bob, web_01, "connect")
    Host.objects.update(length_limit=1)

    with open_terminal(server, web_01.pk, token_of(bob)) as terminal:
        terminal.wait_ready()
        terminal.type("while sleep 0.2; do echo busy; done\r")
        assert terminal.wait_closed() == 4409


def signed_in(user: User) -> Client:
    """Return a client that has signed in and accepted the notice."""
    client = Client()
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    session = client.session
    session["notice_accepted"] = True
    session.save()
    return client
