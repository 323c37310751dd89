"""Recordings of other programs are brought in, and read on the command line."""

from __future__ import annotations

import gzip
import json
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from audit.asciicast import Header, encode_event, encode_header
from audit.events import Event, Input, Output
from audit.imports import ImportFailedError, import_cast
from audit.indexing.indexer import index_session
from audit.models import AuditEvent, Session
from audit.recording.reading import iter_events, iter_lines, read_header
from tests.recordings import make_host

EVENTS: list[Event] = [
    Output(0.5, "me@box:~$ "),
    *(Output(1 + number / 10, key) for number, key in enumerate("pwd")),
    Output(2.0, "\r\n/home/me\r\nme@box:~$ "),
    *(Output(3 + number / 10, key) for number, key in enumerate("id")),
    Output(4.0, "\r\n"),
    Output(95.0, "done\r\n"),
]


def write_cast(path: Path, *, events: list[Event] = EVENTS, tail: bytes = b"", version: int = 2) -> Path:
    header = Header(cols=80, rows=24, timestamp=1_700_000_000, title="demo")
    path.write_bytes(encode_header(header, version) + b"".join(map(encode_event, events)) + tail)
    return path


def run(*arguments: object) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command(*map(str, arguments), stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


@pytest.mark.django_db(transaction=True)
def test_an_imported_recording_is_a_session_marked_as_imported(tmp_path: Path, bob: User) -> None:
    host = make_host("web-1")
    out, err = run("import_cast", write_cast(tmp_path / "demo.cast"), "--host", "web-1", "--user", "bob")
    session = Session.objects.get(pk=out.strip())
    assert err == ""
    assert (session.state, session.user, session.host) == (Session.State.IMPORTED, bob, host)
    assert session.manifest_sha256
    assert AuditEvent.objects.get(action="recording.sealed").detail["state"] == "imported"
    assert session.started_at.timestamp() == 1_700_000_000
    assert (session.duration, session.events) == (95.0, len(EVENTS))
    assert list(iter_events(session)) == EVENTS
    assert read_header(session).title == "demo"
    event = AuditEvent.objects.get(action="recording.imported")
    assert (event.session_id, event.host_id, event.object_id) == (session.pk, host.pk, str(session.pk))


@pytest.mark.django_db(transaction=True)
def test_an_import_is_cut_into_segments_and_indexed_like_ours(tmp_path: Path, bob: User) -> None:
    imported = import_cast(write_cast(tmp_path / "demo.cast"), make_host(), bob, "alice")
    assert imported.session.segments.count() == 2
    assert b"".join(iter_lines(imported.session)).count(b"\n") == 1 + len(EVENTS)
    index_session(imported.session.pk)
    assert list(imported.session.commands.order_by("t").values_list("command", flat=True)) == ["pwd", "id"]


@pytest.mark.django_db(transaction=True)
def test_whole_events_before_a_tear_are_imported_and_the_tear_is_told(tmp_path: Path, bob: User) -> None:
    make_host("web-1")
    path = write_cast(tmp_path / "torn.cast", tail=b'[96.0,"o","to')
    out, err = run("import_cast", path, "--host", "web-1", "--user", "bob")
    assert Session.objects.get(pk=out.strip()).events == len(EVENTS)
    assert "breaks off" in err


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"hello\n", "not JSON"),
        (b'{"version":2,"width":1000000000,"height":24}\n[1,"o","x"]\n', "1 to 1000 columns"),
        (b'{"version":2,"width":80,"height":24}\n', "not one whole event"),
        (b'{"version":2,"width":80,"height":24}\n[1,"o","x"]\nbroken\n[2,"o","y"]\n', "line 3: not JSON"),
        (b'{"version":2,"width":80,"height":24}\n[-1,"o","x"]\n', "between 0 and ten years"),
        (b'{"version":2,"width":80,"height":24}\n[NaN,"o","x"]\n', "not JSON"),
    ],
)
def test_a_bad_file_is_one_clear_line_and_leaves_nothing(
    tmp_path: Path, bob: User, content: bytes, reason: str
) -> None:
    path = tmp_path / "bad.cast"
    path.write_bytes(content)
    with pytest.raises(ImportFailedError, match=reason) as caught:
        import_cast(path, make_host(), bob, "alice")
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    assert not Session.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_unknown_host_or_user_is_told_with_what_to_do(tmp_path: Path, bob: User) -> None:
    path = write_cast(tmp_path / "demo.cast")
    with pytest.raises(CommandError, match=r"no host named nowhere.*add_host"):
        run("import_cast", path, "--host", "nowhere", "--user", "bob")
    make_host("web-1")
    with pytest.raises(CommandError, match="no user named nobody"):
        run("import_cast", path, "--host", "web-1", "--user", "nobody")


@pytest.mark.django_db(transaction=True)
def test_text_that_the_stated_encoding_cannot_hold_is_kept_as_utf_8(tmp_path: Path, bob: User) -> None:
    path = tmp_path / "lying.cast"
    path.write_bytes(b'{"version":2,"width":80,"height":24,"encoding":"latin-1"}\n[1,"o","\xe4\xb8\xad"]\n')
    imported = import_cast(path, make_host(), bob, "alice")
    assert imported.session.encoding == "utf-8"
    assert list(iter_events(imported.session)) == [Output(1.0, "中")]


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_commands_of_a_file_are_printed_as_json(tmp_path: Path, compress: object) -> None:
    assert callable(compress)
    path = write_cast(tmp_path / "demo.cast")
    path.write_bytes(compress(path.read_bytes()))
    out, err = run("extract_commands", path)
    rows = json.loads(out)
    assert [(row["t"], row["command"], row["source"]) for row in rows] == [
        (2.0, "pwd", "screen-only"),
        (4.0, "id", "screen-only"),
    ]
    assert all(0 < row["confidence"] < 1 for row in rows)
    assert err == ""


def test_unknown_commands_are_not_told_as_none(tmp_path: Path) -> None:
    out, err = run("extract_commands", write_cast(tmp_path / "demo.cast", events=[Output(1.0, "hello\r\n")]))
    assert json.loads(out) == []
    assert "unknown" in err


@pytest.mark.parametrize("command", ["extract_commands", "transcript"])
@pytest.mark.parametrize("content", [None, b"", b"\x1f\x8b\x08broken", b'{"version":2,"width":80,"height":24}\nx\n\n'])
def test_a_file_that_cannot_be_read_is_one_clear_line(tmp_path: Path, command: str, content: bytes | None) -> None:
    path = tmp_path / "bad.cast"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CommandError, match=r"bad\.cast: ") as caught:
        run(command, path)
    assert "\n" not in str(caught.value)


def test_a_transcript_does_nothing_to_the_terminal_that_shows_it(tmp_path: Path) -> None:
    events: list[Event] = [Input(0.1, "x"), Output(0.5, "plain \x1b[31mred\x1b[0m\r\nturn\u202eed\ttab\r\n")]
    out, _ = run("transcript", write_cast(tmp_path / "demo.cast", events=events))
    assert out == "plain red\nturn\\u202eed tab\n"
