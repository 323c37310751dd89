"""One at a time: those who decide that a recording is deleted, and those who change what decides it."""

from __future__ import annotations

from typing import Final

from django.db import connection

# Any number that nothing else in the product locks.
_NUMBER: Final = 0x6261_7374_0001


def lock_retention() -> None:
    """Wait for the others, and keep them waiting until the transaction that this is called in ends.

    SQLite's transactions are IMMEDIATE (bastion/settings.py) and are one at a time already.
    """
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_NUMBER])
