"""The index in the product's own PostgreSQL, with pg_trgm. Tables: audit/migrations/0003."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from audit.access import Scope
from audit.models import Session
from audit.search.passages import StoredPassage, encode_text, encode_times
from audit.search.protocol import Filters, Kind, Page, Passage
from audit.search.query import TRIGRAM, escape_like, fold
from audit.search.statement import COLUMNS, Span, Where, find_page, stored_passage

TABLE = "audit_search_passage"
SCHEMA = (
    "CREATE EXTENSION IF NOT EXISTS pg_trgm",
    f"""
    CREATE TABLE {TABLE} (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        session_id uuid NOT NULL, segment integer NOT NULL, kind text NOT NULL,
        user_id integer, user_name text NOT NULL, host_id uuid NOT NULL, host_name text NOT NULL,
        started_at double precision NOT NULL, first_at double precision NOT NULL, last_at double precision NOT NULL,
        text text NOT NULL, folded text NOT NULL, times bytea NOT NULL
    )
    """,
    f"CREATE INDEX {TABLE}_of_segment ON {TABLE} (session_id, segment, kind)",
    f"CREATE INDEX {TABLE}_of_host ON {TABLE} (host_id, id)",
    f"CREATE INDEX {TABLE}_trigrams ON {TABLE} USING gin (folded gin_trgm_ops)",
)
_INSERT = f"""
    INSERT INTO {TABLE} (session_id, segment, kind, user_id, user_name, host_id, host_name,
        started_at, first_at, last_at, text, folded, times)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""  # noqa: S608


class PostgresqlSearch:
    """A SearchBackend on Django's own connection: indexing commits with the rows that it belongs to."""

    def replace(self, session: Session, segment: int, kind: Kind, passages: Sequence[Passage]) -> None:
        rows = [(encode_text(passage), encode_times(passage), passage) for passage in passages if passage.lines]
        place = (session.pk, segment, kind)
        with transaction.atomic(), connection.cursor() as cursor:
            of_place = f"FROM {TABLE} WHERE session_id = %s AND segment = %s AND kind = %s"
            cursor.execute(f"SELECT text, times {of_place} ORDER BY id", place)
            known = [(text, bytes(times)) for text, times in cursor.fetchall()]
            # What stays the same keeps its place in the order, and in the pages that people hold.
            if known == [(text, times) for text, times, _ in rows]:
                return
            cursor.execute(f"DELETE {of_place}", place)
            cursor.executemany(
                _INSERT,
                [(*place, *_facts(session, passage), text, fold(text), times) for text, times, passage in rows],
            )

    def find(self, scope: Scope, query: str, *, cursor: str | None, limit: int, filters: Filters) -> Page:
        return find_page(_Reader(), scope, query, cursor=cursor, limit=limit, filters=filters, ids=_one_of)

    def forget(self, session_id: UUID) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM {TABLE} WHERE session_id = %s", [session_id])  # noqa: S608


def _facts(session: Session, passage: Passage) -> tuple[Any, ...]:
    started_at = session.started_at.timestamp()
    seconds = [t for t, _ in passage.lines]
    return (
        session.user_id,
        session.user_name,
        session.host_id,
        session.host_name,
        started_at,
        started_at + min(seconds),
        started_at + max(seconds),
    )


def _one_of(column: str, ids: Sequence[UUID]) -> tuple[str, object]:
    return f"{column} = ANY(%s::uuid[])", list(ids)


class _Reader:
    def floor(self, where: Where, highest: int, passages: int) -> int | None:
        sql = f"SELECT p.id FROM {TABLE} p WHERE {where} AND p.id <= %s ORDER BY p.id DESC LIMIT 1 OFFSET %s"  # noqa: S608
        with connection.cursor() as cursor:
            cursor.execute(sql, [*where.values, highest, passages - 1])
            row = cursor.fetchone()
        return row[0] if row else None

    def fetch(self, where: Where, terms: Sequence[str], span: Span, most: int) -> list[StoredPassage]:
        wanted = where.copy()
        wanted.add("p.id BETWEEN %s AND %s", span.lowest, span.highest)
        for term in terms:
            if len(term) < TRIGRAM:
                wanted.add("strpos(p.folded, %s) > 0", term)
            else:
                wanted.add("p.folded LIKE %s", f"%{escape_like(term)}%")
        sql = f"SELECT {COLUMNS} FROM {TABLE} p WHERE {wanted} ORDER BY p.id DESC LIMIT %s"  # noqa: S608
        with connection.cursor() as cursor:
            cursor.execute(sql, [*wanted.values, most])
            return [stored_passage(row) for row in cursor.fetchall()]
