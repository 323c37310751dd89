"""A disk that says that it failed, once: the session ends at once, and nobody tries the file again and believes it."""

from __future__ import annotations

import resource
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from websockets.exceptions import ConnectionClosed

from tests.peers import require_program
from tests.polling import eventually
from tests.running_product import Product, product, short_directory
from tests.terminal import open_terminal
from tests.visitor import Visitor

pytestmark = [pytest.mark.peer, pytest.mark.timeout(300), pytest.mark.xdist_group("supervisor")]


@pytest.fixture(scope="module")
def running() -> Iterator[Product]:
    require_program("sshd")
    settings = {"BASTION_ADMIN_PASSWORD": "correct horse battery staple"}
    with short_directory() as directory, product(directory, "--demo-host", **settings) as started:
        started.wait_until_ready()
        yield started


@contextmanager
def failing(running: Product, call: str, error: str) -> Iterator[None]:
    """Let each thread's next system call of this name in the web process fail; all others work."""
    strace = require_program("strace")
    inject = f"inject={call}:error={error}:when=1"
    pid = str(running.child("bastion.web").pid)
    command = [strace, "--follow-forks", "--attach", pid, "--quiet=all", "--trace", call, "-e", inject]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    time.sleep(1)
    if process.poll() is not None:
        assert process.stderr
        pytest.skip(f"this machine lets nobody trace: {process.stderr.read().strip()}")
    try:
        yield
    finally:
        process.terminate()
        process.communicate()


def test_the_first_failed_sync_ends_the_session_sealed_with_the_reason(running: Product) -> None:
    visitor = Visitor(running)
    with open_terminal(visitor.port, visitor.host, visitor.token) as terminal:
        session_id = terminal.wait_ready()
        terminal.type("echo before-$((6*7))\r")
        terminal.wait_for("before-42")
        with failing(running, "fdatasync", "EIO"):
            began = time.monotonic()
            # It may be closed already: what was shown last had still to be synced.
            with suppress(ConnectionClosed):
                terminal.type("echo after\r")
            assert terminal.wait_closed(30) == 4500
            assert time.monotonic() - began < 10
    assert "Input/output error" in terminal.close_reason
    session = visitor.session_in("sealed", session_id)
    assert session["end_reason"] == "cannot_record"
    assert visitor.recorded(session_id).startswith(bytes(terminal.shown))


def test_without_a_descriptor_left_open_sessions_go_on_and_are_recorded(running: Product) -> None:
    visitor = Visitor(running)
    web = running.child("bastion.web")
    before = resource.prlimit(web.pid, resource.RLIMIT_NOFILE)
    with open_terminal(visitor.port, visitor.host, visitor.token) as terminal:
        session_id = terminal.wait_ready()
        resource.prlimit(web.pid, resource.RLIMIT_NOFILE, (web.num_fds(), before[1]))
        try:
            terminal.type("echo still-$((6*7))\r")
            terminal.wait_for("still-42")
        finally:
            resource.prlimit(web.pid, resource.RLIMIT_NOFILE, before)
        eventually(lambda: running.get("/healthz")[0] == 200, 30)
        terminal.type("exit\r")
        assert terminal.wait_closed(30) == 1000
    visitor.session_in("sealed", session_id)
    assert b"still-42" in visitor.recorded(session_id)
