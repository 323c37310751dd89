"""The ledger only grows, says only what it knows, and keeps what hostile names make of it."""

from __future__ import annotations

import uuid

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from audit import append_only, ledger
from audit.models import AppendOnlyError, AuditEvent
from hosts.inventory import store
from hosts.models import HostGroup
from hosts.signals import announce
from tests.recordings import web_login


def count() -> int:
    return AuditEvent.objects.count()


def test_a_line_says_who_did_what_to_which_object_from_where(bob: User) -> None:
    host_id, session_id = uuid.uuid4(), uuid.uuid4()
    line = ledger.record(
        ledger.Action.RECORDING_VIEWED,
        login=web_login(bob),
        object_type="session",
        object_id=session_id,
        object_name="bob → web-01",
        host_id=host_id,
        session_id=session_id,
        detail={"n": 1},
    )
    line.refresh_from_db()
    assert (line.actor_id, line.actor_name, line.address) == (bob.pk, "bob", "192.0.2.7")
    assert (line.action, line.outcome, line.detail) == ("recording.viewed", "ok", {"n": 1})
    assert (line.object_id, line.host_id, line.session_id) == (str(session_id), host_id, session_id)


def test_a_line_without_a_login_is_the_systems_or_names_a_stranger(db: None) -> None:
    assert ledger.record(ledger.Action.RECORDING_RECOVERED, login=None).actor_id is None
    assert (
        ledger.record(ledger.Action.SIGN_IN_FAILED, login=None, actor_name="eve", outcome="failed").actor_name == "eve"
    )


@pytest.mark.parametrize(("action", "outcome"), [("coffee.made", "ok"), ("sign_out", "perhaps"), ("", "ok")])
def test_actions_and_outcomes_are_closed_sets(db: None, action: str, outcome: str) -> None:
    with pytest.raises(ValueError, match="is not a valid"):
        ledger.record(action, login=None, outcome=outcome)


@pytest.mark.parametrize("text", ["nul\x00", "\ud800", "\r\n\x1b[2J\x9b\x08\u2028\u202e", "x" * 10_000, "名" * 500])
def test_hostile_text_is_kept_and_never_lost(db: None, text: str) -> None:
    line = ledger.record(
        ledger.Action.SIGN_IN_FAILED,
        login=None,
        actor_name=text,
        object_name=text,
        object_id=text,
        object_type=text,
        detail={text: [text, {"deep": (text,)}], "id": uuid.uuid4()},
    )
    line.refresh_from_db()
    assert line.actor_name
    assert len(line.object_name) <= 200


def test_a_stored_line_is_neither_saved_nor_deleted(db: None) -> None:
    line = ledger.record(ledger.Action.SIGN_OUT, login=None)
    line.actor_name = "somebody else"
    with pytest.raises(AppendOnlyError):
        line.save()
    with pytest.raises(AppendOnlyError):
        line.delete()


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE audit_auditevent SET actor_name = 'mallory'",
        "DELETE FROM audit_auditevent",
        "UPDATE audit_auditevent SET id = id",
    ],
)
def test_the_database_refuses_to_change_or_remove_lines(db: None, sql: str) -> None:
    line = ledger.record(ledger.Action.SIGN_OUT, login=None, actor_name="bob")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
    assert AuditEvent.objects.get(pk=line.pk).actor_name == "bob"


def test_the_database_refuses_querysets_alike(db: None) -> None:
    ledger.record(ledger.Action.SIGN_OUT, login=None)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        AuditEvent.objects.update(actor_name="mallory")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        AuditEvent.objects.all().delete()
    assert count() == 1


@pytest.mark.django_db(transaction=True)
def test_tests_that_commit_leave_the_triggers_where_they_were() -> None:
    ledger.record(ledger.Action.SIGN_OUT, login=None)
    call_command("flush", interactive=False, verbosity=0)
    assert count() == 0
    ledger.record(ledger.Action.SIGN_OUT, login=None)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        AuditEvent.objects.all().delete()


def test_triggers_come_back_after_migrations(db: None) -> None:
    append_only.remove(connection)
    call_command("migrate", verbosity=0)
    ledger.record(ledger.Action.SIGN_OUT, login=None)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        AuditEvent.objects.all().delete()


def test_a_change_of_the_inventory_is_a_line_in_the_same_transaction(alice: User) -> None:
    before = count()
    store(HostGroup(name="web servers"), actor=web_login(alice))
    line = AuditEvent.objects.order_by("-id").first()
    assert line is not None
    assert count() == before + 1
    assert (line.action, line.object_type, line.object_name) == ("host_group.created", "host_group", "web servers")
    assert line.actor_name == "alice"


def test_what_the_ledger_cannot_say_does_not_happen(alice: User) -> None:
    def paint() -> None:
        with transaction.atomic():
            HostGroup.objects.create(name="web servers")
            announce("host_group.painted", actor=web_login(alice), object_id="1", object_name="x")

    with pytest.raises(ValueError, match="is not a valid"):
        paint()
    assert not HostGroup.objects.exists()


def test_every_change_of_the_inventory_has_its_word() -> None:
    kinds = ["host_group", "credential", "user", "group"]
    words = {f"{kind}.{verb}" for kind in kinds for verb in ("created", "changed", "deleted")}
    words |= {"host.created", "host.changed", "host.retired", "host_key.pinned", "host_key.unpinned"}
    words |= {"grant.created", "grant.revoked", "token.created", "token.revoked"}
    assert words <= {action.value for action in ledger.Action}
