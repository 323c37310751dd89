"""The whole way, with the product as it runs: work, a check in the middle, the end, a bundle, a check by a stranger."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest

from tests.evidence import ALTERED, INTACT, UNSEALED, check, check_alone, unpack
from tests.peers import require_program
from tests.polling import eventually
from tests.running_product import Product, product, short_directory
from tests.terminal import open_terminal

pytestmark = pytest.mark.peer


@pytest.fixture
def running() -> Iterator[Product]:
    require_program("sshd")
    settings = {"BASTION_ADMIN_PASSWORD": "correct horse battery staple", "BASTION_SEGMENT_SECONDS": "3"}
    with short_directory() as directory, product(directory, "--demo-host", **settings) as started:
        started.wait_until_ready()
        yield started


class Installation:
    """A running product, through its API and through what is on its disk."""

    def __init__(self, running: Product) -> None:
        self.directory = running.directory
        self._running = running
        scopes = ("read", "connect", "audit")
        self.token = running.manage("create_token", "admin", "--name", "test", "--scope", *scopes)

    def get(self, path: str) -> bytes:
        status, body = self._running.get(f"/api/v1/{path}", Authorization=f"Bearer {self.token}")
        assert status == 200, body
        return body

    def json(self, path: str) -> Any:
        return json.loads(self.get(path))

    @property
    def port(self) -> int:
        return urlsplit(self._running.url).port or 0

    def check(self, key: Path) -> Any:
        recordings = self.directory / "recordings"
        database = next(self.directory.glob("bastion.sqlite3"))
        return check("--db", database, recordings / "objects", "--open", recordings / "open", "--key", key)


def test_a_session_that_goes_on_and_its_bundle_when_it_is_over_are_proved(running: Product, tmp_path: Path) -> None:
    installation = Installation(running)
    key = tmp_path / "keys.txt"
    host = installation.json("hosts/")["results"][0]
    with open_terminal(installation.port, UUID(host["id"]), installation.token) as terminal:
        session = terminal.wait_ready()
        while not re.search(rb"[$#%>] ?$", terminal.shown):
            terminal.read_one()
        terminal.type("for i in $(seq 1 1200); do echo line-$i; sleep 0.01; done; echo o''ver\r")
        terminal.wait_for("over\r\n", timeout=60)
        vkeys = [entry["vkey"] for entry in installation.json("ledger/keys/")["results"]]
        key.write_text("\n".join(vkeys) + "\n")
        result = installation.check(key)
        assert result.status == UNSEALED, result
        assert ("unsealed", str(session), None) in result.findings
        segments = sorted((installation.directory / "recordings" / "open" / str(session)).glob("*.cast"))
        assert segments
        terminal.type("exit\r")
        terminal.wait_closed()

    eventually(lambda: installation.json(f"sessions/{session}/")["proof"] == "sealed", 60)
    archive = tmp_path / "evidence.zip"
    archive.write_bytes(installation.get(f"sessions/{session}/evidence.zip"))
    done = check_alone(tmp_path, archive, "--key", key)
    assert (done.returncode, done.stderr) == (INTACT, ""), done.stdout
    bundle = unpack(archive, tmp_path / "unpacked")
    assert (bundle / "recording.raw").read_bytes().startswith(bytes(terminal.shown))

    eventually(lambda: installation.check(key).status == INTACT, 30)
    stored = next((installation.directory / "recordings" / "objects").glob(f"*/{session}/000001.segment"))
    stored.chmod(0o600)
    stored.write_bytes(stored.read_bytes()[:-1] + b"\x00")
    result = installation.check(key)
    assert (result.status, result.findings) == (ALTERED, [("altered", str(session), 1)])
    assert installation.json(f"sessions/{session}/verify")["verdict"] == "altered"
