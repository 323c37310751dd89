"""Finding what was on screens and what was typed: `backend()` is the index of this installation."""

from __future__ import annotations

from django.db import connection

from audit.access import Scope
from audit.search.index import SignatureSearch
from audit.search.postgresql import PostgresqlStore
from audit.search.protocol import (
    KINDS,
    Filters,
    Hit,
    Kind,
    Page,
    Passage,
    QueryError,
    SearchBackend,
    SearchIndexError,
)
from audit.search.sqlite import SqliteStore

__all__ = [
    "KINDS",
    "Filters",
    "Hit",
    "Kind",
    "Page",
    "Passage",
    "QueryError",
    "Scope",
    "SearchBackend",
    "SearchIndexError",
    "SignatureSearch",
    "SqliteStore",
    "backend",
]


def backend() -> SearchBackend:
    """Return the index that belongs to the database in use."""
    return SignatureSearch(PostgresqlStore() if connection.vendor == "postgresql" else SqliteStore())
