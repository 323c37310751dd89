"""The database goes away: no session begins, those that run end after a while; nothing is lost or doubled."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.peers import miss, require_program
from tests.postgres import Cluster, MissingPostgresqlError, own_cluster
from tests.running_product import Product, product, short_directory
from tests.terminal import open_terminal
from tests.visitor import Visitor

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
    visitor = Visitor(running)
    with open_terminal(visitor.port, visitor.host, visitor.token) as terminal:
        session_id = terminal.wait_ready()
        database.stop()
        terminal.type("echo without-$((6*7))\r")
        terminal.wait_for("without-42")
        assert running.get("/readyz")[0] == 503
        with open_terminal(visitor.port, visitor.host, visitor.token) as refused:
            assert refused.wait_closed(30) == 4500
        assert "database cannot be reached" in refused.close_reason
        assert terminal.wait_closed(60) == 4411
    database.start()

    assert visitor.session_in("sealed", session_id, 90)["end_reason"] == "access_unknown"
    assert visitor.recorded(session_id).startswith(bytes(terminal.shown))
    events = visitor.get(f"audit-events/?session={session_id}")["results"]
    actions = [event["action"] for event in events]
    assert [actions.count(action) for action in ("session.started", "session.ended", "recording.sealed")] == [1, 1, 1]
