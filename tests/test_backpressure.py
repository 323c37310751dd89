"""A browser that does not read slows its host down; it costs no memory and no byte of the recording."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import psutil
from django.contrib.auth.models import User
from pytest_django import Settings
from websockets.sync.client import connect

from audit.models import Session
from hosts.models import Host
from tests.conftest import give, token_of
from tests.polling import eventually
from tests.terminal import Terminal


def test_a_reader_that_stops_holds_the_host_back(server: int, web_01: Host, bob: User, tmp_path: Path) -> None:
    give(bob, web_01, "connect")
    done = tmp_path / "done"
    connection = socket.create_connection(("127.0.0.1", server))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    uri = f"ws://127.0.0.1:{server}/ws/hosts/{web_01.pk}/terminal/"
    headers = {"Authorization": f"Bearer {token_of(bob)}"}

    with connect(uri, sock=connection, additional_headers=headers, compression=None, max_queue=1) as ws:
        terminal = Terminal(ws)
        session_id = terminal.wait_ready()
        before = psutil.Process().memory_info().rss
        terminal.type(f"head -c 60000000 /dev/zero | tr '\\0' x; touch {done}; exit\r")
        time.sleep(4)
        assert not done.exists(), "the host was not held back"
        assert psutil.Process().memory_info().rss - before < 60 * 2**20
        while terminal.read_one(30):
            terminal.shown = terminal.shown[-100:]
        assert terminal.close_code == 1000

    session = eventually(lambda: Session.objects.get(pk=session_id, state=Session.State.SEALED), 30)
    assert session.output_bytes > 60_000_000
    assert done.exists()


def test_a_reader_that_stays_away_is_closed_and_the_session_goes_on(
    server: int, web_01: Host, bob: User, settings: Settings
) -> None:
    settings.SLOW_READER_LIMIT = 1
    give(bob, web_01, "connect")
    uri = f"ws://127.0.0.1:{server}/ws/hosts/{web_01.pk}/terminal/"
    headers = {"Authorization": f"Bearer {token_of(bob)}"}

    with connect(uri, additional_headers=headers, compression=None, max_queue=1, close_timeout=1) as ws:
        terminal = Terminal(ws)
        session_id = terminal.wait_ready()
        terminal.type("head -c 30000000 /dev/zero | tr '\\0' x\r")
        eventually(lambda: Session.objects.get(pk=session_id, state=Session.State.DETACHED), 20)
