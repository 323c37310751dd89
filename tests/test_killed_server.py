"""kill -9 of the web process in the middle of a session: what the person saw is in the recording, marked recovered."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest

from tests.peers import require_program
from tests.polling import eventually
from tests.running_product import ROOT, Product, product, short_directory
from tests.terminal import open_terminal

pytestmark = pytest.mark.peer


@pytest.fixture
def running() -> Iterator[Product]:
    require_program("sshd")
    settings = {"BASTION_ADMIN_PASSWORD": "correct horse battery staple", "BASTION_SEGMENT_SECONDS": "3"}
    with short_directory() as directory, product(directory, "--demo-host", **settings) as started:
        started.wait_until_ready()
        yield started


def manage(running: Product, *arguments: str) -> str:
    environment = os.environ | {"BASTION_DATA_DIR": str(running.directory)}
    command = [sys.executable, str(ROOT / "manage.py"), *arguments]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip()


def fetch(running: Product, path: str, token: str) -> tuple[int, bytes]:
    return running.get(f"/api/v1/{path}", Authorization=f"Bearer {token}")


def test_what_was_shown_is_recorded_and_the_session_is_marked_recovered(running: Product) -> None:
    token = manage(running, "create_token", "admin", "--name", "test", "--scope", "read", "connect", "audit")
    hosts = json.loads(fetch(running, "hosts/", token)[1])["results"]
    port = urlsplit(running.url).port or 0

    with open_terminal(port, UUID(hosts[0]["id"]), token) as terminal:
        session_id = terminal.wait_ready()
        terminal.type("for i in $(seq 1 100000); do echo line-$i; sleep 0.01; done\r")
        terminal.wait_for("line-400", timeout=40)
        running.child("bastion.web").kill()
        while terminal.read_one():
            pass

    def recovered() -> dict[str, Any]:
        try:
            status, body = fetch(running, f"sessions/{session_id}/", token)
        except OSError:
            return {}
        session: dict[str, Any] = json.loads(body) if status == 200 else {}
        return session if session.get("state") == "recovered" else {}

    session = eventually(recovered, 60)
    assert (session["end_reason"], session["proof"]) == ("recovered", "recovered")
    status, raw = fetch(running, f"sessions/{session_id}/recording.raw", token)
    assert status == 200
    assert raw.startswith(bytes(terminal.shown)), "more was shown than was recorded"
    status, report = fetch(running, f"sessions/{session_id}/verify", token)
    assert (status, json.loads(report)["verdict"]) == (200, "intact")
