"""The index in the product's own PostgreSQL. Tables: audit/migrations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from audit.search.store import CHUNK, RUN, SIGNATURE, Value

# Two numbers make an advisory lock; the first says that it is ours.
_OURS: Final = 0x5EA6
_WRITING: Final = 1
_MAINTAINING: Final = 2
_SESSION: Final = 0x5EA7


class PostgresqlStore:
    """A Store on Django's own connection: what is indexed in a transaction commits with it."""

    @contextmanager
    def reading(self) -> Iterator[_PostgresqlStatements]:
        with connection.cursor() as cursor:
            yield _PostgresqlStatements(cursor)

    @contextmanager
    def writing(self, session_id: UUID) -> Iterator[_PostgresqlStatements]:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_SESSION, str(session_id)])
            cursor.execute("SELECT pg_advisory_xact_lock_shared(%s, %s)", [_OURS, _WRITING])
            yield _PostgresqlStatements(cursor)

    @contextmanager
    def settling(self) -> Iterator[_PostgresqlStatements]:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_OURS, _WRITING])
            yield _PostgresqlStatements(cursor)

    @contextmanager
    def changing(self) -> Iterator[_PostgresqlStatements]:
        with transaction.atomic(), connection.cursor() as cursor:
            yield _PostgresqlStatements(cursor)

    @contextmanager
    def maintaining(self, *, wait: bool) -> Iterator[bool]:
        with transaction.atomic(), connection.cursor() as cursor:
            call = "pg_advisory_xact_lock" if wait else "pg_try_advisory_xact_lock"
            cursor.execute(f"SELECT {call}(%s, %s)", [_OURS, _MAINTAINING])
            yield wait or bool(cursor.fetchone()[0])

    def clear(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {CHUNK}, {RUN}, {SIGNATURE}")

    def overwrite(self) -> None:
        """Leave it to vacuum."""


class _PostgresqlStatements:
    def __init__(self, cursor: CursorWrapper) -> None:
        self._cursor = cursor

    def execute(self, sql: str, values: Sequence[Value] = ()) -> list[tuple[Any, ...]]:
        self._cursor.execute(sql, values)
        return self._cursor.fetchall() if self._cursor.description else []

    def insert(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Value]]) -> None:
        with self._cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)

    def update_blocks(self, blocks: Iterable[tuple[int, bytes]]) -> None:
        self._cursor.executemany(f"UPDATE {SIGNATURE} SET d = %s WHERE k = %s", [(d, k) for k, d in blocks])  # noqa: S608
