"""Watching a session: the screen as it is within a second, then every event, and no right to type."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from audit.models import AuditEvent, Session
from hosts.models import Grant, Host
from tests.conftest import give, token_of
from tests.terminal import open_terminal


@contextmanager
def watching(port: int, session_id: UUID, token: str) -> Iterator[ClientConnection]:
    uri = f"ws://127.0.0.1:{port}/ws/sessions/{session_id}/watch/"
    headers = {"Authorization": f"Bearer {token}"}
    with connect(uri, subprotocols=["v1.alis"], additional_headers=headers, compression=None) as socket:  # type: ignore[list-item]
        yield socket


def frames_until(socket: ClientConnection, wanted: bytes, timeout: float = 10) -> list[bytes]:
    frames: list[bytes] = []
    deadline = time.monotonic() + timeout
    while not any(wanted in frame for frame in frames):
        frame = socket.recv(max(0.1, deadline - time.monotonic()))
        assert isinstance(frame, bytes)
        frames.append(frame)
    return frames


def close_code(socket: ClientConnection, timeout: float = 10) -> int | None:
    deadline = time.monotonic() + timeout
    try:
        while time.monotonic() < deadline:
            socket.recv(max(0.1, deadline - time.monotonic()))
    except ConnectionClosed:
        pass
    return socket.close_code


@pytest.mark.parametrize("segment_seconds", [1, 30])
def test_a_watcher_sees_the_screen_and_then_what_happens(
    server: int, web_01: Host, bob: User, carol: User, settings: Settings, segment_seconds: int
) -> None:
    settings.SEGMENT_SECONDS = segment_seconds
    give(bob, web_01, "connect")
    give(carol, web_01, "audit")

    with open_terminal(server, web_01.pk, token_of(bob)) as terminal:
        session_id = terminal.wait_ready()
        terminal.type("echo before-$((1+1))\r")
        terminal.wait_for("before-2")
        time.sleep(2.5 if segment_seconds == 1 else 0)
        with watching(server, session_id, token_of(carol, "read", "audit")) as socket:
            begun = time.monotonic()
            magic, first, *_ = frames_until(socket, b"before-2")
            assert time.monotonic() - begun < 2
            assert (magic, first[:1]) == (b"ALiS\x01", b"\x01")
            socket.send(b"rm -rf /\r")
            terminal.type("echo during-$((2+2)); exit\r")
            shown = b"".join(frames_until(socket, b"during-4"))
            assert b"rm -rf" not in shown
            assert close_code(socket) == 1000

    assert AuditEvent.objects.filter(action="recording.viewed", actor_name="carol").count() == 1


def test_who_may_not_see_the_session_may_not_watch_it(server: int, web_01: Host, bob: User, mallory: User) -> None:
    give(bob, web_01, "connect")

    with open_terminal(server, web_01.pk, token_of(bob)) as terminal:
        session_id = terminal.wait_ready()
        for token in (token_of(mallory, "read", "audit"), token_of(bob, "read")):
            with watching(server, session_id, token) as socket:
                assert close_code(socket) == 4004
        with watching(server, uuid4(), token_of(bob)) as socket:
            assert close_code(socket) == 4004
        with watching(server, session_id, "bst_" + "x" * 43) as socket:
            assert close_code(socket) == 4001


def test_a_watcher_whose_grant_ends_sees_no_more(server: int, web_01: Host, bob: User, carol: User) -> None:
    give(bob, web_01, "connect")
    grant = give(carol, web_01, "audit")

    with open_terminal(server, web_01.pk, token_of(bob)) as terminal:
        session_id = terminal.wait_ready()
        with watching(server, session_id, token_of(carol, "read", "audit")) as socket:
            frames_until(socket, b"ALiS")
            Grant.objects.filter(pk=grant.pk).update(revoked_at=timezone.now())
            assert close_code(socket) == 4003
    assert Session.objects.filter(pk=session_id).exists()
