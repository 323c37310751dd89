"""Access that ends while a host is being reached opens no shell; sessions begun at the same moment are all counted."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings

from audit.models import Session
from hosts.models import Grant, Host
from tests.conftest import give, token_of
from tests.polling import eventually
from tests.sshd import SshServer
from tests.terminal import open_terminal

DELAY_SECONDS = 2.0


@pytest.fixture
def slow_port(sshd: SshServer) -> Iterator[int]:
    """A port that leads to sshd, but only after a while."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.2)
    stop = threading.Event()
    sockets: list[socket.socket] = []

    def copy(source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                target.sendall(data)
        except OSError:
            return

    def serve() -> None:
        while not stop.is_set():
            try:
                client, _ = listener.accept()
            except TimeoutError:
                continue
            time.sleep(DELAY_SECONDS)
            host = socket.create_connection(("127.0.0.1", sshd.port))
            sockets.extend((client, host))
            threading.Thread(target=copy, args=(client, host), daemon=True).start()
            threading.Thread(target=copy, args=(host, client), daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    stop.set()
    thread.join(10)
    for each in [*sockets, listener]:
        each.close()


def test_a_grant_that_is_revoked_while_connecting_opens_no_shell(
    server: int, web_01: Host, bob: User, slow_port: int
) -> None:
    give(bob, web_01, "connect")
    Host.objects.update(port=slow_port)

    with open_terminal(server, web_01.pk, token_of(bob)) as terminal:
        eventually(Session.objects.exists)
        Grant.objects.update(revoked_at=timezone.now())
        assert terminal.wait_closed() == 4411
        assert not terminal.messages
        assert not terminal.shown
    session = eventually(lambda: Session.objects.get(state=Session.State.SEALED))
    assert session.end_reason == "access_ended"


def test_sessions_that_begin_at_the_same_moment_are_all_counted(
    server: int, web_01: Host, bob: User, settings: Settings
) -> None:
    settings.SESSIONS_PER_USER = 3
    give(bob, web_01, "connect")
    token = token_of(bob)
    hold = threading.Barrier(8, timeout=60)

    def try_one(_: int) -> int:
        with open_terminal(server, web_01.pk, token) as terminal:
            with suppress(AssertionError):
                terminal.wait_ready()
            hold.wait()
            return terminal.close_code or 0

    with ThreadPoolExecutor(8) as pool:
        codes = sorted(pool.map(try_one, range(8)))

    assert codes == [0, 0, 0, 4429, 4429, 4429, 4429, 4429]
