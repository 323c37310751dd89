"""What must be right about the database before anything is kept in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections

LOCALE_WITHOUT_LETTERS = "audit.E001"


@register(Tags.database)
def check_search_locale(databases: Sequence[str] | None = None, **_unused: Any) -> list[CheckMessage]:
    """Refuse a PostgreSQL locale that knows ASCII letters alone: pg_trgm makes no trigrams of any others."""
    return [
        Error(
            f"The PostgreSQL database {alias!r} has lc_ctype {locale!r}: searches for text that is not ASCII would read"
            " everything.",
            hint="Create the database with LC_CTYPE 'C.UTF-8' or another UTF-8 locale.",
            id=LOCALE_WITHOUT_LETTERS,
        )
        for alias in databases or ()
        if (locale := _libc_locale(alias)).upper() in {"C", "POSIX"}
    ]


def _libc_locale(alias: str) -> str:
    """Return lc_ctype where the operating system's library decides about letters; empty elsewhere."""
    connection = connections[alias]
    if connection.vendor != "postgresql":
        return ""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT datctype FROM pg_database WHERE datname = current_database() AND datlocprovider = 'c'",
        )
        row = cursor.fetchone()
    return row[0] if row else ""
