from django.db import migrations


class Migration(migrations.Migration):
    """Made a table with a pg_trgm index on PostgreSQL. 0006 replaced it."""

    dependencies = [("audit", "0002_append_only_ledger")]
    operations = []
