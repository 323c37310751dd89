"""A session belongs to its process, not to its socket: its person may come back and go on."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from django.contrib.auth.models import User
from pytest_django import Settings
from websockets.sync.client import connect

from audit.models import Session
from hosts.models import Grant, Host
from tests.conftest import give, token_of
from tests.polling import eventually
from tests.terminal import Terminal, open_terminal


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


def test_a_socket_that_was_replaced_types_to_nobody_and_slows_nobody(
    server: int, web_01: Host, bob: User, tmp_path: Path
) -> None:
    """The old browser stops reading in the middle of a flood, as a laptop does whose network is gone."""
    give(bob, web_01, "connect")
    token = token_of(bob)
    uri = f"ws://127.0.0.1:{server}/ws/hosts/{web_01.pk}/terminal/"
    headers = {"Authorization": f"Bearer {token}"}
    connection = socket.create_connection(("127.0.0.1", server))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)

    with connect(
        uri, sock=connection, additional_headers=headers, compression=None, max_queue=1, close_timeout=1
    ) as stuck:
        old = Terminal(stuck)
        session_id = old.wait_ready()
        old.type("yes\r")
        eventually(lambda: Session.objects.get(pk=session_id, state=Session.State.LIVE))
        old.wait_for("y\r\ny\r\n")
        time.sleep(1)
        with open_terminal(server, web_01.pk, token, query=f"session={session_id}&after={len(old.shown)}") as new:
            new.wait_ready()
            stuck.send(f"\x03touch {tmp_path}/typed-by-the-old-one\r".encode())
            new.type(f"\x03touch {tmp_path}/typed-by-the-new-one\r")
            deadline = time.monotonic() + 20
            while not (tmp_path / "typed-by-the-new-one").exists() and time.monotonic() < deadline:
                with suppress(TimeoutError):
                    assert new.read_one(0.2), f"the new socket was closed with {new.close_code}"
            assert (tmp_path / "typed-by-the-new-one").exists()
            assert not (tmp_path / "typed-by-the-old-one").exists()
