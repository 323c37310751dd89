"""A session belongs to its process, not to its socket: its person may come back and go on."""

from __future__ import annotations

from uuid import uuid4

from django.contrib.auth.models import User
from pytest_django import Settings

from audit.models import Session
from hosts.models import Grant, Host
from tests.conftest import give, token_of
from tests.polling import eventually
from tests.terminal import open_terminal


def test_a_person_who_comes_back_gets_exactly_what_was_missed(server: int, web_01: Host, bob: User) -> None:
    give(bob, web_01, "connect")
    token = token_of(bob)
    with open_terminal(server, web_01.pk, token) as first:
        session_id = first.wait_ready()
        first.type("for i in $(seq 1 40); do echo line-$i-; sleep 0.05; done; echo all-$((1+1))\r")
        first.wait_for("line-3-")
    eventually(lambda: Session.objects.get(pk=session_id, state=Session.State.DETACHED))

    with open_terminal(server, web_01.pk, token, query=f"session={session_id}&after={len(first.shown)}") as second:
        assert second.wait_ready() == session_id
        second.wait_for("all-2")

    shown = bytes(first.shown + second.shown)
    assert [shown.count(b"line-%d-\r\n" % number) for number in range(1, 41)] == [1] * 40
    assert second.messages[0]["offset"] == len(first.shown)


def test_the_older_socket_is_closed(server: int, web_01: Host, bob: User) -> None:
    give(bob, web_01, "connect")
    token = token_of(bob)

    with open_terminal(server, web_01.pk, token) as first:
        session_id = first.wait_ready()
        with open_terminal(server, web_01.pk, token, query=f"session={session_id}&after=0") as second:
            second.wait_ready()
            assert first.wait_closed() == 4412
            second.type("echo still-$((2+2))\r")
            second.wait_for("still-4")


def test_nobody_else_can_take_a_session_up(server: int, web_01: Host, bob: User, carol: User) -> None:
    give(bob, web_01, "connect")
    give(carol, web_01, "connect", "audit")

    with open_terminal(server, web_01.pk, token_of(bob)) as terminal:
        session_id = terminal.wait_ready()
        with open_terminal(server, web_01.pk, token_of(carol), query=f"session={session_id}") as other:
            assert other.wait_closed() == 4413


def test_what_was_never_there_cannot_be_taken_up(server: int, web_01: Host, bob: User) -> None:
    give(bob, web_01, "connect")
    token = token_of(bob)

    with open_terminal(server, web_01.pk, token) as terminal:
        session_id = terminal.wait_ready()
        for query in (f"session={uuid4()}", f"session={session_id}&after=999999999"):
            with open_terminal(server, web_01.pk, token, query=query) as other:
                assert other.wait_closed() == 4413


def test_a_person_without_a_grant_cannot_come_back(server: int, web_01: Host, bob: User) -> None:
    give(bob, web_01, "connect")
    token = token_of(bob)
    with open_terminal(server, web_01.pk, token) as terminal:
        session_id = terminal.wait_ready()
    Grant.objects.all().delete()

    with open_terminal(server, web_01.pk, token, query=f"session={session_id}") as other:
        assert other.wait_closed() in {4404, 4413}


def test_a_session_whose_person_does_not_come_back_ends(
    server: int, web_01: Host, bob: User, settings: Settings
) -> None:
    settings.DETACH_GRACE = 1
    give(bob, web_01, "connect")
    with open_terminal(server, web_01.pk, token_of(bob)) as terminal:
        session_id = terminal.wait_ready()

    session = eventually(lambda: Session.objects.get(pk=session_id, state=Session.State.SEALED))
    assert session.end_reason == "left"


def test_a_person_who_leaves_for_good_ends_the_session_at_once(server: int, web_01: Host, bob: User) -> None:
    give(bob, web_01, "connect")
    with open_terminal(server, web_01.pk, token_of(bob)) as terminal:
        session_id = terminal.wait_ready()
        terminal.socket.close(4000)

    session = eventually(lambda: Session.objects.get(pk=session_id, state=Session.State.SEALED))
    assert session.end_reason == "closed"
