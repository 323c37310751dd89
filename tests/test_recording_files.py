"""Recordings as files: every byte, in constant memory, gone when access is."""

from __future__ import annotations

import asyncio
import email.message
import hashlib
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from asgiref.testing import ApplicationCommunicator
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.core.asgi import get_asgi_application
from django.db import connections
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from audit.asciicast import decode_events, decode_header
from audit.events import Exit, Output, Resize
from audit.export.downloads import RAW, AccessEndedError, download, file_name, guarded, in_chunks
from audit.models import AuditEvent, Segment, Session
from audit.recording.storage import recordings_storage
from hosts.access import Action
from hosts.models import Grant
from tests.recordings import make_grant, make_host, make_session, record_segments, web_login

pytestmark = pytest.mark.usefixtures("valkey")
# Not UTF-8, cut in the middle of a character, every byte there is.
NOISE = bytes(range(256)) * 40


@pytest.fixture
def session(bob: User) -> Session:
    host = make_host("web-01")
    make_grant(bob, host, Action.VIEW_OWN, Action.EXPORT)
    session = make_session(bob, host)
    record_segments(
        session,
        [Output(0.5, "$ ls\r\n"), Output(1.0, NOISE.decode("utf-8", "replace"), NOISE)],
        [Resize(31.0, 100, 30), Output(31.5, "世界 🚀\r\n"), Exit(32.0, 0)],
    )
    return session


@pytest.fixture
def client(bob: User) -> Client:
    client = Client()
    client.force_login(bob)
    return client


def fetch(client: Client, session: Session, name: str) -> bytes:
    answer = client.get(f"/api/v1/sessions/{session.pk}/{name}")
    assert answer.status_code == 200, answer.content
    return answer.getvalue()


def test_raw_is_what_the_host_sent_byte_for_byte(client: Client, session: Session) -> None:
    assert fetch(client, session, "recording.raw") == b"$ ls\r\n" + NOISE + "世界 🚀\r\n".encode()


def test_cast_v2_is_what_is_stored_and_reads_as_the_events(client: Client, session: Session) -> None:
    lines = fetch(client, session, "recording.cast").splitlines(keepends=True)
    assert lines == fetch(client, session, "recording.cast?version=2").splitlines(keepends=True)
    header = decode_header(lines[0])
    assert (header.cols, header.rows) == (80, 24)
    events = list(decode_events(lines[1:]))
    assert events[-2:] == [Output(31.5, "世界 🚀\r\n"), Exit(32.0, 0)]
    assert isinstance(events[1], Output)
    assert events[1].exact == NOISE


def test_cast_v3_counts_from_the_event_before(client: Client, session: Session) -> None:
    header, *events = [orjson.loads(line) for line in fetch(client, session, "recording.cast?version=3").splitlines()]
    assert header["version"] == 3
    assert header["term"] == {"cols": 80, "rows": 24}
    assert [event[0] for event in events] == [0.5, 0.5, 0.0, 30.0, 0.5, 0.5]


def test_the_transcript_is_the_text_on_the_screen(client: Client, session: Session) -> None:
    text = fetch(client, session, "transcript.txt").decode()
    assert "$ ls" in text
    assert "世界 🚀" in text


def test_a_session_without_a_segment_gives_empty_files(client: Client, bob: User, session: Session) -> None:
    empty = make_session(bob, session.host)
    assert decode_header(fetch(client, empty, "recording.cast")).cols == 80
    assert len(fetch(client, empty, "recording.cast?version=3").splitlines()) == 1
    assert fetch(client, empty, "recording.raw") == b""
    assert fetch(client, empty, "transcript.txt").strip() == b""


@pytest.mark.parametrize(
    ("name", "content_type", "suffix"),
    [
        ("recording.cast", "application/x-asciicast", ".cast"),
        ("recording.raw", "application/octet-stream", ".raw"),
        ("transcript.txt", "text/plain; charset=utf-8", ".txt"),
    ],
)
def test_files_say_what_they_are_and_are_never_shown_as_pages(
    client: Client, session: Session, name: str, content_type: str, suffix: str
) -> None:
    answer = client.get(f"/api/v1/sessions/{session.pk}/{name}")
    assert answer["Content-Type"] == content_type
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in answer["Cache-Control"]
    disposition = email.message.Message()
    disposition["Content-Disposition"] = answer["Content-Disposition"]
    assert disposition.get_content_disposition() == "attachment"
    expected = f"web-01-bob-20261120T140000Z-{session.pk.hex[:8]}{suffix}"
    assert disposition.get_filename() == expected


@pytest.mark.parametrize(
    "name", ['../../etc/passwd"; x="', "a\r\nSet-Cookie: x=y", "生产 主机", "", "-rf", "\u202egpj.exe"]
)
def test_file_names_are_harmless_whatever_hosts_are_called(session: Session, bob: User, name: str) -> None:
    session.host_name = name
    stem = file_name(session, "cast")
    assert not set(stem) & set('/\\\r\n"\u202e ')
    assert not stem.startswith((".", "-"))
    answer = download(session, web_login(bob), RAW)
    assert "\n" not in answer["Content-Disposition"]


@pytest.mark.parametrize(
    ("query", "field"),
    [("version=4", "version"), ("version=", "version"), ("download=yes", "download"), ("x=1", "x")],
)
def test_a_parameter_that_cannot_be_used_is_named(client: Client, session: Session, query: str, field: str) -> None:
    answer = client.get(f"/api/v1/sessions/{session.pk}/recording.cast?{query}")
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_a_download_is_a_line_in_the_ledger_and_a_look_is_not(client: Client, session: Session) -> None:
    fetch(client, session, "recording.cast")
    assert not AuditEvent.objects.filter(action="recording.downloaded").exists()
    fetch(client, session, "recording.cast?download=1")
    fetch(client, session, "transcript.txt?download=1")
    files = AuditEvent.objects.filter(action="recording.downloaded").values_list("detail__file", flat=True)
    assert sorted(files) == ["recording.cast", "recording.txt"]
    assert AuditEvent.objects.filter(action="recording.viewed").count() == 1


@pytest.mark.parametrize("name", ["recording.cast", "recording.raw", "transcript.txt", "segments/1.json"])
def test_a_recording_that_cannot_be_read_is_an_error_and_not_an_empty_file(
    client: Client, session: Session, name: str
) -> None:
    segment = Segment.objects.get(session=session, n=0)
    Path(recordings_storage().path(segment.object_name)).unlink()
    answer = client.get(f"/api/v1/sessions/{session.pk}/{name}")
    assert answer.status_code == 503
    assert "cannot be read" in answer.json()["detail"]


def test_parts_are_joined_and_cut_to_what_is_worth_sending() -> None:
    small = [b"x"] * 200_000
    chunks = list(in_chunks([*small, b"y" * 300_000, b"z"]))
    assert b"".join(chunks) == b"".join(small) + b"y" * 300_000 + b"z"
    assert max(map(len, chunks)) <= 64 * 1024
    assert len(chunks) < 16


def test_the_stream_asks_again_and_ends_in_mid_air(settings: Settings) -> None:
    settings.RECHECK_SECONDS = 0.05
    allowed = [True, True, False]

    def endless() -> Iterator[bytes]:
        while True:
            time.sleep(0.02)
            yield b"x"

    stream = guarded(endless(), lambda: allowed.pop(0))
    with pytest.raises(AccessEndedError):
        for _ in stream:
            pass
    assert allowed == []


@pytest.mark.parametrize("cause", ["grant revoked", "account disabled", "signed out"])
def test_whatever_ends_access_ends_the_download(
    client: Client, session: Session, bob: User, settings: Settings, cause: str
) -> None:
    settings.RECHECK_SECONDS = 0
    record = make_session(bob, session.host)
    record_segments(record, *([Output(float(n), "x" * 100_000)] for n in range(5)))
    answer = client.get(f"/api/v1/sessions/{record.pk}/recording.cast")
    streamed: Any = answer
    parts: Iterator[bytes] = iter(streamed.streaming_content)
    next(parts)
    next(parts)
    if cause == "grant revoked":
        Grant.objects.update(revoked_at=timezone.now())
    elif cause == "account disabled":
        User.objects.filter(pk=bob.pk).update(is_active=False)
    else:
        client.logout()
    with pytest.raises(AccessEndedError):
        list(parts)


@pytest.mark.django_db(transaction=True)
async def test_under_asgi_a_large_recording_is_sent_piece_by_piece(bob: User) -> None:
    """The first bytes leave before the last segment is read: nothing collects the whole."""
    big = await asyncio.to_thread(_big_session, bob)
    cookies = {django_settings.SESSION_COOKIE_NAME: await asyncio.to_thread(_session_key, bob)}
    reads: list[int] = []

    digest = hashlib.sha256()
    async for body in _asgi_get(f"/api/v1/sessions/{big.pk}/recording.raw", cookies):
        reads.append(len(body))
        digest.update(body)
    assert digest.hexdigest() == hashlib.sha256(b"0123456789" * 20_000 * 12).hexdigest()
    assert len(reads) > 20
    assert max(reads) <= 64 * 1024


def _big_session(bob: User) -> Session:
    host = make_host()
    make_grant(bob, host, Action.VIEW_OWN, Action.EXPORT)
    session = make_session(bob, host)
    record_segments(session, *([Output(float(n), "0123456789" * 20_000)] for n in range(12)))
    connections.close_all()
    return session


def _session_key(bob: User) -> str:
    client = Client()
    client.force_login(bob)
    key = str(client.session.session_key)
    connections.close_all()
    return key


async def _asgi_get(path: str, cookies: dict[str, str]) -> AsyncIterator[bytes]:
    cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "path": path,
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"cookie", cookie.encode())],
        "client": ("127.0.0.1", 1),
    }
    exchange: Any = ApplicationCommunicator(get_asgi_application(), scope)  # type: ignore[no-untyped-call]
    await exchange.send_input({"type": "http.request"})
    start = await exchange.receive_output(20)
    assert start["status"] == 200
    while True:
        message = await exchange.receive_output(20)
        if message.get("body"):
            yield message["body"]
        if not message.get("more_body"):
            break
    await exchange.wait(5)
