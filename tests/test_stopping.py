"""SIGTERM: nobody new is let in, those who are there are told and have time, and then everything is sealed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from tests.peers import require_program
from tests.polling import eventually
from tests.running_product import product, short_directory
from tests.terminal import Terminal, open_terminal
from tests.visitor import Visitor

pytestmark = [pytest.mark.peer, pytest.mark.timeout(300), pytest.mark.xdist_group("supervisor")]
PASSWORD = "correct horse battery staple"


@pytest.fixture
def directory() -> Iterator[Path]:
    require_program("sshd")
    with short_directory() as path:
        yield path


def notices(terminal: Terminal) -> str:
    return " ".join(str(message.get("text", "")) for message in terminal.messages)


def state_of(directory: Path, session_id: UUID) -> tuple[str, str]:
    """Return state and reason of the end, read after everything has stopped."""
    with product(directory, BASTION_ADMIN_PASSWORD=PASSWORD) as again:
        visitor = Visitor(again)
        session = visitor.get(f"sessions/{session_id}/")
        return session["state"], session["end_reason"]


def test_sessions_have_time_to_end_and_nobody_new_is_let_in(directory: Path) -> None:
    settings = {"BASTION_ADMIN_PASSWORD": PASSWORD, "BASTION_DRAIN_SECONDS": "60"}
    with product(directory, "--demo-host", **settings) as running:
        visitor = Visitor(running)
        with open_terminal(visitor.port, visitor.host, visitor.token) as terminal:
            session_id = terminal.wait_ready()
            os.kill(running.pid, signal.SIGTERM)
            eventually(lambda: terminal.read_one() and "this session ends in 1 min" in notices(terminal))
            with open_terminal(visitor.port, visitor.host, visitor.token) as refused:
                assert refused.wait_closed() == 4503
            terminal.type("echo still-$((6*7)); exit\r")
            terminal.wait_for("still-42")
            assert terminal.wait_closed() == 1000
        assert running.wait(40) == 0
    assert state_of(directory, session_id) == ("sealed", "exit")


def test_whoever_is_still_there_at_the_end_of_the_time_is_told_and_sealed(directory: Path) -> None:
    settings = {"BASTION_ADMIN_PASSWORD": PASSWORD, "BASTION_DRAIN_SECONDS": "3"}
    with product(directory, "--demo-host", **settings) as running:
        visitor = Visitor(running)
        with open_terminal(visitor.port, visitor.host, visitor.token) as terminal:
            session_id = terminal.wait_ready()
            began = time.monotonic()
            os.kill(running.pid, signal.SIGTERM)
            assert terminal.wait_closed(30) == 4503
            assert time.monotonic() - began >= 3
        assert running.wait(40) == 0
    assert state_of(directory, session_id) == ("sealed", "shutting_down")


def test_a_person_at_the_keyboard_waits_for_nobody(directory: Path) -> None:
    settings = {"BASTION_ADMIN_PASSWORD": PASSWORD, "BASTION_DRAIN_SECONDS": "600"}
    with product(directory, "--demo-host", **settings) as running:
        visitor = Visitor(running)
        with open_terminal(visitor.port, visitor.host, visitor.token) as terminal:
            terminal.wait_ready()
            os.kill(running.pid, signal.SIGTERM)
            eventually(lambda: terminal.read_one() and "The server stops" in notices(terminal))
            time.sleep(1.5)
            os.killpg(running.pid, signal.SIGINT)
            assert terminal.wait_closed(30) == 4503
        assert running.wait(40) == 0
