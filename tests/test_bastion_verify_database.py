"""bastion-verify on a whole installation: its ledger, its rows, its storage, and what was remembered elsewhere."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from audit import ledger
from audit.events import Output
from audit.evidence.anchors import OpenAnchor, anchor_closed, anchor_open
from audit.evidence.notes import sign
from audit.evidence.rotation import rotate_signing_key
from audit.evidence.signer import current_signer, known_vkeys
from audit.ledger import record_about
from audit.models import AuditEvent, Session
from audit.retention.deletion import delete_by_order
from tests.evidence import (
    ALTERED,
    DELETED,
    INTACT,
    MISSING,
    UNDECIDED,
    UNSEALED,
    Result,
    begin,
    check,
    copy_database,
    copy_storage,
    folder_of,
    seal,
    sign_ledger,
)

pytestmark = [
    pytest.mark.usefixtures("valkey"),
    pytest.mark.skipif(connection.vendor != "sqlite", reason="changes a copy of the database's file"),
]


@pytest.fixture
def sessions(bob: User) -> list[Session]:
    """Two sealed recordings, all of the ledger signed."""
    found = [seal(bob), seal(bob)]
    sign_ledger()
    return found


@pytest.fixture
def storage(sessions: list[Session], tmp_path: Path) -> Path:
    return copy_storage(tmp_path / "objects", *sessions)


def check_copy(tmp_path: Path, *arguments: object, statements: tuple[str, ...] = ()) -> Result:
    path = tmp_path / "copy.sqlite3"
    path.unlink(missing_ok=True)
    return check("--db", copy_database(path, *statements), *arguments)


def where(session: Session) -> str:
    return f"session_id = '{session.pk.hex}'"


def test_an_installation_that_nobody_touched_is_intact(sessions: list[Session], storage: Path, tmp_path: Path) -> None:
    result = check_copy(tmp_path, storage)
    assert (result.status, result.findings) == (INTACT, [])
    assert check_copy(tmp_path).status == INTACT


@pytest.mark.parametrize(
    "change",
    [
        "actor_name = 'eve'",
        "detail = json_set(detail, '$.chain', 'ab')",
        "at = '2026-01-01 00:00:00'",
        "action = 'session.ended'",
        "session_id = NULL",
        "salt = zeroblob(32)",
        "detail = 'not json'",
        "at = 'never'",
    ],
)
def test_a_line_that_was_changed_is_named(sessions: list[Session], storage: Path, tmp_path: Path, change: str) -> None:
    line = AuditEvent.objects.get(session_id=sessions[0].pk, action=ledger.Action.RECORDING_SEALED)
    statement = f"UPDATE audit_auditevent SET {change} WHERE id = {line.pk}"
    result = check_copy(tmp_path, storage, statements=(statement,))
    assert result.status == ALTERED
    assert f"line {line.pk} of the ledger" in result.words


def test_a_line_that_was_removed_or_slipped_in_is_named(sessions: list[Session], tmp_path: Path) -> None:
    last = AuditEvent.objects.latest("pk").pk
    assert (
        f"line {last} " in check_copy(tmp_path, statements=(f"DELETE FROM audit_auditevent WHERE id = {last}",)).words
    )
    copied = (
        "INSERT INTO audit_auditevent SELECT 999, at, actor_id, 'eve', action, object_type, object_id, object_name,"
    )
    copied += f" host_id, session_id, address, outcome, detail, salt FROM audit_auditevent WHERE id = {last}"
    result = check_copy(tmp_path, statements=(copied,))
    assert result.status == ALTERED
    assert "line 999 " in result.words


def test_who_changes_the_line_and_its_hash_contradicts_the_checkpoint(sessions: list[Session], tmp_path: Path) -> None:
    result = check_copy(
        tmp_path, statements=("UPDATE audit_ledgernode SET hash = zeroblob(32) WHERE level = 0 AND position = 1",)
    )
    assert result.status == ALTERED
    assert "not the one that was signed" in result.words


def test_lines_that_are_not_signed_yet_are_said_to_be_open(
    sessions: list[Session], storage: Path, tmp_path: Path, bob: User
) -> None:
    ledger.record(ledger.Action.SIGN_OUT, login=None, actor_name="bob")
    result = check_copy(tmp_path, storage)
    assert result.status == UNSEALED
    assert "last 1 lines" in result.words


def test_without_a_checkpoint_nothing_is_decided(sessions: list[Session], tmp_path: Path) -> None:
    assert check_copy(tmp_path, statements=("DELETE FROM audit_checkpoint",)).status == UNDECIDED
    stranger = "bastion-00000000+3f3f4be5+AUTc7Qqm5bkHPpFBWzdjAbwXHn2gSXhqgBkYVX1IFUVL"
    assert check_copy(tmp_path, "--key", stranger).status == UNDECIDED


def test_a_checkpoint_that_was_kept_elsewhere_shows_that_the_machine_was_rolled_back(
    bob: User, sessions: list[Session], tmp_path: Path
) -> None:
    """Yesterday's copy of everything, with today's checkpoint outside of it."""
    yesterday = copy_database(tmp_path / "yesterday.sqlite3")
    before = sign_ledger().note
    seal(bob)
    today = tmp_path / "today"
    today.write_text(before + sign_ledger().note)
    result = check("--db", yesterday, "--checkpoint", today)
    assert result.status == ALTERED
    assert "rolled back" in result.words
    assert check_copy(tmp_path, "--checkpoint", today).status == INTACT


def test_a_ledger_that_was_written_anew_with_the_real_key_contradicts_an_older_checkpoint(
    sessions: list[Session], tmp_path: Path
) -> None:
    origin, size, root = sign_ledger().note.split("\n")[:3]
    # Not the last digit: its low bits must be zero, or it is no base64.
    other = f"{'B' if root[0] == 'A' else 'A'}{root[1:]}"
    kept = tmp_path / "kept"
    kept.write_bytes(bytes(sign(f"{origin}\n{size}\n{other}\n", current_signer())))
    result = check_copy(tmp_path, "--checkpoint", kept)
    assert result.status == ALTERED
    assert "not the one that was signed" in result.words


def test_a_checkpoint_of_another_installation_decides_nothing(sessions: list[Session], tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_bytes(bytes(sign(f"another\n3\n{'A' * 43}=\n", current_signer())))
    assert check_copy(tmp_path, "--checkpoint", kept).status == UNDECIDED


def test_a_recording_that_was_removed_with_its_rows_is_missing(
    sessions: list[Session], storage: Path, tmp_path: Path
) -> None:
    gone = sessions[0]
    shutil.rmtree(folder_of(storage, gone))
    rows = tuple(f"DELETE FROM {table} WHERE {where(gone)}" for table in ("audit_segment", "audit_recordingkey"))
    rows += (f"DELETE FROM audit_session WHERE id = '{gone.pk.hex}'",)
    result = check_copy(tmp_path, storage, statements=rows)
    assert (result.status, result.findings) == (MISSING, [("missing", str(gone.pk), None)])


def test_a_recording_whose_files_were_removed_is_missing(
    sessions: list[Session], storage: Path, tmp_path: Path
) -> None:
    shutil.rmtree(folder_of(storage, sessions[1]))
    result = check_copy(tmp_path, storage)
    assert (result.status, result.findings) == (MISSING, [("missing", str(sessions[1].pk), None)])


def test_marking_it_as_deleted_does_not_hide_that_it_is_missing(
    sessions: list[Session], storage: Path, tmp_path: Path
) -> None:
    shutil.rmtree(folder_of(storage, sessions[1]))
    marked = f"UPDATE audit_session SET deleted_at = '2026-11-20 00:00:00' WHERE id = '{sessions[1].pk.hex}'"
    assert check_copy(tmp_path, storage, statements=(marked,)).status == MISSING


def test_a_recording_that_was_deleted_under_a_policy_is_said_to_be(sessions: list[Session], tmp_path: Path) -> None:
    delete_by_order(sessions[0].pk, "asked for", "alice")
    sign_ledger()
    storage = copy_storage(tmp_path / "objects", *sessions)
    result = check_copy(tmp_path, storage)
    assert (result.status, result.findings) == (DELETED, [("deleted", str(sessions[0].pk), None)])
    (folder_of(storage, sessions[0]) / "manifest.note").unlink()
    assert check_copy(tmp_path, storage).status == MISSING


def test_a_line_of_the_deletion_that_is_not_signed_yet_proves_no_deletion(
    sessions: list[Session], storage: Path, tmp_path: Path
) -> None:
    """Whoever can write the database can write such a line; only the signing key makes it count."""
    gone = sessions[1]
    shutil.rmtree(folder_of(storage, gone))
    record_about(gone, ledger.Action.RECORDING_DELETED, None, {"under": "nothing"})
    result = check_copy(tmp_path, storage)
    assert result.status in {UNDECIDED, MISSING}
    assert ("undecided", str(gone.pk), None) in result.findings


def test_a_second_seal_in_the_ledger_is_not_believed(sessions: list[Session], storage: Path, tmp_path: Path) -> None:
    record_about(sessions[0], ledger.Action.RECORDING_SEALED, None, {"manifest_sha256": "ab" * 32})
    sign_ledger()
    result = check_copy(tmp_path, storage)
    assert (result.status, result.findings) == (ALTERED, [("altered", str(sessions[0].pk), None)])


def test_lines_that_are_unsigned_for_long_are_undecided(
    sessions: list[Session], storage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.record(ledger.Action.SIGN_OUT, login=None)
    later = timezone.now() + timedelta(hours=1)
    monkeypatch.setattr(timezone, "now", lambda: later)
    ledger.record(ledger.Action.SIGN_OUT, login=None)
    assert check_copy(tmp_path, storage).status == UNDECIDED


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("audit_segment", "chain = object_sha256"),
        ("audit_segment", "plain_bytes = 1"),
        ("audit_segment", "object_name = 'elsewhere'"),
        ("audit_segment", "stored_bytes = 'many'"),
        ("audit_segment", "recovered = 1"),
    ],
)
def test_a_row_that_is_not_what_was_sealed_is_named(
    sessions: list[Session], storage: Path, tmp_path: Path, table: str, change: str
) -> None:
    statement = f"UPDATE {table} SET {change} WHERE {where(sessions[0])} AND n = 1"
    result = check_copy(tmp_path, storage, statements=(statement,))
    assert result.status == ALTERED
    assert {recording for _, recording, _ in result.findings} == {str(sessions[0].pk)}
    assert result.segments & {None, 1}


@pytest.mark.parametrize("column", ["user_name", "host_name"])
def test_a_row_that_names_somebody_else_is_named(
    sessions: list[Session], storage: Path, tmp_path: Path, column: str
) -> None:
    statement = f"UPDATE audit_session SET {column} = 'eve' WHERE id = '{sessions[0].pk.hex}'"
    result = check_copy(tmp_path, storage, statements=(statement,))
    assert (result.status, result.findings) == (ALTERED, [("altered", str(sessions[0].pk), None)])


def test_another_manifest_with_a_row_to_match_contradicts_the_ledger(
    sessions: list[Session], storage: Path, tmp_path: Path
) -> None:
    """The real key, a manifest signed anew, and the hash in the row: only the ledger's line is older."""
    session = sessions[0]
    path = folder_of(storage, session) / "manifest.note"
    text = path.read_text().partition("\n\n")[0].replace('"person":"bob"', '"person":"eve"')
    path.write_bytes(bytes(sign(text + "\n", current_signer())))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    statement = f"UPDATE audit_session SET manifest_sha256 = '{digest}' WHERE id = '{session.pk.hex}'"
    result = check_copy(tmp_path, storage, statements=(statement,))
    assert (result.status, {recording for _, recording, _ in result.findings}) == (ALTERED, {str(session.pk)})


def test_a_recording_that_nobody_recorded_is_found(
    bob: User, sessions: list[Session], storage: Path, tmp_path: Path
) -> None:
    shutil.copytree(
        folder_of(storage, sessions[0]), storage / "ab" / "ab000000-0000-4000-8000-000000000000", dirs_exist_ok=True
    )
    assert check_copy(tmp_path, storage).status == ALTERED


def test_a_row_that_the_ledger_does_not_know_is_found_unless_nothing_hangs_on_it(
    bob: User, sessions: list[Session], tmp_path: Path
) -> None:
    columns = ", ".join(str(field.column) for field in Session._meta.concrete_fields if field.column != "id")
    values = f"'ab000000000040008000000000000000', {columns} FROM audit_session LIMIT 1"
    copied = f"INSERT INTO audit_session (id, {columns}) SELECT {values}"
    result = check_copy(tmp_path, statements=(copied,))
    assert (result.status, result.findings) == (
        ALTERED,
        [("altered", "ab000000-0000-4000-8000-000000000000", None)],
    )
    emptied = "UPDATE audit_session SET manifest_sha256 = '', state = 'ended' WHERE id LIKE 'ab0000%'"
    assert check_copy(tmp_path, statements=(copied, emptied)).status == UNSEALED


def test_an_import_that_failed_left_lines_and_nothing_is_missing(
    bob: User, sessions: list[Session], tmp_path: Path
) -> None:
    anchor_closed(sessions[0].pk, 3, "ab" * 32, "cd" * 32)
    line = AuditEvent.objects.latest("pk")
    other = "00000000-0000-4000-8000-000000000000"
    ledger.record(ledger.Action.SESSION_ANCHORED, login=None, session_id=UUID(other), detail={**line.detail, "n": 0})
    sign_ledger()
    assert {recording for _, recording, _ in check_copy(tmp_path).findings} == {str(sessions[0].pk)}


def test_a_session_that_goes_on_is_unsealed(bob: User, tmp_path: Path) -> None:
    session = begin(bob)
    sign_ledger()
    storage = copy_storage(tmp_path / "objects", session)
    result = check_copy(tmp_path, storage)
    assert (result.status, result.findings) == (UNSEALED, [("unsealed", str(session.pk), None)])
    (folder_of(storage, session) / "000002.segment").write_bytes(b"another")
    assert check_copy(tmp_path, storage).findings[-1] == ("altered", str(session.pk), 2)


def test_a_session_that_goes_on_cannot_lose_a_closed_segment(bob: User, tmp_path: Path) -> None:
    session = begin(bob)
    sign_ledger()
    result = check_copy(tmp_path, statements=(f"DELETE FROM audit_segment WHERE {where(session)} AND n = 2",))
    assert (result.status, result.segments) == (ALTERED, {None, 2})


@pytest.fixture
def anchored(bob: User, tmp_path: Path) -> tuple[Session, Path, int]:
    """A session that goes on, the file of its open segment, and how much of that the ledger saw."""
    session = begin(bob, segments=[[Output(0.1, "closed")]])
    path = tmp_path / "open" / str(session.pk) / "1.cast"
    path.parent.mkdir(parents=True)
    lines = b"".join(json.dumps([30.0 + n, "o", f"line {n}"]).encode() + b"\n" for n in range(12))
    path.write_bytes(lines)
    seen = len(lines) * 2 // 3
    digest = hashlib.sha256(lines[:seen]).hexdigest()
    anchor_open([OpenAnchor(session.pk, 1, seen, digest)])
    sign_ledger()
    return session, path, seen


def test_an_open_segment_cut_below_its_anchor_is_altered_and_above_it_unsealed(
    anchored: tuple[Session, Path, int], tmp_path: Path
) -> None:
    session, path, seen = anchored
    lines = path.read_bytes()
    copy = copy_database(tmp_path / "copy.sqlite3")
    for length in range(len(lines) + 1):
        path.write_bytes(lines[:length])
        result = check("--db", copy, "--open", tmp_path / "open")
        assert result.status == (ALTERED if length < seen else UNSEALED), length
    path.write_bytes(b"X" + lines[1:])
    assert ("altered", str(session.pk), 1) in check("--db", copy, "--open", tmp_path / "open").findings
    path.unlink()
    assert check("--db", copy, "--open", tmp_path / "open").status == ALTERED
    path.parent.rmdir()
    assert check("--db", copy, "--open", tmp_path / "open").status == UNDECIDED


def test_a_recording_that_was_sealed_below_its_anchor_is_altered(bob: User, tmp_path: Path) -> None:
    session = begin(bob, segments=[[Output(0.1, "closed")]])
    anchor_open([OpenAnchor(session.pk, 1, 100, "ab" * 32)])
    ended = "UPDATE audit_session SET state = 'ended', manifest_sha256 = 'ab'"
    sign_ledger()
    result = check_copy(tmp_path, statements=(ended,))
    assert ("altered", str(session.pk), 1) in result.findings


def test_recordings_of_all_keys_are_checked_with_all_of_them(bob: User, tmp_path: Path) -> None:
    sessions = [seal(bob)]
    for _ in range(3):
        sign_ledger()
        rotate_signing_key("alice")
        sessions.append(seal(bob))
    sign_ledger()
    storage = copy_storage(tmp_path / "objects", *sessions)
    assert check_copy(tmp_path, storage).status == INTACT
    first = check_copy(tmp_path, storage, "--key", known_vkeys()[0])
    assert first.status == UNDECIDED
    assert {recording for _, recording, _ in first.findings} == {"", *(str(one.pk) for one in sessions[1:])}


def test_what_is_no_database_is_undecided(sessions: list[Session], tmp_path: Path) -> None:
    rubbish = tmp_path / "rubbish"
    rubbish.write_bytes(b"SQLite format 3\x00" + b"\xff" * 5000)
    assert check("--db", rubbish).status == UNDECIDED
    assert check("--db", tmp_path / "nothing").status == UNDECIDED
    with closing(sqlite3.connect(tmp_path / "empty.sqlite3")) as empty:
        empty.execute("CREATE TABLE audit_checkpoint (size, root)")
    assert check("--db", tmp_path / "empty.sqlite3").status == UNDECIDED
    assert check("--db", "postgresql://nobody@127.0.0.1:1/none?connect_timeout=2").status == UNDECIDED
