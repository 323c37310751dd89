"""Whether running sessions may go on is asked for all of them at once, and answered for each."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from audit.running import AccessEnded, EndRequested, Running, find_ended
from audit.sessions import request_end
from hosts.access import Action
from hosts.logins import Login, login_of_token
from hosts.models import ApiToken, Grant, Host
from hosts.tokens import create_token
from tests.inventory import give, new_host
from tests.recordings import make_session, web_login

pytestmark = pytest.mark.django_db


def signed_in(user: User) -> Login:
    _token, text = create_token(user, "test", ("read", "connect"), 1)
    return login_of_token(text.reveal().decode(), "192.0.2.7", "tests")


def running(user: User, host: Host) -> Running:
    return Running(uuid4(), signed_in(user), host.pk)


def test_of_many_sessions_exactly_those_end_whose_reason_to_run_is_gone(alice: User, bob: User, carol: User) -> None:
    one, other = new_host("web-01"), new_host("web-02")
    for person in (alice, bob, carol):
        give(person, one, Action.CONNECT)
    give(bob, other, Action.CONNECT)
    stays, moved, disabled, tokenless = running(bob, one), running(bob, other), running(carol, one), running(alice, one)

    assert find_ended([stays, moved, disabled, tokenless]) == {}

    Grant.objects.filter(host=other).update(revoked_at=timezone.now())
    User.objects.filter(pk=carol.pk).update(is_active=False)
    ApiToken.objects.filter(pk=tokenless.login.handle).update(expires_at=timezone.now() - timedelta(seconds=1))

    assert find_ended([stays, moved, disabled, tokenless]) == {
        moved.session_id: AccessEnded("grant ended"),
        disabled.session_id: AccessEnded("account disabled"),
        tokenless.session_id: AccessEnded("token expired"),
    }


def test_who_asked_for_an_end_is_named(bob: User, carol: User) -> None:
    host = new_host("web-01")
    give(bob, host, Action.CONNECT)
    session, login = make_session(bob, host), signed_in(bob)
    request_end(session.pk, web_login(carol), "wrong host")
    asked = Running(session.pk, login, host.pk)
    assert find_ended([asked, running(bob, host)]) == {asked.session_id: EndRequested("carol", "wrong host")}


def test_more_sessions_are_no_more_questions(
    alice: User, bob: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    hosts = [new_host() for _ in range(10)]
    for host in hosts:
        give(alice, host, Action.CONNECT)
        give(bob, host, Action.CONNECT)
    many = [running(person, host) for person in (alice, bob) for host in hosts]
    with django_assert_max_num_queries(5):
        assert find_ended(many) == {}
