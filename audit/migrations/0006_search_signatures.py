"""The search index with signatures in place of pg_trgm and FTS5; what was recorded before is indexed again.

Beat asks for all segments that are not marked as indexed: searches find the old sessions as the workers get there.
"""

import contextlib
import sqlite3
from pathlib import Path

from django.conf import settings
from django.db import migrations

CREATE = (
    # The extension pg_trgm stays: the list of sessions uses it.
    "DROP TABLE IF EXISTS audit_search_passage",
    """
    CREATE TABLE audit_search_chunk (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        session_id uuid NOT NULL, segment integer NOT NULL, kind text NOT NULL,
        user_id integer, user_name text NOT NULL, host_id uuid NOT NULL, host_name text NOT NULL,
        started_at double precision NOT NULL, first_at double precision NOT NULL, last_at double precision NOT NULL,
        size integer NOT NULL, z bytea NOT NULL
    )
    """,
    "CREATE INDEX audit_search_chunk_of_segment ON audit_search_chunk (session_id, segment, kind)",
    """
    CREATE TABLE audit_search_run (
        id bigint PRIMARY KEY, level integer NOT NULL, state text NOT NULL,
        first bigint NOT NULL, last bigint NOT NULL, first_at double precision NOT NULL,
        last_at double precision NOT NULL, width integer NOT NULL, catalogue bytea NOT NULL
    )
    """,
    # Merged runs are deleted: their space is wanted for the next.
    """
    CREATE TABLE audit_search_signature (k bigint PRIMARY KEY, d bytea NOT NULL)
    WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0)
    """,
    # They are compressed already.
    "ALTER TABLE audit_search_chunk ALTER COLUMN z SET STORAGE EXTERNAL",
    "ALTER TABLE audit_search_run ALTER COLUMN catalogue SET STORAGE EXTERNAL",
    "ALTER TABLE audit_search_signature ALTER COLUMN d SET STORAGE EXTERNAL",
)


def create(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for statement in CREATE:
            schema_editor.execute(statement)
    elif is_of_fts5(Path(settings.SEARCH_INDEX_FILE)):
        for suffix in ("", "-wal", "-shm"):
            Path(f"{settings.SEARCH_INDEX_FILE}{suffix}").unlink(missing_ok=True)
    index_again(apps, schema_editor)


def is_of_fts5(path):
    if not path.exists():
        return False
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute("PRAGMA user_version").fetchone()[0] == 1


def index_again(apps, schema_editor):
    """Do what `manage.py rebuild_search_index` does for the text; workers may not run now."""
    sessions = apps.get_model("audit", "Session").objects.filter(deleted_at__isnull=True)
    segments = apps.get_model("audit", "Segment").objects.filter(session__in=sessions)
    segments.update(indexed_at=None)
    sessions.update(index_state=None, index_claimed_until=None, index_error="")


def drop(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for table in ("chunk", "run", "signature"):
            schema_editor.execute(f"DROP TABLE audit_search_{table}")


class Migration(migrations.Migration):
    dependencies = [("audit", "0005_session_list_indexes")]
    operations = [migrations.RunPython(create, drop)]
