"""Every line of the ledger becomes a leaf of a tree whose root is signed, and never in two ways."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.db import DatabaseError, connection, connections, transaction
from django.test import Client
from django.utils import timezone

from audit import append_only, ledger
from audit.evidence import checkpoints
from audit.evidence.checkpoints import keep_checkpoints, make_checkpoint, parse_checkpoint, why_inconsistent
from audit.evidence.leaves import leaf_of, payload_of
from audit.evidence.nodes import InconsistentLedgerError, root_at, take_up_pending, tree_size
from audit.evidence.notes import parse_note
from audit.evidence.signer import known_vkeys
from audit.ledger import Action
from audit.models import AuditEvent, Checkpoint, LedgerLeaf, LedgerNode, PendingLeaf
from tests.test_merkle_tree import naive_root

pytestmark = pytest.mark.django_db


def write(count: int = 1) -> list[AuditEvent]:
    return [ledger.record(Action.SIGN_OUT, login=None, actor_name=f"person {n}") for n in range(count)]


def leaves() -> list[bytes]:
    """The leaves that the stored lines should have, in the order of the tree."""
    return [leaf_of(leaf.event) for leaf in LedgerLeaf.objects.select_related("event").order_by("position")]


def checkpoint() -> Checkpoint:
    made = make_checkpoint()
    assert made is not None
    return made


@contextmanager
def tampering() -> Iterator[None]:
    """What a database administrator can do."""
    append_only.remove(connection)
    try:
        yield
    finally:
        append_only.install(connection)


def test_a_leaf_is_what_the_specification_of_this_format_says() -> None:
    event = AuditEvent(
        id=7,
        at=datetime(2026, 11, 21, 15, 0, 0, 1234, tzinfo=UTC),
        actor_id=3,
        actor_name="bób",
        action="session.started",
        object_type="session",
        object_id="5c1f",
        object_name="bob → web-01",
        host_id=UUID(int=1),
        address="192.0.2.7",
        detail={"b": 1, "a": [1.5, None]},
        salt=b"s" * 32,
    )
    payload = (
        b'{"action":"session.started","actor_id":3,"actor_name":"b\\u00f3b","address":"192.0.2.7",'
        b'"at":"2026-11-21T15:00:00.001234Z","detail":{"a":[1.5,null],"b":1},'
        b'"host_id":"00000000-0000-0000-0000-000000000001","id":7,"object_id":"5c1f",'
        b'"object_name":"bob \\u2192 web-01","object_type":"session","outcome":"ok","session_id":null}'
    )
    assert payload_of(event) == payload
    digest = hashlib.sha256(b"s" * 32 + payload).hexdigest().encode()
    assert leaf_of(event) == b"bastion-leaf-v1\n7\nsession.started\n2026-11-21T15:00:00.001234Z\n" + digest + b"\n"


def test_every_column_of_a_line_counts() -> None:
    columns = {field.name for field in AuditEvent._meta.concrete_fields}
    assert set(json.loads(payload_of(write()[0]))) == columns - {"salt"}


def test_lines_become_leaves_and_their_root_is_signed() -> None:
    write(5)
    made = checkpoint()
    root = naive_root(leaves())
    assert (made.size, made.root) == (5, root.hex())
    assert parse_checkpoint(made.note.encode(), known_vkeys()) == checkpoints.Head(5, root)
    origin, size, encoded, rest = made.note.split("\n", 3)
    assert (size, base64.b64decode(encoded)) == ("5", root)
    assert origin.startswith("bastion-")
    assert parse_note(made.note.encode()).signatures[0].name == origin
    assert rest.startswith("\n—")
    assert not PendingLeaf.objects.exists()


def test_the_tree_grows_by_what_is_new() -> None:
    sizes = []
    for count in (1, 2, 0, 4, 9, 1):
        write(count)
        sizes.append(checkpoint().size)
        assert root_at(tree_size()) == naive_root(leaves())
    assert sizes == [1, 3, 3, 7, 16, 17]
    assert Checkpoint.objects.count() == 5


def test_without_a_line_there_is_no_checkpoint() -> None:
    assert make_checkpoint() is None


def test_a_line_that_is_taken_back_is_in_no_tree() -> None:
    with transaction.atomic():
        write()
        transaction.set_rollback(True)
    write()
    assert checkpoint().size == 1


@pytest.mark.django_db(transaction=True)
def test_what_may_still_be_taken_back_is_never_signed() -> None:
    with transaction.atomic():
        write()
        with pytest.raises(RuntimeError, match="durable"):
            make_checkpoint()
    assert checkpoint().size == 1


def test_each_line_has_a_salt_of_its_own() -> None:
    salts = {bytes(event.salt) for event in write(3)}
    assert len(salts) == 3
    assert all(len(salt) == 32 for salt in salts)


def test_a_thousand_waiting_lines_are_signed_in_well_under_a_second() -> None:
    write(1000)
    # Of the processor's time, which does not depend on what else runs here.
    begin = time.process_time()
    checkpoint()
    assert time.process_time() - begin < 1.0


def test_more_lines_than_one_batch_are_all_taken_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audit.evidence.nodes.BATCH", 10)
    write(35)
    assert checkpoint().size == 35
    assert root_at(35) == naive_root(leaves())


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
def test_a_line_whose_transaction_took_longer_is_not_left_out() -> None:
    is_written, may_commit = threading.Event(), threading.Event()

    def slow() -> None:
        with transaction.atomic():
            write()
            is_written.set()
            may_commit.wait(30)
        connections.close_all()

    thread = threading.Thread(target=slow)
    thread.start()
    is_written.wait(30)
    write()
    first = checkpoint()
    may_commit.set()
    thread.join()
    assert (first.size, checkpoint().size) == (1, 2)
    later = LedgerLeaf.objects.get(position=1)
    assert later.event_id < LedgerLeaf.objects.get(position=0).event_id


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("machines", [1, 2])
def test_many_at_once_make_one_history(machines: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """On two machines no file lock keeps them apart: the database alone does."""
    if machines > 1:

        @contextmanager
        def no_turns(_name: str, _patience: float = 0.0) -> Iterator[bool]:
            yield True

        monkeypatch.setattr(checkpoints, "turn", no_turns)
        # Each machine remembers what it signed, and a test has one directory for both.
        monkeypatch.setattr(checkpoints, "_remember", lambda _head: None)
    write()
    checkpoint()
    problems: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(8):
                write(3)
                make_checkpoint()
        except BaseException as error:  # noqa: BLE001 the thread's end is the test's business
            problems.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert checkpoint().size == AuditEvent.objects.count() == 97
    assert_one_history()


def assert_one_history() -> None:
    """Every leaf is there once, and every checkpoint is of a beginning of the one tree."""
    found = leaves()
    assert list(LedgerLeaf.objects.order_by("position").values_list("position", flat=True)) == list(range(len(found)))
    assert LedgerLeaf.objects.values("event_id").distinct().count() == len(found)
    for made in Checkpoint.objects.all():
        assert made.root == naive_root(found[: made.size]).hex()
        assert parse_checkpoint(made.note.encode(), known_vkeys()).root.hex() == made.root


STEPS = ["_check_consistency", "_remember", "_store_checkpoint", "finish_rotation"]


@pytest.mark.parametrize("step", STEPS)
def test_what_dies_between_two_steps_is_finished_by_the_next(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_arguments: object) -> None:
        raise SystemExit

    write(3)
    checkpoint()
    write(4)
    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, step, die)
        with pytest.raises(SystemExit):
            make_checkpoint()
    write(2)
    assert checkpoint().size == 9
    assert_one_history()


def test_lines_that_were_taken_up_and_not_signed_are_signed_later() -> None:
    write(3)
    take_up_pending()
    assert not PendingLeaf.objects.exists()
    keep_checkpoints()
    assert Checkpoint.objects.get().size == 3


def test_while_lines_come_in_checkpoints_keep_their_distance() -> None:
    write()
    keep_checkpoints()
    write()
    keep_checkpoints()
    assert [made.size for made in Checkpoint.objects.all()] == [1]
    with tampering():
        Checkpoint.objects.update(at=timezone.now() - checkpoints.SPACING)
    keep_checkpoints()
    assert [made.size for made in Checkpoint.objects.all()] == [2, 1]


def test_a_clock_that_was_set_back_holds_up_no_checkpoint() -> None:
    write()
    checkpoint()
    with tampering():
        Checkpoint.objects.update(at=timezone.now() + timedelta(hours=1))
    write()
    keep_checkpoints()
    assert Checkpoint.objects.count() == 2


def test_where_nothing_is_new_nobody_waits_for_a_lock(django_assert_max_num_queries: Any) -> None:
    write()
    keep_checkpoints()
    with django_assert_max_num_queries(4) as asked:
        keep_checkpoints()
    assert all(query["sql"].startswith("SELECT") for query in asked.captured_queries)


def remove_a_line() -> None:
    last = LedgerLeaf.objects.latest("position")
    LedgerLeaf.objects.filter(pk=last.pk).delete()


def change_the_only_root() -> None:
    LedgerNode.objects.filter(level=3).update(hash=b"x" * 32)


def change_the_checkpoint() -> None:
    Checkpoint.objects.update(root="ab" * 32)


def sign_it_with_another_key() -> None:
    note = Checkpoint.objects.get().note
    Checkpoint.objects.update(note=note[:-90] + "A" * 80 + note[-10:])


def remove_a_node() -> None:
    LedgerNode.objects.filter(level=3).delete()


@pytest.mark.parametrize(
    "tamper",
    [
        remove_a_line,
        change_the_only_root,
        change_the_checkpoint,
        sign_it_with_another_key,
        remove_a_node,
    ],
)
def test_what_contradicts_the_past_is_never_signed(tamper: Callable[[], None], client: Client, valkey: str) -> None:
    write(8)
    checkpoint()
    assert why_inconsistent() == ""
    with tampering():
        tamper()
    assert why_inconsistent()
    if tamper is not remove_a_line:
        write()
    signed = Checkpoint.objects.count()
    with pytest.raises(InconsistentLedgerError):
        make_checkpoint()
    keep_checkpoints()
    assert Checkpoint.objects.count() == signed
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["checks"]["ledger"]["detail"]


def test_a_database_from_an_older_copy_is_noticed_by_the_machine_that_signed_more(client: Client) -> None:
    write(4)
    checkpoint()
    Path(settings.DATA_DIR, checkpoints.STATE).write_text(json.dumps({"size": 9, "root": "ab" * 32}))
    write()
    with pytest.raises(InconsistentLedgerError, match="lines are missing"):
        make_checkpoint()
    assert "5 lines" in why_inconsistent()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"size": "x", "root": ""}', '{"size": 0, "root": "ab"}'])
def test_a_damaged_memory_is_a_reason_not_to_sign(content: str) -> None:
    write(1)
    Path(settings.DATA_DIR, checkpoints.STATE).write_text(content)
    with pytest.raises(InconsistentLedgerError):
        make_checkpoint()


def test_lines_that_wait_for_a_minute_degrade_readiness(client: Client, valkey: str) -> None:
    write()
    assert client.get("/readyz").json()["status"] == "ready"
    with tampering():
        AuditEvent.objects.update(at=timezone.now() - 2 * checkpoints.LATE)
    response = client.get("/readyz")
    assert (response.status_code, response.json()["status"]) == (200, "degraded")
    assert "wait for a checkpoint" in response.json()["checks"]["checkpoints"]["detail"]


@pytest.mark.parametrize("table", append_only.TABLES)
def test_the_database_refuses_to_change_the_tree(table: str) -> None:
    write(2)
    checkpoint()
    column = "position" if table == "audit_ledgerleaf" else "id"
    for sql in ("DELETE FROM {table}", "UPDATE {table} SET {column} = {column}"):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql.format(table=table, column=column))
