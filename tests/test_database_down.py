"""The database goes away: no session begins, those that run end after a while; nothing is lost or doubled."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest

from tests.peers import miss, require_program
from tests.polling import eventually
from tests.postgres import Cluster, MissingPostgresqlError, own_cluster
from tests.running_product import Product, product, short_directory
from tests.terminal import open_terminal

pytestmark = [pytest.mark.peer, pytest.mark.timeout(300), pytest.mark.xdist_group("supervisor")]
GRACE_SECONDS = 5


@pytest.fixture
def database() -> Iterator[Cluster]:
    try:
        with own_cluster() as made:
            yield made
    except MissingPostgresqlError as error:
        miss(str(error))


@pytest.fixture
def running(database: Cluster) -> Iterator[Product]:
    require_program("sshd")
    settings = {
        "BASTION_ADMIN_PASSWORD": "correct horse battery staple",
        "BASTION_DATABASE_GRACE": str(GRACE_SECONDS),
        "DATABASE_URL": database.url,
    }
    with short_directory() as directory, product(directory, "--demo-host", **settings) as started:
        started.wait_until_ready()
        yield started


def test_without_the_database_sessions_end_after_a_while_and_are_sealed_when_it_is_back(
    running: Product, database: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database.url)
    token = running.manage("create_token", "admin", "--name", "test", "--scope", "read", "connect", "audit")
    headers = {"Authorization": f"Bearer {token}"}
    host = UUID(json.loads(running.get("/api/v1/hosts/", **headers)[1])["results"][0]["id"])
    port = urlsplit(running.url).port or 0

    with open_terminal(port, host, token) as terminal:
        session_id = terminal.wait_ready()
        database.stop()
        terminal.type("echo without-$((6*7))\r")
        terminal.wait_for("without-42")
        assert running.get("/readyz")[0] == 503
        with open_terminal(port, host, token) as refused:
            assert refused.wait_closed(30) == 4500
        assert "database cannot be reached" in refused.close_reason
        assert terminal.wait_closed(60) == 4411
    database.start()

    def sealed() -> dict[str, Any]:
        status, body = running.get(f"/api/v1/sessions/{session_id}/", **headers)
        session: dict[str, Any] = json.loads(body) if status == 200 else {}
        return session if session.get("state") == "sealed" else {}

    assert eventually(sealed, 90)["end_reason"] == "access_unknown"
    raw = running.get(f"/api/v1/sessions/{session_id}/recording.raw", **headers)[1]
    assert raw.startswith(bytes(terminal.shown))
    events = json.loads(running.get(f"/api/v1/audit-events/?session={session_id}", **headers)[1])["results"]
    actions = [event["action"] for event in events]
    assert [actions.count(action) for action in ("session.started", "session.ended", "recording.sealed")] == [1, 1, 1]
