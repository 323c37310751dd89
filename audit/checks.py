"""What must be right about the database and the identity before anything is kept."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004 Django's name
from django.db import connections

LOCALE_WITHOUT_LETTERS = "audit.E001"
IDENTITY_FOR_OTHERS = "audit.W001"


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


@register(Tags.security)
def check_identity_file(**_unused: Any) -> list[CheckMessage]:
    """Warn about an identity that everybody on this machine may read, and with it every recording."""
    try:
        mode = settings.IDENTITY_FILE.stat().st_mode
    except OSError:
        return []
    if not mode & stat.S_IROTH:
        return []
    hint = f"chmod 600 {settings.IDENTITY_FILE}"
    return [Warning("Everybody on this machine may read BASTION_IDENTITY_FILE.", hint=hint, id=IDENTITY_FOR_OTHERS)]
