"""bastion-verify on a storage directory finds every change of a sealed recording, and says where it is."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from audit.evidence.signer import known_vkeys
from audit.models import Session
from audit.recording.seal import manifest_name
from tests.evidence import ALTERED, INTACT, UNDECIDED, UNSEALED, begin, check, copy_storage, folder_of, seal

pytestmark = pytest.mark.usefixtures("valkey")


@pytest.fixture
def session(bob: User) -> Session:
    return seal(bob)


@pytest.fixture
def storage(session: Session, tmp_path: Path) -> Path:
    return copy_storage(tmp_path / "objects", session)


def object_of(storage: Path, session: Session, n: int) -> Path:
    return folder_of(storage, session) / f"{n:06d}.segment"


def test_what_nobody_touched_is_intact(storage: Path, session: Session) -> None:
    result = check(storage)
    assert (result.status, result.findings) == (INTACT, [])
    assert check(folder_of(storage, session)).status == INTACT


@pytest.mark.parametrize("n", range(3))
def test_each_flipped_byte_of_an_object_is_found_in_its_segment(storage: Path, session: Session, n: int) -> None:
    keys = ["--key", known_vkeys()[0]]
    path = object_of(storage, session, n)
    content = path.read_bytes()
    for at in range(len(content)):
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        assert check(storage, *keys).findings == [("altered", str(session.pk), n)], at
    path.write_bytes(content)
    assert check(storage, *keys).status == INTACT


@pytest.mark.parametrize("bit", [0, 5])
def test_each_flipped_byte_of_the_manifest_is_found(storage: Path, session: Session, bit: int) -> None:
    keys = ["--key", known_vkeys()[0]]
    path = folder_of(storage, session) / "manifest.note"
    content = path.read_bytes()
    for at in range(len(content)):
        path.write_bytes(content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :])
        result = check(storage, *keys)
        assert (result.status, result.findings) == (ALTERED, [("altered", str(session.pk), None)]), at


@pytest.mark.parametrize("name", ["000000.segment", "000002.segment", "manifest.note"])
def test_a_sealed_recording_that_is_cut_anywhere_is_altered(storage: Path, session: Session, name: str) -> None:
    keys = ["--key", known_vkeys()[0]]
    path = folder_of(storage, session) / name
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        assert check(storage, *keys).status == ALTERED, length
    path.write_bytes(content + b"\n")
    assert check(storage, *keys).status == ALTERED


def test_a_segment_that_is_dropped_is_named(storage: Path, session: Session) -> None:
    object_of(storage, session, 1).unlink()
    assert check(storage).findings == [("altered", str(session.pk), 1)]


def test_segments_that_are_swapped_are_named(storage: Path, session: Session) -> None:
    one, other = object_of(storage, session, 1), object_of(storage, session, 2)
    kept = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(kept)
    assert check(storage).segments == {1, 2}


def test_a_segment_that_is_there_twice_or_was_put_in_is_named(storage: Path, session: Session) -> None:
    shutil.copy(object_of(storage, session, 0), object_of(storage, session, 1))
    assert check(storage).findings == [("altered", str(session.pk), 1)]
    shutil.copy(object_of(storage, session, 0), object_of(storage, session, 3))
    result = check(storage)
    assert result.status == ALTERED
    assert "000003.segment is not in the manifest" in result.words


def test_a_segment_of_another_recording_of_the_same_person_is_named(bob: User, tmp_path: Path) -> None:
    one, other = seal(bob), seal(bob)
    storage = copy_storage(tmp_path / "objects", one, other)
    shutil.copy(object_of(storage, other, 2), object_of(storage, one, 2))
    assert check(storage).findings == [("altered", str(one.pk), 2)]


def test_the_seal_of_another_recording_is_no_seal_of_this_one(bob: User, tmp_path: Path) -> None:
    one, other = seal(bob), seal(bob)
    storage = copy_storage(tmp_path / "objects", one, other)
    shutil.rmtree(folder_of(storage, one))
    shutil.copytree(folder_of(storage, other), folder_of(storage, one))
    result = check(storage)
    assert (result.status, result.findings) == (ALTERED, [("altered", str(one.pk), None)])


def test_a_recovered_recording_and_one_with_a_gap_are_intact_with_a_reservation(bob: User, tmp_path: Path) -> None:
    recovered = seal(bob, state=Session.State.RECOVERED)
    assert check(copy_storage(tmp_path / "recovered", recovered)).status == UNSEALED
    torn = seal(bob, has_gaps=True, gaps=[[3.0, None, "the rest was lost"]])
    result = check(copy_storage(tmp_path / "torn", torn))
    assert result.status == UNSEALED
    assert "gap" in result.words


def test_what_a_storage_alone_cannot_tell_is_undecided(bob: User, session: Session, tmp_path: Path) -> None:
    """A recording that goes on, one that was deleted, one that was sealed before there were signatures; nothing."""
    assert check(copy_storage(tmp_path / "live", begin(bob))).status == UNDECIDED
    storage = copy_storage(tmp_path / "deleted", session)
    for path in folder_of(storage, session).glob("*.segment"):
        path.unlink()
    assert check(storage).status == UNDECIDED
    note = folder_of(storage, session) / "manifest.note"
    note.rename(note.with_name("manifest.json"))
    assert check(storage).status == UNDECIDED
    (tmp_path / "empty").mkdir()
    assert check(tmp_path / "empty").status == UNDECIDED


@pytest.mark.parametrize("name", ["000001.segment", "manifest.note"])
def test_links_pipes_and_directories_are_refused_where_files_are_expected(
    storage: Path, session: Session, name: str
) -> None:
    path = folder_of(storage, session) / name
    kept = path.rename(path.with_name("kept"))
    path.symlink_to(kept)
    assert check(storage).status == ALTERED
    path.unlink()
    os.mkfifo(path)
    assert check(storage).status == ALTERED
    path.unlink()
    path.mkdir()
    assert check(storage).status == ALTERED


def test_a_recording_behind_a_link_is_refused(storage: Path, session: Session) -> None:
    folder = folder_of(storage, session)
    folder.rename(storage / "kept")
    folder.symlink_to(storage / "kept")
    assert check(storage).status == ALTERED


def test_wrapped_keys_and_what_else_lies_around_do_not_matter(storage: Path, session: Session) -> None:
    (storage / manifest_name(session.pk)).with_name("key-0.age").write_bytes(b"another")
    (folder_of(storage, session) / ".000001.segment.partial").write_bytes(b"half")
    assert check(storage).status == INTACT
