"""A person's way through a terminal, over the real socket, to a real OpenSSH."""

from __future__ import annotations

from uuid import UUID

import pytest
from django.contrib.auth.models import User

from audit.asciicast import raw_bytes
from audit.events import Resize
from audit.models import AuditEvent, Session
from audit.recording.reading import iter_events
from hosts.models import Host
from tests.conftest import give, make_host, token_of
from tests.polling import eventually
from tests.sshd import SshServer
from tests.terminal import open_terminal


def sealed(session_id: UUID) -> Session:
    return eventually(lambda: Session.objects.get(pk=session_id, state=Session.State.SEALED))


def test_what_is_typed_runs_on_the_host_and_its_exit_status_comes_back(server: int, web_01: Host, bob: User) -> None:
    give(bob, web_01, "connect", "view_own")

    with open_terminal(server, web_01.pk, token_of(bob)) as terminal:
        session_id = terminal.wait_ready()
        terminal.type("echo $((6*7))-answer; exit 3\r")
        terminal.wait_for("42-answer")
        assert terminal.wait_closed() == 1000

    assert terminal.messages[-1] == {"type": "exit", "status": 3}
    session = sealed(session_id)
    assert (session.user_name, session.host_name, session.exit_status) == ("bob", "web-01", 3)
    assert session.output_bytes >= len(terminal.shown)


def test_the_ready_frame_comes_once_and_before_any_output(server: int, web_01: Host, bob: User) -> None:
    give(bob, web_01, "connect")

    with open_terminal(server, web_01.pk, token_of(bob), query="cols=100&rows=30") as terminal:
        session_id = terminal.wait_ready()
        assert not terminal.shown
        assert terminal.messages == [
            {"type": "ready", "session": str(session_id), "offset": 0, "cols": 100, "rows": 30}
        ]
        terminal.type("stty size\r")
        terminal.wait_for("30 100")


def test_the_host_learns_of_a_resize_and_the_recording_keeps_it(server: int, web_01: Host, bob: User) -> None:
    give(bob, web_01, "connect")

    with open_terminal(server, web_01.pk, token_of(bob)) as terminal:
        session_id = terminal.wait_ready()
        for cols in range(81, 400):
            terminal.send({"type": "resize", "cols": cols, "rows": 41})
        terminal.type("sleep 0.3; stty size; exit\r")
        terminal.wait_for("41 399")
        terminal.wait_closed()

    sizes = [event.cols for event in iter_events(sealed(session_id)) if isinstance(event, Resize)]
    assert sizes[-1] == 399
    assert len(sizes) < 40, "resizes are coalesced to twenty a second"


def test_chinese_text_and_emoji_come_through_whole(server: int, web_01: Host, bob: User) -> None:
    give(bob, web_01, "connect")

    with open_terminal(server, web_01.pk, token_of(bob)) as terminal:
        terminal.wait_ready()
        terminal.type("printf '\\xe4\\xbd\\xa0'; sleep 0.02; printf '\\xe5\\xa5\\xbd %s\\n' 👩‍🚀-end\r")
        terminal.wait_for("你好 👩‍🚀-end")


def test_ctrl_c_stops_a_flood(server: int, web_01: Host, bob: User) -> None:
    give(bob, web_01, "connect")

    with open_terminal(server, web_01.pk, token_of(bob)) as terminal:
        terminal.wait_ready()
        terminal.type("PS1='now-$((1+1))> '; yes flood\r")
        terminal.wait_for("flood\r\nflood")
        terminal.type("\x03")
        terminal.wait_for("^C")
        terminal.wait_for("now-2> ", timeout=30)


def test_a_ping_is_answered(server: int, web_01: Host, bob: User) -> None:
    give(bob, web_01, "connect")

    with open_terminal(server, web_01.pk, token_of(bob)) as terminal:
        terminal.wait_ready()
        terminal.send({"type": "ping"})
        eventually(lambda: terminal.read_one() and {"type": "pong"} in terminal.messages)


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
def test_each_kind_of_key_gets_in(server: int, sshd: SshServer, bob: User, kind: str) -> None:
    host = make_host(f"host-{kind}", sshd, key=kind)
    give(bob, host, "connect")

    with open_terminal(server, host.pk, token_of(bob)) as terminal:
        terminal.wait_ready()


def test_start_and_end_are_in_the_ledger(server: int, web_01: Host, bob: User) -> None:
    give(bob, web_01, "connect")

    with open_terminal(server, web_01.pk, token_of(bob)) as terminal:
        session_id = terminal.wait_ready()
        terminal.type("exit\r")
        terminal.wait_closed()
    sealed(session_id)

    events = AuditEvent.objects.filter(session_id=session_id).order_by("id")
    assert [(event.action, event.actor_name) for event in events] == [
        ("session.started", "bob"),
        ("session.anchored", ""),
        ("session.ended", "bob"),
        ("recording.sealed", ""),
    ]


def test_a_request_to_end_is_found_in_the_database_without_redis(server: int, web_01: Host, bob: User) -> None:
    give(bob, web_01, "connect")

    with open_terminal(server, web_01.pk, token_of(bob)) as terminal:
        session_id = terminal.wait_ready()
        Session.objects.filter(pk=session_id).update(
            end_requested_at="2026-01-01T00:00Z", end_requested_by_name="carol"
        )
        assert terminal.wait_closed() == 4410
        assert "carol" in terminal.close_reason
    assert sealed(session_id).end_reason == "terminated"


def test_a_host_in_another_encoding_is_typed_to_and_shown_in_utf_8(server: int, web_01: Host, bob: User) -> None:
    give(bob, web_01, "connect")
    Host.objects.update(encoding="gb18030")

    with open_terminal(server, web_01.pk, token_of(bob)) as terminal:
        session_id = terminal.wait_ready()
        terminal.type("stty -echo; cat -v\r")
        terminal.wait_for("\n")
        terminal.type("你好-typed\r")
        terminal.wait_for("M-DM-cM-:M-C-typed")
        terminal.type("\x04printf '\\304\\343\\272\\303-shown'; exit\r")
        terminal.wait_for("你好-shown")
        terminal.wait_closed()

    raw = b"".join(raw_bytes(iter_events(sealed(session_id)), "gb18030"))
    assert "你好-shown".encode("gb18030") in raw
