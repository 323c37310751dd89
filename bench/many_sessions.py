"""A million rows of sessions, and how long the list of them takes: runs inside the product."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth.models import Group, User
from django.db import connection, reset_queries
from django.test import Client
from django.utils import timezone

from audit.models import Session
from hosts.models import Grant, Host, HostGroup
from hosts.tokens import create_token

USERS, HOSTS, GROUPS = 200, 2000, 20
FIRST = datetime(2025, 1, 1, tzinfo=UTC)
SPAN = timedelta(days=365)
PERCENTILE = 94

_FILL = """
INSERT INTO audit_session (
    id, kind, user_id, user_name, host_id, host_name, account, encoding, state, started_at, ended_at, end_reason,
    end_detail, exit_signal, end_requested_by_name, end_requested_reason, cols, rows, duration, output_bytes, events,
    has_gaps, gaps, manifest_sha256, deleted_under, node, client_address, user_agent, commands_confidence,
    command_count, index_error
)
SELECT
    gen_random_uuid(), 'terminal', u.id, u.username, h.id, h.name, 'deploy-' || n %% 50, 'utf-8',
    CASE WHEN n > %(running)s THEN 'live' WHEN n %% 5000 = 0 THEN 'recovered' WHEN n %% 7000 = 0 THEN 'failed'
         WHEN n %% 900 = 0 THEN 'imported' ELSE 'sealed' END,
    s.at, CASE WHEN n > %(running)s THEN NULL ELSE s.at + make_interval(secs => 30 + (n * 7919) %% 7200) END,
    CASE WHEN n > %(running)s THEN '' WHEN n %% 50 = 0 THEN 'terminated' WHEN n %% 20 = 0 THEN 'idle' ELSE 'exit' END,
    CASE WHEN n > %(running)s THEN '' WHEN n %% 50 = 0 THEN 'Ended by carol: ticket ' || n %% 3000
         WHEN n %% 20 = 0 THEN 'Nothing happened for 1800 seconds.' ELSE 'The shell ended.' END,
    '', '', '', 120, 40, 30 + (n * 7919) %% 7200, n * 13, n, false, '[]', md5(n::text) || md5(n::text), '', 'node-1',
    '192.0.2.7', 'Mozilla/5.0', 'learned', n %% 40, ''
FROM generate_series(1, %(count)s::bigint) AS n
CROSS JOIN LATERAL (SELECT %(first)s::timestamptz + n * (%(span)s::interval / %(count)s) AS at) AS s
JOIN bench_user AS u ON u.number = (n * 31 + n / 1000) %% %(users)s
JOIN bench_host AS h ON h.number = (n * 17 + n / 300) %% %(hosts)s
"""


def fill(count: int) -> int:
    """Make people, hosts, grants and `count` sessions. Of 200 people and 2,000 hosts, all have about as many."""
    User.objects.bulk_create(User(username=f"person-{n:03}") for n in range(USERS))
    groups = [HostGroup.objects.create(name=f"group-{n:02}") for n in range(GROUPS)]
    hosts = Host.objects.bulk_create(
        Host(name=f"web-{n:04}", address=f"10.0.{n // 250}.{n % 250}") for n in range(HOSTS)
    )
    for number, group in enumerate(groups):
        group.hosts.set(hosts[number::GROUPS])
    _make_cast(groups, hosts)
    with connection.cursor() as cursor:
        for table, source, name in (("bench_user", "auth_user", "username"), ("bench_host", "hosts_host", "name")):
            cursor.execute(
                f"CREATE TEMPORARY TABLE {table} AS SELECT row_number() OVER (ORDER BY {name}) - 1 AS number, * "  # noqa: S608
                f"FROM {source} WHERE {name} ~ '-[0-9]+$'"
            )
        facts: dict[str, Any] = {
            "count": count,
            "running": count - 300,
            "first": FIRST,
            "span": SPAN,
            "users": USERS,
            "hosts": HOSTS,
        }
        cursor.execute(_FILL, facts)
        cursor.execute("ANALYZE")
    return Session.objects.count()


def _make_cast(groups: list[HostGroup], hosts: list[Host]) -> None:
    """Alice: administrator who may audit everything. Carol audits three groups. Mallory: nothing.

    The operator is one of the people that have sessions.
    """
    alice = User.objects.create_user("alice", is_staff=True)
    carol, _ = User.objects.create_user("carol"), User.objects.create_user("mallory")
    auditors = Group.objects.create(name="auditors")
    auditors.user_set.add(carol)
    operator = User.objects.get(username="person-007")
    since = timezone.now() - timedelta(days=1)
    Grant.objects.bulk_create(Grant(user=alice, host_group=group, audit=True, valid_from=since) for group in groups)
    Grant.objects.bulk_create(Grant(group=auditors, host_group=g, audit=True, valid_from=since) for g in groups[:3])
    Grant.objects.bulk_create(Grant(user=operator, host=h, view_own=True, valid_from=since) for h in hosts[:400])


def measure(rounds: int) -> dict[str, Any]:
    """Return milliseconds of the first page: {person: {filter: {"p50", "p95"}}}."""
    people = {"administrator": "alice", "auditor": "carol", "operator": "person-007", "mallory": "mallory"}
    results: dict[str, Any] = {}
    for role, username in people.items():
        _, token = create_token(User.objects.get(username=username), "bench", ("read", "audit"), 1)
        authorization = f"Bearer {token.reveal().decode()}"
        client = Client(SERVER_NAME="127.0.0.1", HTTP_AUTHORIZATION=authorization)
        # A process that has served nothing yet has still to import what it serves with.
        client.get("/api/v1/sessions/")
        results[role] = {name: _timed(client, make, rounds) for name, make in FILTERS.items()}
    return results


def _timed(client: Client, make_query: Callable[[random.Random], str], rounds: int) -> dict[str, float]:
    choose = random.Random(11)  # noqa: S311 - nothing secret
    taken, rows = [], 0
    for _ in range(rounds):
        query = make_query(choose)
        reset_queries()
        began = time.perf_counter()
        answer = client.get(f"/api/v1/sessions/?{query}")
        taken.append((time.perf_counter() - began) * 1000)
        if answer.status_code != 200:  # noqa: PLR2004 - OK
            raise RuntimeError(f"{query}: {answer.status_code} {answer.content[:200]!r}")
        rows += len(answer.json()["results"])
    p95 = statistics.quantiles(taken, n=100)[PERCENTILE]
    return {"p50": round(statistics.median(taken), 1), "p95": round(p95, 1), "rows": round(rows / rounds, 1)}


def _moment(choose: random.Random) -> str:
    return (FIRST + SPAN * choose.random()).strftime("%Y-%m-%dT%H:%M:%SZ")


def _host_id(choose: random.Random) -> str:
    return str(Host.objects.values_list("pk", flat=True).get(name=f"web-{choose.randrange(HOSTS):04}"))


def _session_id(choose: random.Random) -> str:
    at = FIRST + SPAN * choose.random()
    found = Session.objects.filter(started_at__gte=at).order_by("started_at").values_list("pk", flat=True).first()
    return str(found)[:13]


# What each filter of the API may be asked for.
FILTERS: dict[str, Callable[[random.Random], str]] = {
    "none": lambda _: "",
    "user": lambda choose: f"user=person-{choose.randrange(USERS):03}",
    "user who is not there": lambda _: "user=nobody",
    "host by name": lambda choose: f"host=web-{choose.randrange(HOSTS):04}",
    "host by id": lambda choose: f"host={_host_id(choose)}",
    "state, frequent": lambda _: "state=sealed",
    "state, rare": lambda _: "state=failed",
    "states, running": lambda _: "state=live,detached",
    "started_after": lambda choose: f"started_after={_moment(choose)}",
    "started_before": lambda choose: f"started_before={_moment(choose)}",
    "active_at": lambda choose: f"active_at={_moment(choose)}",
    "active_at now": lambda _: "active_at=2027-01-01T00:00:00Z",
    "q, a host": lambda choose: f"q=web-{choose.randrange(HOSTS):04}",
    "q, frequent": lambda _: "q=web",
    "q, a detail": lambda choose: f"q=ticket {choose.randrange(3000)}",
    "q, absent": lambda _: "q=zebra",
    "q, an id": lambda choose: f"q={_session_id(choose)}",
    "user and host": lambda choose: f"user=person-{choose.randrange(USERS):03}&host=web-{choose.randrange(HOSTS):04}",
    "user and state": lambda choose: f"user=person-{choose.randrange(USERS):03}&state=failed,recovered",
}
