"""The index in a SQLite file of its own, so that an indexer that commits megabytes does not hold up session rows.

FTS5's trigram tokenizer finds candidates; `detail=none` keeps a seventh of what phrases would need, so the trigrams
of a term are ANDed and every candidate is verified against its text. What is known about passages stands apart from
their text: looking for what one may see must not read what one may not.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import UUID

from django.conf import settings

from audit.access import Scope
from audit.models import Session
from audit.search.passages import StoredPassage, encode_text, encode_times
from audit.search.protocol import Filters, Kind, Page, Passage
from audit.search.query import fold, trigrams
from audit.search.statement import COLUMNS, Span, Where, find_page, stored_passage

SCHEMA_VERSION = 1
_SCHEMA = """
    CREATE TABLE passage (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        session_id TEXT NOT NULL, segment INTEGER NOT NULL, kind TEXT NOT NULL,
        user_id INTEGER, user_name TEXT NOT NULL, host_id TEXT NOT NULL, host_name TEXT NOT NULL,
        started_at REAL NOT NULL, first_at REAL NOT NULL, last_at REAL NOT NULL
    );
    CREATE INDEX passage_of_segment ON passage (session_id, segment, kind);
    CREATE TABLE content (id INTEGER PRIMARY KEY, text TEXT NOT NULL, folded TEXT NOT NULL, times BLOB NOT NULL);
    CREATE VIRTUAL TABLE candidate USING fts5 (
        folded, content = 'content', content_rowid = 'id', detail = none, tokenize = 'trigram case_sensitive 1'
    );
"""
# Enough to narrow any term; the rest is for the verification.
_MOST_TRIGRAMS = 12
_WAIT_SECONDS = 30.0

_Place = tuple[Session, int, Kind]


class SearchIndexError(Exception):
    """The index file cannot be used. The message names it and says what to do."""


class SqliteSearch:
    """A SearchBackend on one file. Every call opens its own connection, so threads and forks never share one."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path

    def replace(self, session: Session, segment: int, kind: Kind, passages: Sequence[Passage]) -> None:
        rows = [(encode_text(passage), encode_times(passage), passage) for passage in passages if passage.lines]
        with self._connection() as connection, _transaction(connection):
            known = connection.execute(
                "SELECT p.id, c.text, c.times, c.folded FROM passage p JOIN content c USING (id)"
                " WHERE p.session_id = ? AND p.segment = ? AND p.kind = ? ORDER BY p.id",
                (str(session.pk), segment, kind),
            ).fetchall()
            # What stays the same keeps its place in the order, and in the pages that people hold.
            if [(text, times) for _, text, times, _ in known] == [(text, times) for text, times, _ in rows]:
                return
            _remove(connection, [(passage_id, folded) for passage_id, _, _, folded in known])
            for text, times, passage in rows:
                _insert(connection, (session, segment, kind), passage, text, times)

    def find(self, scope: Scope, query: str, *, cursor: str | None, limit: int, filters: Filters) -> Page:
        with self._connection() as connection:
            # One snapshot for all statements of a page.
            connection.execute("BEGIN")
            return find_page(
                _Reader(connection), scope, query, cursor=cursor, limit=limit, filters=filters, ids=_one_of
            )

    def forget(self, session_id: UUID) -> None:
        with self._connection() as connection, _transaction(connection):
            known = connection.execute(
                "SELECT p.id, c.folded FROM passage p JOIN content c USING (id) WHERE p.session_id = ?",
                (str(session_id),),
            ).fetchall()
            _remove(connection, known)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        path = self._path or Path(settings.SEARCH_INDEX_FILE)
        with closing(sqlite3.connect(path, timeout=_WAIT_SECONDS, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous = FULL")
            # Of what is forgotten nothing stays in the file's free pages.
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("PRAGMA mmap_size = 268435456")
            _prepare(connection, path)
            yield connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Make the tables if the file is new. Raises SearchIndexError for a file of another version."""
    version = _version(connection)
    if version == 0:
        _use_wal(connection)
        with _transaction(connection):
            # Another process may have been faster.
            if _version(connection) == 0:
                for statement in filter(str.strip, _SCHEMA.split(";\n")):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        version = _version(connection)
    if version != SCHEMA_VERSION:
        raise SearchIndexError(
            f"{path} has version {version}, expected {SCHEMA_VERSION}. Run `manage.py rebuild_search_index`."
        )


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _use_wal(connection: sqlite3.Connection) -> None:
    """Change to WAL. SQLite does not wait for other processes that do the same, so this does."""
    deadline = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _insert(connection: sqlite3.Connection, place: _Place, passage: Passage, text: str, times: bytes) -> None:
    session, segment, kind = place
    started_at = session.started_at.timestamp()
    seconds = [t for t, _ in passage.lines]
    passage_id = connection.execute(
        "INSERT INTO passage (session_id, segment, kind, user_id, user_name, host_id, host_name,"
        " started_at, first_at, last_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            str(session.pk),
            segment,
            kind,
            session.user_id,
            session.user_name,
            str(session.host_id),
            session.host_name,
            started_at,
            started_at + min(seconds),
            started_at + max(seconds),
        ),
    ).lastrowid
    folded = fold(text)
    connection.execute("INSERT INTO content VALUES (?, ?, ?, ?)", (passage_id, text, folded, times))
    connection.execute("INSERT INTO candidate (rowid, folded) VALUES (?, ?)", (passage_id, folded))


def _remove(connection: sqlite3.Connection, known: Sequence[tuple[int, str]]) -> None:
    for passage_id, folded in known:
        # FTS5 keeps no copy of the text: to remove a row it must be told what was in it.
        connection.execute(
            "INSERT INTO candidate (candidate, rowid, folded) VALUES ('delete', ?, ?)", (passage_id, folded)
        )
        connection.execute("DELETE FROM content WHERE id = ?", (passage_id,))
        connection.execute("DELETE FROM passage WHERE id = ?", (passage_id,))


def _one_of(column: str, ids: Sequence[UUID]) -> tuple[str, object]:
    return f"{column} IN (SELECT value FROM json_each(%s))", json.dumps([str(item) for item in ids])  # noqa: S608


class _Reader:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def floor(self, where: Where, highest: int, passages: int) -> int | None:
        sql = f"SELECT p.id FROM passage p WHERE {where} AND p.id <= %s ORDER BY p.id DESC LIMIT 1 OFFSET %s"  # noqa: S608
        row = self._select(sql, [*where.values, highest, passages - 1]).fetchone()
        return row[0] if row else None

    def fetch(self, where: Where, terms: Sequence[str], span: Span, most: int) -> list[StoredPassage]:
        # CROSS JOIN fixes the order of the tables. The last is the text: it is only read of what may be seen.
        source, key = "passage p CROSS JOIN content c ON c.id = p.id", "p.id"
        wanted = where.copy()
        if match := _match(terms):
            source, key = f"candidate CROSS JOIN {source} AND p.id = candidate.rowid", "candidate.rowid"
            wanted.add("candidate MATCH %s", match)
        wanted.add(f"{key} BETWEEN %s AND %s", span.lowest, span.highest)
        for term in terms:
            wanted.add("instr(c.folded, %s) > 0", term)
        sql = f"SELECT {COLUMNS} FROM {source} WHERE {wanted} ORDER BY {key} DESC LIMIT %s"  # noqa: S608
        return [stored_passage(row) for row in self._select(sql, [*wanted.values, most])]

    def _select(self, sql: str, values: Sequence[object]) -> sqlite3.Cursor:
        return self._connection.execute(sql.replace("%s", "?"), values)


def _match(terms: Sequence[str]) -> str:
    """Return an FTS5 query for passages that may have all terms; empty if all are too short."""
    parts: dict[str, None] = {}
    for term in terms:
        every = trigrams(term)
        step = max(1, -(-len(every) // _MOST_TRIGRAMS))
        parts.update(dict.fromkeys(every[::step]))
    return " AND ".join('"' + part.replace('"', '""') + '"' for part in parts)
