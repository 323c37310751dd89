"""bastion-verify reads PostgreSQL as it reads SQLite, and only reads it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from django.contrib.auth.models import User
from django.db import connection

from audit import append_only, ledger
from audit.models import AuditEvent
from audit.retention.deletion import delete_by_order
from tests.evidence import ALTERED, INTACT, begin, check, copy_storage, seal, sign_ledger

pytestmark = [
    pytest.mark.usefixtures("valkey", "transactional_db"),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="this run is not on PostgreSQL"),
]


def address() -> str:
    """The URL of the test's database."""
    found = connection.get_connection_params()
    place = quote(str(found.get("host", "")), safe="")
    return f"postgresql://{found.get('user', '')}@{place}/{found['dbname']}"


def change(statement: str) -> None:
    append_only.remove(connection)
    with connection.cursor() as cursor:
        cursor.execute(statement)
    append_only.install(connection)


def test_what_nobody_touched_is_intact_and_what_somebody_did_is_named(bob: User, tmp_path: Path) -> None:
    sealed, removed = seal(bob), seal(bob)
    sign_ledger()
    storage = copy_storage(tmp_path / "objects", sealed, removed)
    result = check("--db", address(), storage)
    assert (result.status, result.findings) == (INTACT, [])

    live = begin(bob)
    ledger.record(ledger.Action.SIGN_OUT, login=None, detail={"ratio": 0.1, "nested": {"b": [1, None], "a": "\u4e16"}})
    delete_by_order(sealed.pk, "asked for", "alice")
    sign_ledger()
    assert {verdict for verdict, _, _ in check("--db", address()).findings} == {"unsealed", "deleted"}
    live.segments.all().delete()
    assert check("--db", address()).status == ALTERED
    live.refresh_from_db()

    change(f"DELETE FROM audit_segment WHERE session_id = '{removed.pk}'")  # noqa: S608
    change(f"DELETE FROM audit_recordingkey WHERE session_id = '{removed.pk}'")  # noqa: S608
    change(f"DELETE FROM audit_session WHERE id = '{removed.pk}'")  # noqa: S608
    assert ("missing", str(removed.pk), None) in check("--db", address()).findings

    line = AuditEvent.objects.get(action=ledger.Action.RECORDING_DELETED)
    change(f"UPDATE audit_auditevent SET detail = '{{}}' WHERE id = {line.pk}")  # noqa: S608
    assert f"line {line.pk} of the ledger" in check("--db", address()).words
