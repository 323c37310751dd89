"""Search over REST: hits with who, where and when, a link to the second, and nothing of what one may not see."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from audit.models import AuditEvent, Session
from audit.search import Passage, backend
from hosts.access import Action
from hosts.models import Grant
from tests.recordings import make_grant, make_host, make_session

SEARCH = "/api/v1/search/"


@pytest.fixture
def session(bob: User) -> Session:
    host = make_host("web-01")
    make_grant(bob, host, Action.VIEW_OWN)
    session = make_session(bob, host)
    backend().replace(
        session, 0, "output", [Passage([(1.5, "before"), (12.25, "🚀 rm -rf /var/lib/old"), (13.0, "after")])]
    )
    backend().replace(session, 0, "command", [Passage([(12.0, "rm -rf /var/lib/old")])])
    return session


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_a_hit_says_who_where_when_and_links_to_the_second(session: Session, bob: User) -> None:
    answer = signed_in(bob).get(SEARCH, {"q": '"rm -rf"', "kind": "output"}).json()
    assert (answer["next"], answer["previous"]) == (None, None)
    (hit,) = answer["results"]
    assert hit == {
        "session": {
            "id": str(session.pk),
            "user": "bob",
            "host": "web-01",
            "started_at": "2026-11-20T14:00:00Z",
            "state": "live",
        },
        "t": 12.25,
        "at": "2026-11-20T14:00:12.250000Z",
        "kind": "output",
        "snippet": "before\n🚀 rm -rf /var/lib/old\nafter",
        "marks": [[9, 15]],
        "link": f"/sessions/{session.pk}#t=12.25",
    }


def test_nobody_finds_what_is_not_granted_and_a_grant_that_ends_ends_it(
    session: Session, bob: User, alice: User, mallory: User, carol: User
) -> None:
    make_grant(carol, session.host, Action.AUDIT)
    for person, hits in ((alice, 0), (mallory, 0), (bob, 2), (carol, 2)):
        answer = signed_in(person).get(SEARCH, {"q": "rm"})
        assert len(answer.json()["results"]) == hits
        inside = signed_in(person).get(f"/api/v1/sessions/{session.pk}/search/", {"q": "rm"})
        assert inside.status_code == (200 if hits else 404)
    Grant.objects.update(revoked_at=timezone.now())
    assert signed_in(bob).get(SEARCH, {"q": "rm"}).json()["results"] == []


@pytest.mark.parametrize(
    ("query", "hits"),
    [
        ("q=rm&kind=command", 1),
        ("q=rm&kind=", 2),
        ("q=rm&user=bob", 2),
        ("q=rm&user=carol", 0),
        ("q=rm&host=web-01", 2),
        ("q=rm&after=2026-11-20T14:00:12.1Z", 1),
        ("q=rm&before=2026-11-20T14:00:12.1Z", 1),
        ("q=rm&before=2026-11-20", 0),
        ("q=%F0%9F%9A%80", 1),
        ("q=RM+LIB", 2),
    ],
)
def test_filters_narrow(session: Session, bob: User, query: str, hits: int) -> None:
    answer = signed_in(bob).get(f"{SEARCH}?{query}")
    assert answer.status_code == 200, answer.content
    assert len(answer.json()["results"]) == hits


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "q"),
        ("q=", "q"),
        ("q=+", "q"),
        ("q=" + "x" * 501, "q"),
        ("q=a&q=b", "q"),
        ("q=a&kind=screen", "kind"),
        ("q=a&after=yesterday", "after"),
        ("q=a&before=2026-13-01", "before"),
        ("q=a&user=" + "x" * 201, "user"),
        ("q=a&host=%00", "host"),
        ("q=a&cursor=nonsense", "cursor"),
        ("q=a&cursor=1.1.1", "cursor"),
        ("q=a&page_size=0", "page_size"),
        ("q=a&page_size=1e3", "page_size"),
        ("q=a&format=xml", "format"),
        ("q=a&session_id=1", "session_id"),
    ],
)
def test_what_cannot_be_used_is_named(bob: User, query: str, field: str) -> None:
    answer = signed_in(bob).get(f"{SEARCH}?{query}")
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_pages_lead_to_the_end(session: Session, bob: User) -> None:
    for n in range(1, 8):
        backend().replace(session, n, "output", [Passage([(100.0 * n, f"needle {n}")])])
    client = signed_in(bob)
    url: str | None = f"{SEARCH}?q=needle&page_size=3"
    seen: list[float] = []
    while url:
        answer = client.get(url).json()
        assert len(answer["results"]) <= 3
        seen += [hit["t"] for hit in answer["results"]]
        url = answer["next"]
    assert seen == [700.0, 600.0, 500.0, 400.0, 300.0, 200.0, 100.0]


def test_every_hit_leaves_as_lines(session: Session, bob: User) -> None:
    client = signed_in(bob)
    lines = client.get(SEARCH, {"q": "rm", "format": "jsonl"}).getvalue().splitlines()
    assert len(lines) == 2
    table = client.get(SEARCH, {"q": "rm", "format": "csv"}).getvalue().decode()
    assert table.startswith("session,t,at,kind,snippet,marks,link\r\n")


def test_a_search_is_one_line_in_the_ledger_however_many_pages(session: Session, bob: User) -> None:
    client = signed_in(bob)
    first = client.get(f"{SEARCH}?q=rm&page_size=1").json()
    client.get(first["next"])
    line = AuditEvent.objects.get(action="search.performed")
    assert (line.actor_name, line.detail) == ("bob", {"q": "rm"})


def test_a_search_inside_a_session_finds_every_line_of_it(session: Session, bob: User) -> None:
    backend().replace(session, 1, "output", [Passage([(50.0 + n, f"needle {n}") for n in range(30)])])
    client = signed_in(bob)
    assert len(client.get(SEARCH, {"q": "needle"}).json()["results"]) == 3
    inside = client.get(f"/api/v1/sessions/{session.pk}/search/", {"q": "needle"}).json()
    assert len(inside["results"]) == 30
    assert client.get(f"/api/v1/sessions/{session.pk}/search/", {"q": "x", "user": "bob"}).status_code == 400
