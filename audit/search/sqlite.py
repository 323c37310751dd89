"""The index in a SQLite file of its own, so that an indexer that commits megabytes does not hold up session rows."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from django.conf import settings

from audit.search.grams import FORMAT
from audit.search.protocol import SearchIndexError
from audit.search.store import CHUNK, RUN, SIGNATURE, Value

_SCHEMA: Final = (
    f"""
    CREATE TABLE {CHUNK} (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        session_id TEXT NOT NULL, segment INTEGER NOT NULL, kind TEXT NOT NULL,
        user_id INTEGER, user_name TEXT NOT NULL, host_id TEXT NOT NULL, host_name TEXT NOT NULL,
        started_at REAL NOT NULL, first_at REAL NOT NULL, last_at REAL NOT NULL, size INTEGER NOT NULL, z BLOB NOT NULL
    )
    """,
    f"CREATE INDEX {CHUNK}_of_segment ON {CHUNK} (session_id, segment, kind)",
    f"""
    CREATE TABLE {RUN} (
        id INTEGER PRIMARY KEY, level INTEGER NOT NULL, state TEXT NOT NULL,
        first INTEGER NOT NULL, last INTEGER NOT NULL, first_at REAL NOT NULL, last_at REAL NOT NULL,
        width INTEGER NOT NULL, catalogue BLOB NOT NULL
    )
    """,
    f"CREATE TABLE {SIGNATURE} (k INTEGER PRIMARY KEY, d BLOB NOT NULL)",
)
# With 4 KiB the file was nearly twice as big and a search half as fast.
_PAGE_SIZE: Final = 16_384
_WAIT_SECONDS: Final = 30.0
_MOST_IDLE: Final = 8


class SqliteStore:
    """A Store on one file. Every context has a connection of its own while it lasts."""

    def __init__(self, path: Path | None = None) -> None:
        self._given = path

    @property
    def _path(self) -> Path:
        return self._given or Path(settings.SEARCH_INDEX_FILE)

    @contextmanager
    def reading(self) -> Iterator[_SqliteStatements]:
        with _connection(self._path) as connection:
            connection.execute("BEGIN")
            try:
                yield _SqliteStatements(connection)
            finally:
                connection.execute("ROLLBACK")

    @contextmanager
    def writing(self, session_id: UUID | None = None) -> Iterator[_SqliteStatements]:  # noqa: ARG002 - one writer at all
        with _connection(self._path) as connection, _transaction(connection):
            yield _SqliteStatements(connection)

    def settling(self) -> AbstractContextManager[_SqliteStatements]:
        return self.writing()

    def changing(self) -> AbstractContextManager[_SqliteStatements]:
        return self.writing()

    @contextmanager
    def maintaining(self, *, wait: bool) -> Iterator[bool]:
        # A file of its own: closing one of SQLite's files would drop SQLite's locks on it.
        descriptor = os.open(f"{self._path}.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                yield False
            else:
                yield True
        finally:
            os.close(descriptor)

    def clear(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self._path}{suffix}").unlink(missing_ok=True)

    def overwrite(self) -> None:
        with _connection(self._path) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


class _SqliteStatements:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, values: Sequence[Value] = ()) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql.replace("%s", "?"), values).fetchall()

    def insert(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Value]]) -> None:
        sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608
        self._connection.executemany(sql, rows)

    def update_blocks(self, blocks: Iterable[tuple[int, bytes]]) -> None:
        sql = f"UPDATE {SIGNATURE} SET d = ? WHERE k = ?"  # noqa: S608
        self._connection.executemany(sql, ((d, k) for k, d in blocks))


class _IdleConnections:
    """Connections that a process keeps: closing the last one of a file would copy its journal, with two syncs."""

    def __init__(self) -> None:
        self._idle: list[_KnownConnection] = []
        # Of the process that this one was forked from: it must neither use nor close them.
        self._inherited: list[object] = []
        self._lock = threading.Lock()
        os.register_at_fork(after_in_child=self._inherit)

    def take(self, path: Path) -> _KnownConnection | None:
        """Return one to the file that is there now: it may have been made anew."""
        file = _file_at(path)
        with self._lock:
            stale = [known for known in self._idle if known.path == path and known.file != file]
            fitting = [known for known in self._idle if known.path == path and known.file == file]
            self._idle = [known for known in self._idle if known.path != path] + fitting[1:]
        for known in stale:
            known.connection.close()
        return fitting[0] if fitting else None

    def give_back(self, known: _KnownConnection) -> None:
        with self._lock:
            self._idle.append(known)
            oldest = self._idle.pop(0) if len(self._idle) > _MOST_IDLE else None
        if oldest is not None:
            oldest.connection.close()

    def _inherit(self) -> None:
        self._lock = threading.Lock()
        self._inherited.append(self._idle)
        self._idle = []


@dataclass(frozen=True, slots=True)
class _KnownConnection:
    connection: sqlite3.Connection
    path: Path
    # (device, inode): neither is used again for another file as long as this one is open.
    file: tuple[int, int] | None


_IDLE: Final = _IdleConnections()


def _file_at(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


@contextmanager
def _connection(path: Path) -> Iterator[sqlite3.Connection]:
    known = _IDLE.take(path)
    if known is None:
        connection = _connect(path)
        known = _KnownConnection(connection, path, _file_at(path))
    try:
        yield known.connection
    except BaseException:
        known.connection.close()
        raise
    _IDLE.give_back(known)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA synchronous = FULL")
        # Of what is forgotten nothing stays in the file's free pages.
        connection.execute("PRAGMA secure_delete = ON")
        _prepare(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Make the tables if the file is new. Raises SearchIndexError for a file of another version."""
    version = _version(connection)
    if version == 0:
        # Only a file without WAL takes another page size.
        connection.execute(f"PRAGMA page_size = {_PAGE_SIZE}")
        _use_wal(connection)
        with _transaction(connection):
            # Another process may have been faster.
            if _version(connection) == 0:
                for statement in _SCHEMA:
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {FORMAT}")
        version = _version(connection)
    if version != FORMAT:
        raise SearchIndexError(
            f"{path} has version {version}, expected {FORMAT}. Run `manage.py rebuild_search_index`."
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
