"""A person's way through a terminal, over the real socket, to a real OpenSSH."""

from __future__ import annotations

from django.contrib.auth.models import User

from audit.models import Session
from hosts.models import Host
from tests.conftest import give, token_of
from tests.polling import eventually
from tests.terminal import open_terminal


def test_what_is_typed_runs_on_the_host_and_its_exit_status_comes_back(server: int, web_01: Host, bob: User) -> None:
    give(bob, web_01, "connect", "view_own")

    with open_terminal(server, web_01.pk, token_of(bob)) as terminal:
        session_id = terminal.wait_ready()
        terminal.type("echo $((6*7))-answer; exit 3\r")
        terminal.wait_for("42-answer")
        assert terminal.wait_closed() == 1000

    assert terminal.messages[-1] == {"type": "exit", "status": 3}
    session = eventually(lambda: Session.objects.get(pk=session_id, state=Session.State.SEALED))
    assert (session.user_name, session.host_name, session.exit_status) == ("bob", "web-01", 3)
    assert session.output_bytes >= len(terminal.shown)
