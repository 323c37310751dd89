"""What was recorded is, byte for byte, what the host sent."""

from __future__ import annotations

import hashlib
from pathlib import Path
from uuid import UUID

from django.contrib.auth.models import User
from pytest_django import Settings

from audit.asciicast import raw_bytes
from audit.models import Session
from audit.recording.reading import iter_events, iter_lines
from hosts.models import Host
from tests.conftest import give, token_of
from tests.polling import eventually
from tests.terminal import open_terminal


def raw_of(session: Session) -> bytes:
    return b"".join(raw_bytes(iter_events(session), session.encoding))


def sealed(session_id: UUID) -> Session:
    return eventually(lambda: Session.objects.get(pk=session_id, state=Session.State.SEALED), 30)


def test_three_megabytes_of_random_bytes_come_back_exactly(
    server: int, web_01: Host, bob: User, tmp_path: Path
) -> None:
    give(bob, web_01, "connect")
    noise = tmp_path / "noise"
    noise.write_bytes(hashlib.shake_256(b"noise").digest(3 * 2**20))

    with open_terminal(server, web_01.pk, token_of(bob)) as terminal:
        session_id = terminal.wait_ready()
        terminal.type(f"stty -opost; printf 'BEG''IN'; cat {noise}; printf 'E''ND'; exit\r")
        assert terminal.wait_closed(60) == 1000

    raw = raw_of(sealed(session_id))
    assert raw[raw.index(b"BEGIN") + 5 : raw.index(b"END", raw.index(b"BEGIN") + 3 * 2**20)] == noise.read_bytes()


def test_what_script_captured_on_the_host_is_in_the_recording(
    server: int, web_01: Host, bob: User, tmp_path: Path
) -> None:
    give(bob, web_01, "connect")
    typescript = tmp_path / "typescript"

    with open_terminal(server, web_01.pk, token_of(bob)) as terminal:
        session_id = terminal.wait_ready()
        terminal.type(
            f"script -q -c 'ls --color=always / ; printf \"\\\\e[1m中文\\\\e[0m\\\\xff\"' {typescript}; exit\r"
        )
        assert terminal.wait_closed(30) == 1000

    captured = typescript.read_bytes()
    body = captured[captured.index(b"\n") + 1 : captured.rindex(b"\nScript done")]
    assert len(body) > 100
    assert body in raw_of(sealed(session_id))


def test_the_lines_of_all_segments_are_one_asciicast(server: int, web_01: Host, bob: User, settings: Settings) -> None:
    settings.SEGMENT_BYTES = 20_000
    give(bob, web_01, "connect")

    with open_terminal(server, web_01.pk, token_of(bob)) as terminal:
        session_id = terminal.wait_ready()
        terminal.type("seq 1 30000; exit\r")
        terminal.wait_closed(30)

    session = sealed(session_id)
    # A busy machine reads more at once: how many there are is its affair, as long as there are several.
    assert session.segments.count() > 2
    lines = b"".join(iter_lines(session)).splitlines()
    assert lines[0].startswith(b'{"version":2')
    assert all(line.startswith(b"[") for line in lines[1:])
    assert b"29999\r\n30000\r\n" in raw_of(session)
    assert session.events == len(lines) - 1
