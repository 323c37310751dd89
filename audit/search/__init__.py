"""Finding what was on screens and what was typed: `backend()` is the index of this installation."""

from __future__ import annotations

from django.db import connection

from audit.access import Scope
from audit.search.postgresql import PostgresqlSearch
from audit.search.protocol import KINDS, Filters, Hit, Kind, Page, Passage, QueryError, SearchBackend
from audit.search.sqlite import SearchIndexError, SqliteSearch

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
    "SqliteSearch",
    "backend",
]


def backend() -> SearchBackend:
    """Return the index that belongs to the database in use."""
    return PostgresqlSearch() if connection.vendor == "postgresql" else SqliteSearch()
