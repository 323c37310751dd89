"""Whatever stands in a filter of the audit API, the answer is a result or says what is wrong; never a failure."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from audit.events import Output
from hosts.access import Action
from tests.recordings import make_grant, make_host, make_session, record_segments

RUBBISH = [
    "",
    " ",
    "0",
    "-1",
    "9" * 40,
    "1e309",
    "NaN",
    "null",
    "true",
    "[]",
    "{}",
    "a,b,,",
    "%",
    "_",
    "\\",
    "'",
    '"',
    "'; DROP TABLE audit_session; --",
    "\x00",
    "\ud7ff",
    "\u202e",
    "👩‍👩‍👧‍👦",
    "(" * 500,
    "x" * 20_000,
    "2026-02-30",
    "2026-11-20T14:00:00",
    "2026-11-20T14:00:00+99:99",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "00000000-0000-0000-0000-000000000000",
    "{00000000-0000-0000-0000-000000000000}",
    "../../etc/passwd",
    "live,",
    "csv",
]
NAMES = {
    "sessions/": ["user", "host", "state", "started_after", "started_before", "active_at", "q"],
    "commands/": ["user", "host", "session", "q", "after", "before"],
    "audit-events/": ["actor", "action", "object_type", "object_id", "session", "outcome", "after", "before", "q"],
    "search/": ["q", "user", "host", "kind", "after", "before"],
    "sessions/{id}/commands/": ["session", "q"],
    "sessions/{id}/search/": ["q", "kind"],
    "sessions/{id}/search/recording/": ["q"],
    "sessions/{id}/recording.cast": ["version", "download"],
    "sessions/{id}/replay.json": ["idle"],
    "sessions/{id}/segments/0.json": ["idle"],
    "sessions/{id}/": [],
    "sessions/{id}/verify": [],
}
PAGING = ["cursor", "page_size", "format"]
UNKNOWN = ["order_by", "_connector", "user__password__startswith", "limit", "annotate", "session_id__in"]


@pytest.mark.usefixtures("valkey")
@pytest.mark.parametrize("path", NAMES)
def test_no_filter_makes_the_server_fail(path: str, alice: User) -> None:
    host = make_host()
    make_grant(alice, host, Action.AUDIT)
    session = make_session(alice, host)
    record_segments(session, [Output(1.0, "x")])
    client = Client()
    client.force_login(alice)
    url = f"/api/v1/{path.format(id=session.pk)}"
    needs_q = {"q": "x"} if "search" in path else {}
    for name in [*NAMES[path], *PAGING]:
        for value in RUBBISH:
            answer = client.get(url, {**needs_q, name: value})
            assert answer.status_code in {200, 400}, (name, value, answer.status_code)
            if answer.status_code == 400:
                assert answer["Content-Type"] == "application/problem+json"
                assert [error["field"] for error in answer.json()["errors"]] == [name], (name, value)
    for name in UNKNOWN:
        answer = client.get(url, {**needs_q, name: "1"})
        assert answer.status_code == 400, name
        assert [error["field"] for error in answer.json()["errors"]] == [name]
