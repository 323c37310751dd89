"""The SQLite index file: made by whoever comes first, shared by processes, of one version."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from uuid import UUID, uuid4

import pytest

from audit.models import Session
from audit.search import Filters, Passage, Scope, SearchIndexError, SqliteSearch
from tests.recordings import STARTED_AT

HOST = UUID(int=7)
WRITER = """
import os, sys, django
django.setup()
from pathlib import Path
from audit.search import SqliteSearch
from tests.test_search_index_file import make_passage, stored_session
index = SqliteSearch(Path(sys.argv[1]))
session = stored_session()
for n in range(30):
    index.replace(session, n, "output", [make_passage(n)])
"""


def stored_session() -> Session:
    """What the index needs to know of a session."""
    facts = SimpleNamespace(
        pk=uuid4(), user_id=1, user_name="bob", host_id=HOST, host_name="web-01", started_at=STARTED_AT
    )
    return cast("Session", facts)


def make_passage(n: int) -> Passage:
    return Passage([(float(n), f"needle {n}"), (n + 0.5, "hay " * 200)])


def count(path: Path, query: str = "needle") -> int:
    scope = Scope(1, frozenset({HOST}), frozenset())
    cursor: str | None = None
    found = 0
    while True:
        page = SqliteSearch(path).find(scope, query, cursor=cursor, limit=100, filters=Filters())
        found += len(page.hits)
        cursor = page.next
        if cursor is None:
            return found


def test_processes_that_begin_at_once_make_one_index(tmp_path: Path) -> None:
    path = tmp_path / "search.sqlite3"
    environment = {"DJANGO_SETTINGS_MODULE": "bastion.settings", "BASTION_DATA_DIR": str(tmp_path), "PATH": "/usr/bin"}
    root = Path(__file__).parent.parent
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path)], cwd=root, env=environment) for _ in range(4)]
    assert [writer.wait(120) for writer in writers] == [0, 0, 0, 0]
    assert count(path) == 120
    assert count(path, "ne") == 120
    check = sqlite3.connect(path)
    assert check.execute("INSERT INTO candidate (candidate) VALUES ('integrity-check')") is not None
    assert check.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert check.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    check.close()


def test_a_file_of_another_version_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "search.sqlite3"
    other = sqlite3.connect(path)
    other.execute("PRAGMA user_version = 99")
    other.close()
    with pytest.raises(SearchIndexError, match=r"version 99, expected 1.*rebuild_search_index"):
        count(path)


def test_an_index_that_was_removed_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "search.sqlite3"
    SqliteSearch(path).replace(stored_session(), 0, "output", [make_passage(1)])
    assert count(path) == 1
    for file in tmp_path.iterdir():
        file.unlink()
    assert count(path) == 0


def test_a_frequent_term_is_found_without_reading_everything(tmp_path: Path) -> None:
    """The newest hits come straight from the index: no sorting of all matches."""
    path = tmp_path / "search.sqlite3"
    SqliteSearch(path).replace(stored_session(), 0, "output", [make_passage(1)])
    connection = sqlite3.connect(path)
    plan = connection.execute(
        "EXPLAIN QUERY PLAN SELECT p.id FROM candidate CROSS JOIN passage p CROSS JOIN content c"
        " ON c.id = p.id AND p.id = candidate.rowid WHERE candidate MATCH '\"nee\"'"
        " AND candidate.rowid BETWEEN 0 AND 100 AND instr(c.folded, 'nee') > 0 ORDER BY candidate.rowid DESC LIMIT 5"
    ).fetchall()
    connection.close()
    assert not any("TEMP B-TREE" in row[3] for row in plan), plan
    assert sum("INTEGER PRIMARY KEY" in row[3] for row in plan) == 2, plan
