"""Indexes for the list of sessions, so that each of its filters finds a page among millions of rows at once."""

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

# What Django has no common word for; on SQLite the list does without.
_TEXTS = ", ".join(
    f"upper({column}::text) gin_trgm_ops"
    for column in ("user_name", "host_name", "account", "end_reason", "end_detail")
)
# Clocks may be set back during a session, and a range must not end before it begins.
_END = "CASE WHEN ended_at < started_at THEN started_at ELSE ended_at END"
# For `q`, a part of any of these. Not fastupdate: who lists must not sort what others inserted. Where the extension
# cannot be had, the list does without, and takes longer for what is not there.
_TEXT_INDEX = f"""
DO $$ BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
    CREATE INDEX session_texts ON audit_session USING gin ({_TEXTS}) WITH (fastupdate = off);
EXCEPTION WHEN insufficient_privilege OR undefined_file OR feature_not_supported THEN
    RAISE NOTICE 'The extension pg_trgm cannot be created: searching the list of sessions will be slow.';
END $$
"""
# For `active_at`.
_TIME_INDEX = f"CREATE INDEX session_open_at ON audit_session USING gist (tstzrange(started_at, {_END}, '[]'))"


def create(_: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        for statement in (_TEXT_INDEX, _TIME_INDEX):
            schema_editor.execute(statement)


def drop(_: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        for name in ("session_texts", "session_open_at"):
            schema_editor.execute(f"DROP INDEX IF EXISTS {name}")


class Migration(migrations.Migration):
    dependencies = [("audit", "0004_evidence")]
    operations = [
        migrations.AddIndex(
            model_name="session",
            index=models.Index(fields=["user_name", "-started_at"], name="session_by_user_name"),
        ),
        migrations.AddIndex(
            model_name="session",
            index=models.Index(fields=["host_name", "-started_at"], name="session_by_host_name"),
        ),
        migrations.RunPython(create, drop),
    ]
