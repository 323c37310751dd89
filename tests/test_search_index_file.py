"""The SQLite index file: made by whoever comes first, shared by processes, of one version."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User

from audit.models import Session
from audit.search import Filters, Passage, Scope, SearchIndexError, SignatureSearch, SqliteStore
from tests.recordings import STARTED_AT, make_host, make_session

WRITER = """
import sys, django
django.setup()
from pathlib import Path
from audit.search import SignatureSearch, SqliteStore
from tests.test_search_index_file import known_session, make_passage
index = SignatureSearch(SqliteStore(Path(sys.argv[1])))
for n in range(30):
    index.replace(known_session(sys.argv[2], sys.argv[3]), n, "output", [make_passage(n)])
"""


def known_session(session_id: str, host_id: str) -> Session:
    """What the index needs to know of a session."""
    facts = SimpleNamespace(
        pk=UUID(session_id), user_id=1, user_name="bob", host_id=UUID(host_id), host_name="w", started_at=STARTED_AT
    )
    return cast("Session", facts)


def make_passage(n: int) -> Passage:
    return Passage([(float(n), f"needle {n}"), (n + 0.5, "hay " * 200)])


def search(path: Path) -> SignatureSearch:
    return SignatureSearch(SqliteStore(path))


def count(path: Path, host_id: UUID, query: str = "needle") -> int:
    scope = Scope(0, frozenset(), frozenset({host_id}))
    cursor: str | None = None
    found = 0
    while True:
        page = search(path).find(scope, query, cursor=cursor, limit=100, filters=Filters())
        found += len(page.hits)
        cursor = page.next
        if cursor is None:
            return found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "search.sqlite3"


@pytest.fixture
def session(bob: User) -> Session:
    return make_session(bob, make_host())


def test_processes_that_begin_at_once_make_one_index(path: Path, bob: User) -> None:
    host = make_host()
    environment = {"DJANGO_SETTINGS_MODULE": "bastion.settings", "BASTION_DATA_DIR": str(path.parent)}
    command = [sys.executable, "-c", WRITER, str(path)]
    writers = [
        subprocess.Popen(
            [*command, str(make_session(bob, host).pk), str(host.pk)],
            cwd=Path(__file__).parent.parent,
            env={"PATH": os.environ["PATH"], **environment},
        )
        for _ in range(4)
    ]
    assert [writer.wait(120) for writer in writers] == [0, 0, 0, 0]
    assert count(path, host.pk) == 120
    assert count(path, host.pk, "ne") == 120
    check = sqlite3.connect(path)
    assert check.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert check.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert check.execute("PRAGMA page_size").fetchone() == (16384,)
    check.close()


@pytest.mark.django_db
def test_a_file_of_another_version_is_refused_with_what_to_do(path: Path) -> None:
    other = sqlite3.connect(path)
    other.execute("PRAGMA user_version = 1")
    other.close()
    with pytest.raises(SearchIndexError, match=r"version 1, expected 2.*rebuild_search_index"):
        count(path, uuid4())


def test_an_index_that_was_removed_is_made_again(path: Path, session: Session) -> None:
    search(path).replace(session, 0, "output", [make_passage(1)])
    assert count(path, session.host_id) == 1
    for file in path.parent.iterdir():
        file.unlink()
    assert count(path, session.host_id) == 0
    search(path).replace(session, 0, "output", [make_passage(1)])
    assert count(path, session.host_id) == 1


def test_what_is_forgotten_is_in_no_file_any_more(path: Path, session: Session) -> None:
    word = uuid4().hex
    search(path).replace(session, 0, "output", [Passage([(1.0, word)])])
    search(path).forget(session.pk)
    # By another process: closing a file of SQLite drops the locks that this process has on it.
    command = ["grep", "--recursive", "--text", "--fixed-strings", "--files-with-matches", word, str(path.parent)]
    assert subprocess.run(command, check=False, capture_output=True, text=True).stdout == ""
