"""A recording is searched by reading it, page by page, and what the index leaves out is found, too."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from audit.events import Event, Input, Output
from audit.indexing.indexer import index_session
from audit.models import AuditEvent, Session
from audit.recording_search import search_recording
from audit.search import Page, QueryError
from hosts.access import Action
from tests.recordings import make_grant, make_host, make_session, record_segments
from tests.test_indexing import found_lines

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]


@pytest.fixture
def session(bob: User) -> Session:
    """Three segments of output; a line in the middle of each, and one that stays on the screen across two."""
    host = make_host("web-01")
    make_grant(bob, host, Action.VIEW_OWN)
    session = make_session(bob, host)
    segments: list[list[Event]] = [
        [Output(n * 10.0 + i, f"\x1b[31mpart {n}\x1b[0m line {i:03}\r\n") for i in range(10)] for n in range(3)
    ]
    segments[1].append(Output(19.5, "Needle in the hay\r\n"))
    segments[2].append(Input(29.5, "needle that was typed"))
    record_segments(session, *segments)
    return session


def search(session: Session, query: str, cursor: str | None = None, limit: int = 50, seconds: float = 60) -> Page:
    return search_recording(session, query, cursor=cursor, limit=limit, seconds=seconds)


@pytest.mark.parametrize("is_indexed", [False, True])
def test_a_line_is_found_once_with_its_second(session: Session, is_indexed: bool) -> None:
    if is_indexed:
        index_session(session.pk)
    page = search(session, "needle HAY")
    assert [(hit.t, hit.kind, hit.snippet) for hit in page.hits] == [
        (19.5, "output", "part 1 line 009\nNeedle in the hay")
    ]
    assert [page.hits[0].snippet[start:end] for start, end in page.hits[0].marks] == ["Needle", "hay"]
    assert page.next is None
    assert len(search(session, "line 005").hits) == 3


def test_what_the_index_leaves_out_is_found_here(bob: User, settings: Any) -> None:
    settings.INDEX_OUTPUT_CHARACTERS = 500
    session = make_session(bob, make_host())
    record_segments(session, [Output(1.0, "".join(f"number {n:04}\r\n" for n in range(500)))])
    index_session(session.pk)
    assert not found_lines(session, "number 0250")
    assert [hit.snippet.split("\n")[1] for hit in search(session, "number 0250").hits] == ["number 0250"]


@pytest.mark.parametrize("limit", [1, 4, 7, 30])
def test_pages_hold_everything_once_oldest_first(session: Session, limit: int) -> None:
    found, cursor = [], None
    while True:
        page = search(session, "line", cursor, limit)
        assert len(page.hits) <= limit
        found += page.hits
        cursor = page.next
        if cursor is None:
            break
    assert [hit.t for hit in found] == [n * 10.0 + i for n in range(3) for i in range(10)]


def test_a_page_ends_when_its_time_is_over_and_the_next_goes_on(session: Session) -> None:
    cursors: list[str | None] = [None]
    found = []
    while len(cursors) < 10:
        page = search(session, "needle", cursors[-1], seconds=0)
        found += page.hits
        if page.next is None:
            break
        cursors.append(page.next)
    assert cursors == [None, "1.0", "2.0", "3.0"]
    assert len(found) == 1


@pytest.mark.parametrize("cursor", ["x", "1", "1.", "-1.0", "1.0.0", "9999999999.0"])
def test_a_cursor_of_something_else_is_refused(session: Session, cursor: str) -> None:
    with pytest.raises(QueryError, match="cursor"):
        search(session, "needle", cursor)


def test_over_rest_it_is_gated_as_the_replay_and_noted(session: Session, bob: User, mallory: User) -> None:
    address = f"/api/v1/sessions/{session.pk}/search/recording/"
    client = Client()
    client.force_login(mallory)
    assert client.get(address, {"q": "needle"}).status_code == 404
    client.force_login(bob)
    answer = client.get(address, {"q": "line", "page_size": "20"}).json()
    assert len(answer["results"]) == 20
    assert answer["results"][0]["session"]["id"] == str(session.pk)
    assert answer["results"][0]["link"] == f"/sessions/{session.pk}#t=0.0"
    assert len(client.get(answer["next"]).json()["results"]) == 10
    refused: list[dict[str, str]] = [
        {"q": ""},
        {"q": "x", "cursor": "y"},
        {"q": "x", "kind": "title"},
        {"q": "x", "format": "csv"},
    ]
    for query in refused:
        assert client.get(address, query).status_code == 400
    noted = AuditEvent.objects.filter(session_id=session.pk, action="search.performed")
    assert [event.detail for event in noted] == [{"q": "line", "in": "recording"}]
