"""Triggers that make the database itself refuse to change or remove lines of the ledger, its tree and checkpoints."""

from __future__ import annotations

from collections.abc import Callable

from django.db.backends.base.base import BaseDatabaseWrapper

TABLES = ("audit_auditevent", "audit_ledgerleaf", "audit_ledgernode", "audit_checkpoint")
REFUSAL = "the ledger is append-only"


def _install_sql(table: str) -> dict[str, list[str]]:
    return {
        "sqlite": [
            f"""
            CREATE TRIGGER IF NOT EXISTS {table}_refuse_{verb} BEFORE {verb.upper()} ON {table}
            BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END
            """
            for verb in ("update", "delete")
        ],
        "postgresql": [
            f"""
            CREATE OR REPLACE FUNCTION {table}_refuse() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'restrict_violation'; END $$
            """,
            f"""
            CREATE OR REPLACE TRIGGER {table}_refuse BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
            FOR EACH STATEMENT EXECUTE FUNCTION {table}_refuse()
            """,
        ],
    }


def _remove_sql(table: str) -> dict[str, list[str]]:
    return {
        "sqlite": [f"DROP TRIGGER IF EXISTS {table}_refuse_{verb}" for verb in ("update", "delete")],
        "postgresql": [
            f"DROP TRIGGER IF EXISTS {table}_refuse ON {table}",
            f"DROP FUNCTION IF EXISTS {table}_refuse()",
        ],
    }


def install(connection: BaseDatabaseWrapper) -> None:
    """Put the triggers in place. May be repeated: SQLite loses them whenever a migration rebuilds the table.

    A table that an earlier migration does not know yet is left out.
    """
    _execute(connection, _install_sql)


def remove(connection: BaseDatabaseWrapper) -> None:
    """Take the triggers away: only for undoing the migration, and for tests that empty their own database."""
    _execute(connection, _remove_sql)


def _execute(connection: BaseDatabaseWrapper, statements: Callable[[str], dict[str, list[str]]]) -> None:
    existing = set(connection.introspection.table_names())
    with connection.cursor() as cursor:
        for table in TABLES:
            for statement in statements(table)[connection.vendor] if table in existing else ():
                cursor.execute(statement)
