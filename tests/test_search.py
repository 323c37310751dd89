"""Search finds what was on the screen: the same on every database (run it with DATABASE_URL for PostgreSQL)."""

from __future__ import annotations

import concurrent.futures
import uuid
from collections.abc import Sequence
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection

from audit.models import Session
from audit.search import Filters, Hit, Kind, Passage, QueryError, Scope, backend, compaction, finding
from tests.recordings import STARTED_AT, make_host, make_session


def scope_of(session: Session, *, audits: bool = True) -> Scope:
    hosts = frozenset({session.host_id})
    return Scope(session.user_id or 0, frozenset() if audits else hosts, hosts if audits else frozenset())


def index(session: Session, *lines: str, segment: int = 0, kind: Kind = "output", start: float = 0.0) -> None:
    passage = Passage(tuple((start + i, line) for i, line in enumerate(lines)))
    backend().replace(session, segment, kind, [passage])


def find(session: Session, query: str, filters: Filters | None = None) -> list[Hit]:
    return backend().find(scope_of(session), query, cursor=None, limit=50, filters=filters or Filters()).hits


def marked(hit: Hit) -> list[str]:
    return [hit.snippet[start:end] for start, end in hit.marks]


@pytest.fixture(autouse=True, params=["open end", "sealed and merged"])
def when_sealed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything here holds before and after what was indexed gets its signatures."""
    if request.param != "open end":
        monkeypatch.setattr(compaction, "SEAL_CHUNKS", 1)
        monkeypatch.setattr(compaction, "FAN_OUT", 3)


@pytest.fixture
def session(bob: User) -> Session:
    return make_session(bob, make_host())


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("journalctl", ["journalctl"]),
        ("NGINX", ["nginx"]),
        ("rnalc", ["rnalc"]),
        ("-u", ["-u"]),
        ("$", ["$"]),
        ("été", ["ÉTÉ"]),
        ("ÉTÉ", ["ÉTÉ"]),
        ("日志", ["日志"]),
        ("志", ["志"]),
        ("系统日志文件", ["系统日志文件"]),
        ("🚀", ["🚀"]),
        ("100%", ["100%"]),
        ("a_b", ["a_b"]),
        (r"c:\temp", [r"C:\temp"]),
        ('"deploy done"', ["deploy done"]),
        ('say "hi"', ["say", "hi"]),
        ("'; drop", ["';", "drop"]),
        ("ΣΊΣΥΦΟΣ", ["Σίσυφος"]),
        ("İst", ["İst"]),
    ],
)
def test_a_substring_is_found_whatever_its_case_script_or_length(
    session: Session, query: str, expected: list[str]
) -> None:
    index(
        session,
        "$ journalctl -u nginx",
        "",
        "ÉTÉ 系统日志文件 🚀 100% a_b",
        "",
        r"C:\temp deploy done",
        "",
        "to say hi",
        "",
        "Σίσυφος İst '; drop table",
    )
    (hit,) = find(session, query)
    assert marked(hit) == expected


@pytest.mark.parametrize("query", ["1000", "axb", "100_", "%", "a%b", "_b_", "c:/temp", '"done deploy"', "文件系统"])
def test_what_was_not_there_is_not_found(session: Session, query: str) -> None:
    index(session, "ÉTÉ 系统日志文件 100 a_b", r"C:\temp deploy done")
    assert find(session, query) == []


def test_all_terms_must_be_in_the_passage_and_the_line_with_most_of_them_is_the_hit(session: Session) -> None:
    index(session, "error in line 7", "error: disk full", "full moon")
    (hit,) = find(session, "error full")
    assert hit.t == 1.0
    assert marked(hit)[:1] == ["error"]
    assert find(session, "error absent") == []
    assert [hit.t for hit in find(session, "line moon")] == [2.0, 0.0]


def test_a_hit_has_its_own_second_its_neighbours_and_marks_in_code_points(session: Session) -> None:
    index(session, "before", "🚀🚀 needle 针 needle", "after", start=60.25)
    (hit,) = find(session, "needle")
    assert (hit.t, hit.kind, hit.session_id) == (61.25, "output", session.pk)
    assert hit.snippet == "before\n🚀🚀 needle 针 needle\nafter"
    assert hit.marks == [(10, 16), (19, 25)]


def test_a_long_line_is_cut_around_its_match(session: Session) -> None:
    index(session, "x" * 3000 + "needle" + "y" * 900)
    (hit,) = find(session, "needle")
    assert len(hit.snippet) <= 240
    assert marked(hit) == ["needle"]


def test_replacing_twice_changes_nothing_and_replacing_with_other_text_forgets_the_first(session: Session) -> None:
    index(session, "first text", segment=0)
    index(session, "other segment", segment=1)
    index(session, "first text", segment=0)
    # What was indexed again did not become newer than what came after it.
    assert [hit.snippet for hit in find(session, "e")] == ["other segment", "first text"]
    index(session, "second text", segment=0)
    assert find(session, "first") == []
    assert len(find(session, "second")) == 1
    index(session, segment=0)
    assert find(session, "second") == []
    assert len(find(session, "other")) == 1


def test_a_forgotten_session_is_not_found(session: Session) -> None:
    index(session, "needle")
    index(session, "rm needle", kind="command")
    backend().forget(session.pk)
    assert find(session, "needle") == []
    assert find(session, "n") == []


def test_text_that_databases_cannot_hold_is_indexed_without_it(session: Session) -> None:
    index(session, "nul \x00 here", "lone \ud800 surrogate", "line\nbreak needle")
    assert [hit.t for hit in find(session, "needle")] == [2.0]
    assert [hit.t for hit in find(session, "surrogate")] == [1.0]
    assert [hit.t for hit in find(session, "nul")] == [0.0]
    assert find(session, "\x00\ud800 no") == []


def test_nobody_finds_what_they_may_not_see(session: Session, carol: User, mallory: User) -> None:
    index(session, "needle in output")
    other = make_session(carol, session.host)
    index(other, "needle of carol")

    def found(scope: Scope) -> set[uuid.UUID]:
        page = backend().find(scope, "needle", cursor=None, limit=50, filters=Filters())
        short = backend().find(scope, "ne", cursor=None, limit=50, filters=Filters())
        assert {hit.session_id for hit in page.hits} == {hit.session_id for hit in short.hits}
        return {hit.session_id for hit in page.hits}

    host = frozenset({session.host_id})
    nothing: frozenset[uuid.UUID] = frozenset()
    assert found(Scope(mallory.pk, nothing, nothing)) == set()
    assert found(Scope(mallory.pk, host, nothing)) == set()
    assert found(Scope(mallory.pk, nothing, frozenset({uuid.uuid4()}))) == set()
    assert found(Scope(session.user_id or 0, host, nothing)) == {session.pk}
    assert found(Scope(session.user_id or 0, nothing, nothing)) == set()
    assert found(Scope(mallory.pk, nothing, host)) == {session.pk, other.pk}


def test_thousands_of_hosts_fit_into_one_query(session: Session) -> None:
    index(session, "needle")
    many = frozenset({session.host_id, *(uuid.uuid4() for _ in range(20_000))})
    page = backend().find(Scope(0, many, many), "needle", cursor=None, limit=50, filters=Filters())
    assert len(page.hits) == 1


def test_filters_narrow_by_kind_session_names_and_time(session: Session, carol: User) -> None:
    index(session, "needle one", "needle two", start=10)
    index(session, "run needle", kind="command", start=20)
    other = make_session(carol, session.host, started_at=STARTED_AT + timedelta(hours=1))
    index(other, "needle three")

    def found(filters: Filters) -> list[str]:
        hits = find(session, "needle", filters)
        return sorted({line for hit in hits for line in hit.snippet.split("\n")})

    assert found(Filters(kind="command")) == ["run needle"]
    assert found(Filters(session_id=other.pk)) == ["needle three"]
    assert found(Filters(user="carol")) == ["needle three"]
    assert found(Filters(user="car")) == []
    assert len(found(Filters(host=session.host_name))) == 4
    assert found(Filters(host="elsewhere")) == []
    after = Filters(after=STARTED_AT + timedelta(seconds=10.5), kind="output", user="bob")
    assert [hit.t for hit in find(session, "needle", after)] == [11.0]
    before = Filters(before=STARTED_AT + timedelta(seconds=11), kind="output", user="bob")
    assert [hit.t for hit in find(session, "needle", before)] == [10.0]


@pytest.mark.parametrize("query", ["needle", "e", "needle e"])
def test_pages_hold_everything_once_newest_first_also_while_more_comes_in(session: Session, query: str) -> None:
    for n in range(25):
        index(session, f"needle {n} a", f"needle {n} b", segment=n, start=n * 10.0)
    seen: list[float] = []
    cursor: str | None = None
    for _page in range(40):
        page = backend().find(scope_of(session), query, cursor=cursor, limit=7, filters=Filters())
        assert len(page.hits) <= 7
        seen += [hit.t for hit in page.hits]
        cursor = page.next
        if cursor is None:
            break
        index(session, "needle late", segment=1000 + len(seen))
    assert seen == sorted((n * 10.0 + i for n in range(25) for i in range(2)), reverse=True)


def test_short_terms_are_looked_for_a_stretch_at_a_time(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "MOST_READ", 1)
    index(session, "zz", segment=0)
    for n in range(1, 30):
        index(session, "nothing", segment=n)
    cursor: str | None = None
    hits: list[Hit] = []
    pages = 0
    while pages == 0 or cursor:
        page = backend().find(scope_of(session), "zz", cursor=cursor, limit=50, filters=Filters())
        hits += page.hits
        cursor = page.next
        pages += 1
    assert len(hits) == 1
    assert pages > 1


def test_one_passage_does_not_fill_a_page_of_all_sessions_but_does_inside_its_session(session: Session) -> None:
    index(session, *(f"needle {n}" for n in range(40)))
    assert len(find(session, "needle")) == finding.LINES_ACROSS
    assert len(find(session, "needle", Filters(session_id=session.pk))) == 40


@pytest.mark.parametrize("query", ["", "   ", "\n\t", "x" * 501, " ".join("abcdefghijklmnopq")])
def test_a_query_that_cannot_be_used_says_so(session: Session, query: str) -> None:
    with pytest.raises(QueryError) as raised:
        find(session, query)
    assert raised.value.field == "q"


@pytest.mark.parametrize("cursor", ["x", "1", "1.2.3", "-1.0", "9" * 30 + ".1", "１.２", "1.1'", "None"])
def test_a_cursor_that_is_not_ours_says_so(session: Session, cursor: str) -> None:
    with pytest.raises(QueryError) as raised:
        backend().find(scope_of(session), "x", cursor=cursor, limit=1, filters=Filters())
    assert raised.value.field == "cursor"


@pytest.mark.parametrize(
    "query",
    ['"', '""', '"""', "'", "%%%", "\\", "AND", "NEAR(a b)", "*", "^x", "a:b", "{x}", "(", "x OR y", "\x00", "\ud800"],
)
def test_signs_that_mean_something_to_databases_are_only_looked_for(session: Session, query: str) -> None:
    index(session, f"begin {query} end")
    hits = find(session, query)
    assert hits[0].t == 0.0


@pytest.mark.django_db(transaction=True)
def test_many_threads_can_ask_at_once(session: Session) -> None:
    index(session, "needle")

    def ask(_: int) -> int:
        try:
            return len(find(session, "needle"))
        finally:
            connection.close()

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        found: Sequence[int] = list(pool.map(ask, range(64)))
    assert set(found) == {1}
