"""Every parameter of every collection, with every kind of rubbish: 400 that names it, or an answer; never 500."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.auth.models import User
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from hosts.access import Action
from hosts.instants import parse_instant
from tests.inventory import API, Browser, Program, brief, fields_of, give, new_host

# What the API can be asked for; a parameter that is added belongs into this list.
PARAMETERS = {
    "hosts/": {"q", "group", "enabled", "action"},
    "host-groups/": {"q"},
    "credentials/": {"q", "kind"},
    "grants/": {"q", "user", "group", "host", "host_group", "state"},
    "users/": {"q", "group", "is_active", "is_admin"},
    "groups/": {"q"},
    "tokens/": set(),
}
ALWAYS = {"cursor", "page_size", "format"}
TEXTS = {"q"}
UNKNOWN = [
    "_connector",
    "user__password__startswith",
    "password__regex",
    "order_by",
    "ordering",
    "annotate",
    "q[]",
    "q__icontains",
    "pk",
    "id",
    "",
    "\x00",
    "x" * 5000,
    "offset",
    "limit",
]
RUBBISH = [
    "\x00",
    "x" * 100_000,
    "-1",
    str(2**63),
    str(10**400),
    "1.5",
    "1e9",
    "0000-00-00",
    "9999-12-31",
    "2026-11-21T10:00:00+25:00",
    "{0c1f3c5e-0000-4000-8000-000000000000}",
    "urn:uuid:0c1f3c5e-0000-4000-8000-000000000000",
    "(a+)+$",
    ",".join(["1"] * 10_000),
    "\u0661",
    "True",
    "null",
    "[]",
    "{}",
    "' OR 1=1 --",
    "\ud800",
]


def _quoted(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"))


@pytest.fixture
def admin(alice: User) -> Browser:
    give(alice, new_host("web-01"), *Action)
    return Browser(alice)


@pytest.mark.parametrize("path", PARAMETERS)
def test_an_unknown_parameter_is_refused_by_name(admin: Browser, path: str) -> None:
    for name in UNKNOWN:
        answer = admin.client.get(f"{API}{path}?{_quoted(name)}=1")
        assert answer.status_code == 400, name
        assert fields_of(answer) == {name[:100]}
        assert len(answer.content) < 1000


def test_the_parameters_are_those_of_the_list(admin: Browser) -> None:
    for path, names in PARAMETERS.items():
        message = admin.get(path, bogus=1).json()["errors"][0]["message"]
        assert set(message.partition(": ")[2].rstrip(".").split(", ")) == names | ALWAYS


@pytest.mark.parametrize("path", PARAMETERS)
def test_rubbish_is_refused_by_name(admin: Browser, path: str) -> None:
    for name in PARAMETERS[path] - TEXTS:
        for value in RUBBISH:
            answer = admin.client.get(f"{API}{path}?{name}={_quoted(value)}")
            assert answer.status_code == 400, (name, value[:50])
            assert fields_of(answer) == {name}
            assert len(answer.content) < 1000


@pytest.mark.parametrize("path", [path for path, names in PARAMETERS.items() if "q" in names])
def test_text_is_searched_for_or_refused(admin: Browser, path: str) -> None:
    for value in RUBBISH:
        answer = admin.client.get(f"{API}{path}?q={_quoted(value)}")
        if len(value) > 200 or "\x00" in value:
            assert (answer.status_code, fields_of(answer)) == (400, {"q"})
        else:
            assert answer.status_code == 200
            assert answer.json()["results"] == []


@pytest.mark.parametrize("name", ["q", "group", "enabled", "action", "cursor", "page_size", "format", "bogus"])
def test_ten_megabytes_are_refused_by_name(admin: Browser, name: str) -> None:
    answer = admin.client.get(f"{API}hosts/?{name}={'x' * 10_000_000}")
    assert (answer.status_code, fields_of(answer)) == (400, {name})
    assert len(answer.content) < 1000


@pytest.mark.parametrize("path", PARAMETERS)
def test_a_parameter_given_twice_is_refused(admin: Browser, path: str) -> None:
    for name in PARAMETERS[path] | ALWAYS:
        answer = admin.client.get(f"{API}{path}?{name}=1&{name}=1")
        assert (answer.status_code, fields_of(answer)) == (400, {name})


def test_a_page_has_1_to_200_rows(admin: Browser) -> None:
    for path in PARAMETERS:
        for size in ("0", "201", "1000000000", "-1", "x", "", "1.0", "\u0661", "9" * 5000):
            answer = admin.client.get(f"{API}{path}?page_size={_quoted(size)}")
            assert (answer.status_code, fields_of(answer)) == (400, {"page_size"}), size[:20]


def test_a_cursor_is_one_that_this_list_gave(admin: Browser) -> None:
    new_host("web-02")
    link = admin.get("hosts/", page_size=1).json()["next"]
    cursor = link.partition("cursor=")[2].partition("&")[0]
    assert admin.get("hosts/", cursor=cursor.replace("%3A", ":")).status_code == 200
    for path, text in (
        ("host-groups/", cursor.replace("%3A", ":")),
        ("hosts/", "x"),
        ("hosts/", "WyJuZXh0Il0:x"),
        ("hosts/", cursor[:-1]),
        ("hosts/", "x" * 100_000),
        ("hosts/", "\x00"),
    ):
        answer = admin.get(path, cursor=text)
        assert (answer.status_code, fields_of(answer)) == (400, {"cursor"}), text[:40]


@pytest.mark.parametrize("wanted", ["xml", "", "CSV", "csv\x00", "../x", "x" * 5000], ids=brief)
def test_a_format_is_json_csv_or_jsonl(admin: Browser, wanted: str) -> None:
    answer = admin.client.get(f"{API}hosts/?format={_quoted(wanted)}")
    assert (answer.status_code, fields_of(answer)) == (400, {"format"})


def test_a_stream_refuses_rubbish_before_it_begins(admin: Browser) -> None:
    answer = admin.get("hosts/", format="csv", enabled="maybe")
    assert (answer.status_code, fields_of(answer)) == (400, {"enabled"})


def test_a_single_object_and_the_account_take_no_parameters(admin: Browser) -> None:
    host_id = admin.get("hosts/").json()["results"][0]["id"]
    for path in (f"hosts/{host_id}/", "me/", "instance/"):
        answer = admin.get(path, verbose="1")
        assert (answer.status_code, fields_of(answer)) == (400, {"verbose"})


@pytest.mark.parametrize(
    "path",
    [
        "hosts/x/",
        "hosts/%00/",
        "hosts/../me/x/",
        "hosts/%2e%2e%2fme/",
        "grants/1/",
        "users/1e3/",
        "users/2147483648000/",
    ],
)
def test_an_id_that_cannot_be_is_not_found(admin: Browser, path: str) -> None:
    assert admin.client.get(API + path).status_code == 404


@pytest.mark.parametrize("accept", ["text/csv", "text/html", "*/*;q=1e999", "x", "a/b," * 5000], ids=brief)
def test_any_accept_header_gets_json(admin: Browser, accept: str) -> None:
    answer = admin.client.get(f"{API}hosts/", headers={"Accept": accept})
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")


def test_methods_cannot_be_overridden(admin: Browser) -> None:
    host_id = admin.get("hosts/").json()["results"][0]["id"]
    answer = admin.client.get(f"{API}hosts/{host_id}/?_method=DELETE", headers={"X-HTTP-Method-Override": "DELETE"})
    assert answer.status_code == 400
    assert admin.get(f"hosts/{host_id}/").status_code == 200
    assert admin.client.options(f"{API}hosts/").status_code == 405


class TestAnyQueryIsAnswered(TestCase):
    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(
        path=st.sampled_from(sorted(PARAMETERS)),
        query=st.dictionaries(
            st.sampled_from(sorted(set().union(*PARAMETERS.values(), ALWAYS))) | st.text(max_size=8),
            st.text(max_size=20) | st.sampled_from(RUBBISH),
            max_size=3,
        ),
    )
    def test_with_200_or_400(self, path: str, query: dict[str, Any]) -> None:
        user = User.objects.filter(username="fuzz").first() or User.objects.create(
            username="fuzz", is_staff=True, is_superuser=True
        )
        text = "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in query.items())
        program = Program(user)
        answer = program.client.get(f"{API}{path}?{text}", headers=program.headers)
        assert answer.status_code in {200, 400, 403}, (text[:200], answer.status_code)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-21", "2026-11-21T00:00:00+00:00"),
        ("2026-11-21T10:00", "2026-11-21T10:00:00+00:00"),
        ("2026-11-21T10:00:00.123456Z", "2026-11-21T10:00:00.123456+00:00"),
        ("2026-11-21t10:00:00+02:00", "2026-11-21T08:00:00+00:00"),
    ],
)
def test_times_are_read_as_utc(text: str, expected: str) -> None:
    assert parse_instant(text).isoformat() == expected


@given(
    st.text(max_size=40)
    | st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}[+-][0-9]{2}:[0-9]{2}", fullmatch=True)
)
def test_any_other_text_is_a_valueerror(text: str) -> None:
    with suppress(ValueError):
        assert parse_instant(text).utcoffset() is not None
