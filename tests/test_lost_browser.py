"""A browser that is gone in the middle of output is noticed, however its socket went: nobody's session runs on."""

from __future__ import annotations

import socket
import struct

from django.contrib.auth.models import User
from pytest_django import Settings
from websockets.sync.client import connect

from audit.models import Session
from hosts.models import Host
from tests.conftest import give, token_of
from tests.polling import eventually
from tests.terminal import Terminal

NO_LINGER = struct.pack("ii", 1, 0)


def test_a_session_ends_although_its_browser_was_lost_while_being_sent_to(
    server: int, web_01: Host, bob: User, settings: Settings
) -> None:
    settings.DETACH_GRACE = 1
    give(bob, web_01, "connect")
    headers = {"Authorization": f"Bearer {token_of(bob)}"}
    uri = f"ws://127.0.0.1:{server}/ws/hosts/{web_01.pk}/terminal/"

    for _ in range(4):
        connection = socket.create_connection(("127.0.0.1", server))
        with connect(uri, sock=connection, additional_headers=headers, compression=None) as ws:
            Terminal(ws).wait_ready()
            ws.send(b"while :; do echo x; done\r")
            for _ in range(40):
                ws.recv(10)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
            connection.shutdown(socket.SHUT_RDWR)

    eventually(lambda: not Session.objects.filter(state__in=Session.RUNNING).exists(), 20)
    assert set(Session.objects.values_list("end_reason", flat=True)) == {"left"}
