"""What bench/search.py runs: fill the index of the database that the environment names, and search it.

Times of searches are milliseconds until fifty hits or the end, over as many pages as that takes, of all terms of a
kind, each asked several times (the first is not counted); `cpu_p95` is what this process worked for one, which says
more on a busy machine, but lacks what PostgreSQL does. `index_ratio` is bytes of signatures and catalogues for each
byte of text, `text_ratio` those of the compressed text itself.
"""

from __future__ import annotations

import resource
import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import orjson
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection

from audit.indexing.text import passages
from audit.models import Session
from audit.search import Filters, Scope, backend
from bench.search import read_text
from bench.search_text import HOSTS, USERS, YEAR, RecordedText
from hosts.models import Host

_PAGE: Final = 50
_PASSES: Final = 4
_GRANTS: Final = 5000
_STARTED: Final = datetime(2025, 11, 20, tzinfo=UTC)
# Beside terms that are cut from the text: parts of ids, addresses, paths, and words that are neither rare nor frequent.
_TERMS: Final[Mapping[str, Sequence[str]]] = {
    "frequent": ("the", "error", "connection", "server", "200", "root", "timeout", "info"),
    "one character": ("e", "7", "~", "志", "鬱", "€", "Q", "|"),
    "two characters": ("er", "zq", "~$", "é1", "x9", "qj", "7f", "-x"),
    "two Chinese characters": ("登录", "系统", "志系", "猫狗", "败成", "磁盘", "鬱金", "日忆"),
    "absent": ("9d2c77aa01feb3c4ee", "xylophonequartz", "ÄÖÜßäöü", "/var/lib/absent.zip", "10.99.300.1", "zzqqxxjj"),
    "absent, of frequent parts": ("serverconnection", "errortimeouterror", "rootroothost", "thetheandof", "infowarn"),
    "three characters": ("qzx", "~~~", "ß7q", "con", "f0f", "z9z", "&&&", "jqv"),
    "several words": ("error timeout", "connection denied", "the absentword", "kernel 10.3", "root curl", "日志 error"),
}


class _Index:
    """The backend, filled with the text of a file some times over."""

    def __init__(self) -> None:
        self.hosts = [Host(name=f"web-{number:03d}", address="192.0.2.1") for number in range(HOSTS)]
        Host.objects.bulk_create(self.hosts)
        self.users = [User(username=f"user-{number}") for number in range(USERS)]
        User.objects.bulk_create(self.users)
        self.characters = self.bytes = self.commands = 0
        self.seconds = self.cpu = self.slowest = 0.0
        self.samples: list[str] = []

    def fill(self, path: Path, copies: int) -> None:
        for copy in range(copies):
            waiting: list[tuple[Session, RecordedText]] = []
            for text in read_text(path):
                waiting.append((self._session(text, copy / copies), text))
                if len(waiting) == 50:  # noqa: PLR2004 - rows of one statement
                    self._index(waiting)
                    waiting = []
            self._index(waiting)

    def _session(self, text: RecordedText, part: float) -> Session:
        host, user = self.hosts[text.host], self.users[text.user]
        started_at = _STARTED + timedelta(seconds=text.started / 10 + YEAR * part * 0.9)
        names = {"user_name": user.username, "host_name": host.name}
        return Session(pk=uuid4(), user=user, host=host, started_at=started_at, cols=80, rows=24, **names)

    def _index(self, waiting: Sequence[tuple[Session, RecordedText]]) -> None:
        Session.objects.bulk_create([session for session, _ in waiting])
        for session, text in waiting:
            if len(text.segments[0][0]) > 3 and len(self.samples) < 2000:  # noqa: PLR2004 - has a line in the middle
                self.samples.append(text.segments[0][0][3][1])
            for number, (lines, commands) in enumerate(text.segments):
                self._replace(session, number, lines, commands)

    def _replace(self, session: Session, number: int, lines: list[Any], commands: list[Any]) -> None:
        output, typed = passages(lines), passages(commands)
        for _, line in (*lines, *commands):
            self.bytes += len(line.encode()) + 1
        self.commands += len(commands)
        began, cpu = time.perf_counter(), time.process_time()
        backend().replace(session, number, "output", output)
        backend().replace(session, number, "command", typed)
        took = time.perf_counter() - began
        self.seconds += took
        self.cpu += time.process_time() - cpu
        self.slowest = max(self.slowest, took)


def main(path: Path, copies: int) -> None:
    index = _Index()
    index.fill(path, copies)
    sizes = _sizes()
    results: dict[str, Any] = {
        "database": connection.vendor,
        "bytes": index.bytes,
        "commands": index.commands,
        "insert": {
            "mb_per_second": index.bytes / 1e6 / index.seconds,
            "mb_per_cpu_second_of_client": index.bytes / 1e6 / index.cpu,
            "slowest_segment_seconds": index.slowest,
            "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        },
        "index_ratio": sizes["index"] / index.bytes,
        "text_ratio": sizes["text"] / index.bytes,
        "stored_ratio": sizes["stored"] / index.bytes,
    }
    everything = frozenset(host.pk for host in index.hosts)
    granted = everything | {uuid4() for _ in range(_GRANTS - HOSTS)}
    quiet = frozenset({index.hosts[-1].pk})
    terms = {**_TERMS, **_cut_terms(index.samples)}
    results["search"] = {
        "everything": _measure(terms, everything),
        "5000 grants": _measure(terms, granted),
        "one quiet host": _measure(terms, quiet),
        "commands": _measure(terms, everything, Filters(kind="command")),
    }
    results["search_memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(orjson.dumps(results, option=orjson.OPT_INDENT_2).decode() + "\n")


def _cut_terms(samples: Sequence[str]) -> dict[str, list[str]]:
    """Return terms that are somewhere in the text, most of them once or a few times."""
    words = [word.strip('",:[]{}()') for line in samples for word in line.split()]
    hexes = [word for word in words if len(word) == 64]  # noqa: PLR2004 - SHA-256
    return {
        "rare, 12 hex digits": [word[20:32] for word in hexes[:8]],
        "6 hex digits": [word[33:39] for word in hexes[:8]],
        "addresses": [word for word in words if word.count(".") == 3 and word.startswith("10.")][:8],  # noqa: PLR2004
        "paths": [word for word in words if word.startswith("/") and word.count("/") > 3][:8],  # noqa: PLR2004
        "middling words": [word for word in words if word.isascii() and word.isalpha() and len(word) > 7][:8],  # noqa: PLR2004
        "three characters, rare": [word[40:43] for word in hexes[:4]] + ["qxz", "vvq", "0ßz", "x~x"],
    }


def _measure(
    terms: Mapping[str, Sequence[str]], hosts: frozenset[UUID], filters: Filters | None = None
) -> dict[str, dict[str, float]]:
    scope = Scope(0, frozenset(), hosts)
    table = {}
    for kind, some in terms.items():
        found = [_ask(scope, term, filters or Filters()) for _ in range(_PASSES) for term in some]
        times = sorted(took for took, _, _, _ in found[len(some) :])
        cpu = sorted(worked for _, worked, _, _ in found[len(some) :])
        table[kind] = {
            "p50": statistics.median(times),
            "p95": times[int(len(times) * 0.95)],
            "worst": times[-1],
            "cpu_p50": statistics.median(cpu),
            "cpu_p95": cpu[int(len(cpu) * 0.95)],
            "pages": max(pages for _, _, pages, _ in found),
            "hits": statistics.mean(hits for _, _, _, hits in found),
        }
    return table


def _ask(scope: Scope, term: str, filters: Filters) -> tuple[float, float, int, int]:
    began, cpu = time.perf_counter(), time.process_time()
    cursor, hits, pages = None, 0, 0
    while hits < _PAGE and (cursor or not pages):
        page = backend().find(scope, term, cursor=cursor, limit=_PAGE - hits, filters=filters)
        cursor, hits, pages = page.next, hits + len(page.hits), pages + 1
    return (time.perf_counter() - began) * 1000, (time.process_time() - cpu) * 1000, pages, hits


def _sizes() -> dict[str, int]:
    """Return bytes of signatures and catalogues, of compressed text, and of all that is on the disk for them."""
    if connection.vendor == "postgresql":
        return dict(_postgresql_sizes())
    store = backend().store  # type: ignore[attr-defined]
    with store.reading() as statements:
        sql = "SELECT sum(length({})) FROM audit_search_{}"
        text, blocks, catalogues = (
            statements.execute(sql.format(column, table))[0][0] or 0
            for column, table in (("z", "chunk"), ("d", "signature"), ("catalogue", "run"))
        )
    stored = sum(path.stat().st_size for path in Path(settings.DATA_DIR).glob("search.sqlite3*"))
    return {"text": text, "index": blocks + catalogues, "stored": stored}


def _postgresql_sizes() -> Iterator[tuple[str, int]]:
    signatures, catalogues = (
        "sum(length(d)) FROM audit_search_signature",
        "sum(length(catalogue)) FROM audit_search_run",
    )
    tables = "pg_total_relation_size('audit_search_{}')"
    with connection.cursor() as cursor:
        for name, sql in (
            ("text", "SELECT sum(length(z)) FROM audit_search_chunk"),
            ("index", f"SELECT (SELECT {signatures}) + (SELECT {catalogues})"),
            ("stored", "SELECT " + " + ".join(tables.format(name) for name in ("chunk", "signature", "run"))),
        ):
            cursor.execute(sql)
            yield name, int(cursor.fetchone()[0] or 0)
