from django.db import migrations

from audit.search import postgresql


def create(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    for statement in postgresql.SCHEMA:
        schema_editor.execute(statement)


def drop(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    schema_editor.execute(f"DROP TABLE {postgresql.TABLE}")


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_append_only_ledger")]
    operations = [migrations.RunPython(create, drop)]
