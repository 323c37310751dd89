"""`?format=csv|jsonl`: every row of the filter, in constant memory, harmless in a spreadsheet and in a terminal."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from hypothesis import given
from hypothesis import strategies as st

from audit.models import AuditEvent
from hosts.access import Action
from hosts.inventory import revoke_grant
from hosts.models import Grant, Host, HostGroup
from hosts.rest import StreamEnded, stream_rows
from hosts.streams import csv_cell, json_line, stream_batches
from tests.inventory import API, Browser, announcements, brief, fields_of, give, new_host, whole

FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\uff1d1", "\uff0b1", "\uff0d1", "\uff201"]


_texts = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.mark.parametrize("text", FORMULAS, ids=brief)
def test_a_cell_that_a_spreadsheet_would_run_is_text(text: str) -> None:
    assert csv_cell(text) == f"'{text}"
    assert csv_cell([text]) == f"'{text}"
    assert csv_cell({"id": 1, "name": text}) == f"'{text}"
    assert json.loads(json_line({"a": text})) == {"a": text}


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, ""),
        (True, "true"),
        (-5, -5),
        (1.5, 1.5),
        ("plain", "plain"),
        (["a", "b"], "a; b"),
        ([{"id": 1, "name": "x"}, {"id": 2, "name": "y"}], "x; y"),
        ({"env": "prod"}, '{"env":"prod"}'),
        ([], ""),
    ],
)
def test_cells_are_readable(value: Any, cell: Any) -> None:
    assert csv_cell(value) == cell


@given(st.lists(st.dictionaries(st.sampled_from("abc"), _texts | st.integers() | st.none()), max_size=5))
def test_each_row_is_one_line_of_json(rows: list[dict[str, Any]]) -> None:
    text = whole(stream_rows(rows, dict, "jsonl", "x")).decode()
    assert [json.loads(line) for line in text.splitlines()] == rows
    assert "\x1b" not in text
    assert "\x9b" not in text


@given(st.lists(st.lists(_texts, min_size=2, max_size=2), max_size=5))
def test_csv_comes_back_cell_by_cell(rows: list[list[str]]) -> None:
    dicts = [dict(zip("ab", row, strict=True)) for row in rows]
    text = whole(stream_rows(dicts, dict, "csv", "x", ["a", "b"])).decode()
    read = list(csv.reader(io.StringIO(text, newline="")))
    assert read[0] == ["a", "b"]
    assert [[cell.removeprefix("'") for cell in line] for line in read[1:]] == [
        [cell.removeprefix("'") for cell in row] for row in rows
    ]


def test_all_rows_of_the_filter_are_streamed(alice: User) -> None:
    group = HostGroup.objects.create(name="servers")
    for number in range(1203):
        Host(name=f"web-{number:04}", address="10.0.0.5").save()
    new_host("elsewhere", notes="=cmd|' /C calc'!A0", labels={"env": "prod"}).groups.add(group)
    browser = Browser(alice)
    answer = browser.get("hosts/", format="csv")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"].startswith('attachment; filename="hosts-')
    rows = list(csv.DictReader(io.StringIO(whole(answer).decode(), newline="")))
    assert [row["name"] for row in rows] == ["elsewhere", *(f"web-{number:04}" for number in range(1203))]
    assert (rows[0]["notes"], rows[0]["groups"], rows[0]["labels"]) == (
        "'=cmd|' /C calc'!A0",
        "servers",
        '{"env":"prod"}',
    )
    assert "group_ids" not in rows[0]
    lines = whole(browser.get("hosts/", format="jsonl", q="web-00")).decode().splitlines()
    assert [json.loads(line)["name"] for line in lines] == [f"web-{number:04}" for number in range(100)]


def test_no_rows_are_still_a_header(mallory: User) -> None:
    browser = Browser(mallory)
    assert whole(browser.get("hosts/", format="csv")).decode().startswith("id,name,address,port,")
    assert whole(browser.get("hosts/", format="jsonl")) == b""


@pytest.mark.parametrize("path", ["grants/", "users/", "groups/", "credentials/", "host-groups/", "tokens/"])
def test_every_collection_streams(alice: User, path: str) -> None:
    give(alice, new_host(), Action.CONNECT)
    header, *_rows = whole(Browser(alice).get(path, format="csv")).decode().splitlines()
    assert "id" in header.split(",")
    assert not {"secret", "password", "passphrase", "token", "digest", "days"} & set(header.split(","))


@pytest.mark.parametrize("path", ["hosts/", "sessions/", "search/"])
def test_asking_for_the_headers_alone_sends_and_notes_nothing(alice: User, path: str) -> None:
    new_host()
    answer = Browser(alice).client.head(f"{API}{path}", {"format": "jsonl", "q": "host"})
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/jsonl; charset=utf-8")
    assert whole(answer) == b""
    assert not AuditEvent.objects.filter(action="audit.exported").exists()


@pytest.mark.parametrize("path", ["hosts/", "search/"])
def test_a_stream_refuses_a_page_size_that_is_none(alice: User, path: str) -> None:
    answer = Browser(alice).get(path, format="csv", q="host", page_size="all")
    assert answer.status_code == 400
    assert fields_of(answer) == {"page_size"}


def test_a_stream_ends_when_the_sign_in_ends(alice: User) -> None:
    for number in range(1100):
        Host(name=f"web-{number:04}", address="10.0.0.5").save()
    answer = Browser(alice).get("hosts/", format="jsonl")
    parts = iter(answer.streaming_content)
    assert next(parts)
    User.objects.update(is_active=False)
    with pytest.raises(StreamEnded, match="account disabled"):
        list(parts)


def test_a_stream_ends_when_the_grant_ends(bob: User) -> None:
    group = HostGroup.objects.create(name="servers")
    for number in range(1100):
        host = Host(name=f"web-{number:04}", address="10.0.0.5")
        host.save()
        host.groups.add(group)
    give(bob, group, Action.CONNECT)
    answer = Browser(bob).get("hosts/", format="jsonl")
    parts = iter(answer.streaming_content)
    seen = next(parts).count(b"\n")
    with announcements() as heard:
        revoke_grant(Grant.objects.get(), actor=None)
    seen += b"".join(parts).count(b"\n")
    assert seen == 500
    assert [said["action"] for said in heard] == ["grant.revoked"]


def test_memory_stays_constant_however_many_rows() -> None:
    def rows() -> Iterator[list[dict[str, Any]]]:
        for _batch in range(400):
            yield [{"text": "x" * 200, "number": number} for number in range(500)]

    async def read(response: AsyncIterator[bytes]) -> int:
        return sum([len(part) async for part in response])

    tracemalloc.start()
    try:
        # As the server reads it: Django's own response would first collect everything.
        size = asyncio.run(read(aiter(stream_batches(rows(), "csv", "x"))))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size > 40_000_000
    assert peak < 8_000_000
