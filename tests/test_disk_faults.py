"""Disks that fill up, hang or go away in a session: it ends and says why; nothing was shown that is not recorded."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from audit.asciicast import raw_bytes
from audit.models import Session
from audit.recording.reading import iter_events
from audit.recording.recovery import recover_all
from hosts.models import Host
from tests.conftest import give, token_of
from tests.disks import FreezingDisk, freezing_disk, small_disk
from tests.polling import eventually
from tests.terminal import Terminal, open_terminal

pytestmark = pytest.mark.peer
FLOOD = "while :; do head -c 6000 /dev/urandom | base64; done\r"


def closed(session_id: UUID, timeout: float = 30) -> Session:
    """Return the session once it is sealed; what its process left over, recovery seals."""

    def sealed() -> Session:
        recover_all()
        return Session.objects.get(pk=session_id, state__in=[Session.State.SEALED, Session.State.RECOVERED])

    return eventually(sealed, timeout)


def recorded(session: Session) -> bytes:
    return b"".join(raw_bytes(iter_events(session), session.encoding))


def read_to_the_end(terminal: Terminal) -> tuple[int | None, str]:
    while terminal.read_one(60):
        pass
    return terminal.close_code, terminal.close_reason


@pytest.fixture
def full_disk(tmp_path: Path, settings: Settings) -> Iterator[Path]:
    settings.LEAST_FREE_BYTES = 0
    with small_disk(tmp_path / "open", "3m") as directory:
        settings.OPEN_DIR = directory
        yield directory


def test_a_disk_that_fills_up_ends_the_session_sealed_and_says_why(
    full_disk: Path, server: int, web_01: Host, bob: User
) -> None:
    give(bob, web_01, "connect", "view_own")
    with open_terminal(server, web_01.pk, token_of(bob)) as terminal:
        session_id = terminal.wait_ready()
        terminal.type(FLOOD)
        code, words = read_to_the_end(terminal)
    assert code == 4500
    assert "No space left" in words
    session = closed(session_id)
    assert (session.state, session.end_reason) == (Session.State.SEALED, "cannot_record")
    assert recorded(session).startswith(bytes(terminal.shown))
    assert len(terminal.shown) > 2**20


def test_a_full_disk_ends_only_the_sessions_that_are_on_it(
    full_disk: Path, server: int, web_01: Host, bob: User
) -> None:
    give(bob, web_01, "connect")
    (full_disk / "filler").write_bytes(b"x" * (shutil.disk_usage(full_disk).free - 4096))
    with open_terminal(server, web_01.pk, token_of(bob)) as terminal:
        assert terminal.wait_closed() == 4500
    assert "No space left" in terminal.close_reason
    assert not Session.objects.exists()
    (full_disk / "filler").unlink()
    with open_terminal(server, web_01.pk, token_of(bob)) as terminal:
        terminal.wait_ready()


def test_below_the_watermark_no_session_begins(settings: Settings, server: int, web_01: Host, bob: User) -> None:
    give(bob, web_01, "connect")
    settings.LEAST_FREE_BYTES = 2**60
    with open_terminal(server, web_01.pk, token_of(bob)) as terminal:
        assert terminal.wait_closed() == 4500
    assert "MB are free for recordings" in terminal.close_reason
    assert not Session.objects.exists()


def test_a_recording_that_is_removed_while_it_is_made_ends_its_session(
    settings: Settings, tmp_path: Path, server: int, web_01: Host, bob: User
) -> None:
    settings.OPEN_DIR = tmp_path / "open"
    give(bob, web_01, "connect")
    with open_terminal(server, web_01.pk, token_of(bob)) as terminal:
        session_id = terminal.wait_ready()
        terminal.type("echo here\r")
        terminal.wait_for("here\r\n")
        shutil.rmtree(settings.OPEN_DIR / str(session_id))
        terminal.type("echo there\r")
        code, words = read_to_the_end(terminal)
    assert code == 4500
    assert "removed while it was made" in words


@pytest.fixture
def slow_disk(tmp_path: Path, settings: Settings) -> Iterator[FreezingDisk]:
    settings.LEAST_FREE_BYTES = 0
    with freezing_disk(tmp_path / "open") as disk:
        settings.OPEN_DIR = disk.directory
        yield disk


def test_a_disk_that_hangs_for_a_while_holds_up_the_session_and_loses_nothing(
    slow_disk: FreezingDisk, server: int, web_01: Host, bob: User
) -> None:
    give(bob, web_01, "connect", "view_own")
    with open_terminal(server, web_01.pk, token_of(bob)) as terminal:
        session_id = terminal.wait_ready()
        terminal.type("for i in $(seq 1 400); do echo line-$i; sleep 0.01; done\r")
        terminal.wait_for("line-20\r\n")
        slow_disk.freeze()
        eventually(lambda: terminal.read_one() and slow(terminal))
        before = len(terminal.shown)
        # The event loop is not held up: the socket answers while its session waits.
        terminal.send({"type": "ping"})
        eventually(lambda: terminal.read_one() and {"type": "pong"} in terminal.messages)
        assert len(terminal.shown) == before
        slow_disk.thaw()
        terminal.wait_for("line-400\r\n")
        terminal.type("exit\r")
        assert terminal.wait_closed() == 1000
    assert recorded(closed(session_id)) == bytes(terminal.shown)


def test_a_disk_that_hangs_for_too_long_ends_the_session_which_is_sealed_when_it_is_back(
    slow_disk: FreezingDisk, settings: Settings, server: int, web_01: Host, bob: User
) -> None:
    settings.STALL_LIMIT = 3
    give(bob, web_01, "connect", "view_own")
    with open_terminal(server, web_01.pk, token_of(bob)) as terminal:
        session_id = terminal.wait_ready()
        terminal.type("echo before\r")
        terminal.wait_for("before\r\n")
        slow_disk.freeze()
        began = time.monotonic()
        terminal.type("echo after\r")
        code, words = read_to_the_end(terminal)
        assert time.monotonic() - began < 20
    assert (code, "did not answer in time" in words) == (4500, True)
    eventually(lambda: Session.objects.get(pk=session_id).state == Session.State.ENDED)
    slow_disk.thaw()
    session = closed(session_id)
    assert session.end_reason == "cannot_record"
    assert recorded(session).startswith(bytes(terminal.shown))


def slow(terminal: Terminal) -> bool:
    return any("waits for the disk" in str(message.get("text", "")) for message in terminal.messages)
