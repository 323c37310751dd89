"""bastion-verify on evidence.zip: recording, seal and ledger hang together, or it says what does not."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.contrib.auth.models import User

from audit import ledger
from audit.events import Output
from audit.evidence.notes import parse_note, parse_vkey, sign
from audit.evidence.rotation import rotate_signing_key
from audit.evidence.signer import FileSigner, current_signer, known_vkeys
from audit.export.evidence import bundle
from audit.models import Session
from audit.recording.seal import manifest_name
from audit.viewing import note_download
from tests.evidence import (
    ALTERED,
    INTACT,
    SHORT,
    UNDECIDED,
    UNSEALED,
    check,
    seal,
    sign_ledger,
    unpack,
    verifier,
    write_bundle,
)
from tests.recordings import web_login

pytestmark = pytest.mark.usefixtures("valkey")


@pytest.fixture
def session(bob: User) -> Session:
    return seal(bob)


@pytest.fixture
def archive(session: Session, bob: User, tmp_path: Path) -> Path:
    note_download(session, web_login(bob), "evidence.zip")
    return write_bundle(session, tmp_path / "evidence.zip")


@pytest.fixture
def directory(archive: Path, tmp_path: Path) -> Path:
    return unpack(archive, tmp_path / "unpacked")


def test_a_bundle_is_intact_as_it_comes_and_unpacked(archive: Path, directory: Path) -> None:
    assert (check(archive).status, check(archive).findings) == (INTACT, [])
    assert (check(directory).status, check(directory).findings) == (INTACT, [])


def test_a_recording_of_which_nothing_was_kept_and_a_long_one_are_intact(bob: User, tmp_path: Path) -> None:
    empty = write_bundle(seal(bob, segments=()), tmp_path / "empty.zip")
    assert (check(empty).status, check(empty).findings) == (INTACT, [])
    long = seal(bob, segments=[[Output(n * 30.0, f"line {n} \u4e16\u754c\r\n" * 500)] for n in range(40)])
    assert check(write_bundle(long, tmp_path / "long.zip")).status == INTACT


@pytest.mark.parametrize(
    "name", ["recording.cast", "recording.raw", "salts.json", "ledger/seal.tlog-proof", "ledger/session.jsonl"]
)
def test_each_flipped_byte_of_what_is_signed_is_found(directory: Path, session: Session, name: str) -> None:
    keys = ["--key", known_vkeys()[0]]
    path = directory / name
    content = path.read_bytes()
    # The proof carries the line of the seal once more, for who has only that; nothing relies on it.
    extra = range(content.find(b"extra "), content.find(b"\nindex ")) if name.endswith("proof") else range(0)
    # Every byte of what is short, and of what is mostly hashes every third.
    for at in set(range(0, len(content), 3 if name.endswith("jsonl") else 1)) - set(extra):
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        result = check(directory, *keys)
        # Another key's name or id is that of a key that is not given.
        is_key = name.endswith("proof") and at > content.rfind("\u2014".encode())
        assert result.status == ALTERED or (is_key and result.status == UNDECIDED), (at, result)


def test_the_segment_that_the_plain_recording_differs_in_is_named(directory: Path, session: Session) -> None:
    path = directory / "recording.cast"
    path.write_bytes(path.read_bytes().replace(b"a moment", b"A moment"))
    assert check(directory).findings == [("altered", str(session.pk), 1)]


def test_a_plain_recording_that_is_cut_is_altered(directory: Path) -> None:
    path = directory / "recording.cast"
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        assert check(directory).status == ALTERED, length
    path.write_bytes(content + b'[99.0,"o","more"]\n')
    assert check(directory).status == ALTERED


def test_a_line_of_the_ledger_that_was_changed_is_named(directory: Path) -> None:
    path = directory / "ledger" / "access-log.jsonl"
    line = json.loads(path.read_text())
    event = json.loads(line["payload"])
    line["payload"] = line["payload"].replace("bob", "eve")
    path.write_text(json.dumps(line) + "\n")
    result = check(directory)
    assert result.status == ALTERED
    assert f"line {event['id']} " in result.words


def test_lines_of_another_session_do_not_pass_for_lines_of_this_one(bob: User, directory: Path, tmp_path: Path) -> None:
    other = unpack(write_bundle(seal(bob), tmp_path / "other.zip"), tmp_path / "other")
    shutil.copy(other / "ledger" / "session.jsonl", directory / "ledger" / "session.jsonl")
    assert check(directory).status == ALTERED


def test_a_seal_that_the_ledger_does_not_know_is_altered(bob: User, tmp_path: Path) -> None:
    """The signing key alone is not enough: who has it and signs something else contradicts the ledger."""
    session = seal(bob)
    directory = unpack(write_bundle(session, tmp_path / "evidence.zip"), tmp_path / "unpacked")
    path = directory / "manifest.note"
    text = parse_note(path.read_bytes()).text.replace('"person":"bob"', '"person":"eve"')
    path.write_bytes(bytes(sign(text, current_signer())))
    result = check(directory)
    assert result.status == ALTERED
    assert "another manifest" in result.words


def test_a_set_that_is_consistent_in_itself_but_signed_by_another_key_never_passes(archive: Path) -> None:
    stranger = FileSigner("bastion-00000000", Ed25519PrivateKey.generate())
    result = check(archive, "--key", stranger.vkey())
    assert result.status == UNDECIDED
    assert parse_vkey(known_vkeys()[0]).key_id in result.words


def test_a_manifest_that_only_says_that_the_known_key_signed_it_is_altered(directory: Path) -> None:
    path = directory / "manifest.note"
    text = parse_note(path.read_bytes()).text
    path.write_bytes(bytes(sign(text, FileSigner("bastion-00000000", Ed25519PrivateKey.generate()))))
    assert check(directory).status == ALTERED


def test_an_older_checkpoint_of_the_same_size_is_compared(archive: Path, tmp_path: Path) -> None:
    checkpoint = sign_ledger()
    kept = tmp_path / "checkpoints"
    kept.write_text(checkpoint.note)
    assert check(archive, "--checkpoint", kept).status == INTACT
    origin, size, _ = checkpoint.note.split("\n")[:3]
    other = sign(f"{origin}\n{size}\n{'A' * 43}=\n", current_signer())
    kept.write_bytes(checkpoint.note.encode() + bytes(other))
    result = check(archive, "--checkpoint", kept)
    assert result.status == ALTERED
    assert "two different ledgers" in result.words


def test_recordings_of_each_of_four_keys_are_intact(bob: User, tmp_path: Path) -> None:
    archives = []
    for epoch in range(4):
        archives.append(write_bundle(seal(bob), tmp_path / f"{epoch}.zip"))
        if epoch < 3:
            rotate_signing_key("alice")
    keys = known_vkeys()
    assert len(keys) == 4
    trust = tmp_path / "keys.txt"
    trust.write_text("# those of Example Ltd.\n" + "\n".join(keys) + "\n")
    for epoch, archive in enumerate(archives):
        assert check(archive, "--key", trust).status == INTACT
        assert check(archive, "--key", keys[epoch]).status == INTACT
        assert check(archive, "--key", keys[(epoch + 2) % 4]).status == UNDECIDED


def test_a_recovered_recording_and_an_imported_one_say_so(bob: User, tmp_path: Path) -> None:
    recovered = seal(bob, state=Session.State.RECOVERED)
    assert check(write_bundle(recovered, tmp_path / "recovered.zip")).status == UNSEALED
    imported = seal(bob, state=Session.State.IMPORTED)
    assert check(write_bundle(imported, tmp_path / "imported.zip")).status == INTACT


def remove_the_manifest(directory: Path) -> None:
    (directory / "manifest.note").unlink()


def remove_an_object(directory: Path) -> None:
    (directory / "objects" / "000001.segment").unlink()


def remove_all_objects(directory: Path) -> None:
    shutil.rmtree(directory / "objects")


def add_an_object(directory: Path) -> None:
    shutil.copy(directory / "objects" / "000000.segment", directory / "objects" / "000003.segment")


def remove_the_salts(directory: Path) -> None:
    (directory / "salts.json").write_text(json.dumps({"recording": "", "salts": []}))


def remove_the_recording(directory: Path) -> None:
    (directory / "recording.cast").unlink()


def remove_the_proof(directory: Path) -> None:
    (directory / "ledger" / "seal.tlog-proof").unlink()


def remove_the_lines(directory: Path) -> None:
    (directory / "ledger" / "session.jsonl").unlink()


@pytest.mark.parametrize(
    ("remove", "status"),
    [
        (remove_the_manifest, UNDECIDED),
        (remove_an_object, ALTERED),
        (remove_all_objects, ALTERED),
        (add_an_object, ALTERED),
        (remove_the_salts, ALTERED),
        (remove_the_recording, ALTERED),
        (remove_the_proof, UNDECIDED),
        (remove_the_lines, UNDECIDED),
    ],
)
def test_what_is_missing_in_a_bundle_is_missed(directory: Path, remove: Callable[[Path], None], status: int) -> None:
    remove(directory)
    assert check(directory).status == status


def test_what_was_written_after_the_checkpoint_is_said_to_be_unsigned(
    bob: User, session: Session, tmp_path: Path
) -> None:
    checkpoint = sign_ledger()
    note_download(session, web_login(bob), "evidence.zip")
    archive = tmp_path / "evidence.zip"
    archive.write_bytes(b"".join(bundle(session, checkpoint)))
    assert check(archive).status == UNSEALED


def test_it_says_whose_recording_it_is_as_that_was_signed(
    directory: Path, session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    """The words of a changed README are only words."""
    (directory / "README.txt").write_text("eve on db-01")
    (directory / "extra\x1b[31m.txt").write_text("not ours")
    assert verifier.main([str(directory), "--key", known_vkeys()[0]]) == INTACT
    said = capsys.readouterr().out
    assert f"signed: bob on deploy@{session.host_name}, {session.started_at:%Y-%m-%dT%H:%M}" in said
    unsigned = next(line for line in said.splitlines() if line.startswith("not signed: "))
    assert {"README.txt", "replay.html", "extra\\u001b[31m.txt"} <= set(unsigned[12:].split(", "))


def test_the_bundle_holds_what_the_storage_holds(archive: Path, session: Session) -> None:
    location = Path(settings.STORAGES["recordings"]["OPTIONS"]["location"])
    with zipfile.ZipFile(archive) as file:
        assert file.testzip() is None
        assert file.read("manifest.note") == (location / manifest_name(session.pk)).read_bytes()
        assert file.read("recording.cast").count(b"\n") == 1 + sum(map(len, SHORT)) + 1
        assert b"caf\xe9" in file.read("recording.raw")
        log = [json.loads(json.loads(line)["payload"]) for line in file.read("ledger/access-log.jsonl").splitlines()]
    assert [(line["action"], line["detail"]) for line in log] == [
        (ledger.Action.RECORDING_DOWNLOADED, {"file": "evidence.zip"})
    ]
