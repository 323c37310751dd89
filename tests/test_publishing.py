"""Checkpoints reach a file on another disk; a file that is away, full or hanging holds up nothing and is told about."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from audit import ledger
from audit.evidence import publishing
from audit.evidence.checkpoints import make_checkpoint, parse_checkpoint
from audit.evidence.notes import NoteError
from audit.evidence.publishing import FilePublisher, publish_checkpoints, why_not_published
from audit.evidence.signer import known_vkeys
from audit.ledger import Action
from audit.models import Checkpoint

pytestmark = pytest.mark.django_db


@pytest.fixture
def file(tmp_path: Path, settings: Settings) -> Path:
    path = tmp_path / "checkpoints"
    settings.CHECKPOINT_FILE = path
    return path


def make(count: int = 1) -> None:
    for _ in range(count):
        ledger.record(Action.SIGN_OUT, login=None)
        make_checkpoint()


def sizes_in(file: Path) -> list[int]:
    """The sizes of the whole notes in the file, each verified."""
    text = file.read_text()
    blocks = [block for block in text.split("\n\n") if block.strip()]
    notes = [f"{text}\n\n{signatures}\n" for text, signatures in zip(blocks[::2], blocks[1::2], strict=True)]
    return [parse_checkpoint(note.encode(), known_vkeys()).size for note in notes]


def test_every_checkpoint_is_appended(file: Path) -> None:
    make(2)
    publish_checkpoints()
    make()
    publish_checkpoints()
    publish_checkpoints()
    assert sizes_in(file) == [1, 2, 3]
    assert file.read_text() == "".join(checkpoint.note + "\n" for checkpoint in Checkpoint.objects.order_by("size"))


def test_without_a_file_nothing_is_published_and_nothing_is_wrong() -> None:
    make()
    publish_checkpoints()
    assert why_not_published() == ""


def test_a_file_that_cannot_be_written_is_told_retried_and_catches_up(
    file: Path, settings: Settings, client: Client, valkey: str
) -> None:
    file.mkdir()
    make(2)
    publish_checkpoints()
    assert "Is a directory" in why_not_published()
    response = client.get("/readyz")
    assert (response.status_code, response.json()["status"]) == (200, "degraded")
    assert str(file) in response.json()["checks"]["checkpoints"]["detail"]
    make()

    file.rmdir()
    publish_checkpoints()
    assert sizes_in(file) == [1, 2, 3]
    assert why_not_published() == ""


def test_a_place_that_has_been_empty_for_long_gets_the_newest(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "MOST_MISSED", 2)
    make(5)
    publish_checkpoints()
    assert sizes_in(file) == [4, 5]


def test_what_a_full_disk_left_of_a_note_spoils_no_other(file: Path) -> None:
    make(2)
    publish_checkpoints()
    whole = file.read_bytes()
    for length in range(1, len(whole)):
        file.write_bytes(whole[:length])
        missed = publishing._missed_by(FilePublisher(file).published())
        FilePublisher(file).publish([checkpoint.note for checkpoint in missed])
        found = [found[0] for found in publishing._WHOLE_NOTE.finditer(file.read_bytes())]
        assert {size for note in found if (size := size_of(note))} == {1, 2}, length


def size_of(note: bytes) -> int | None:
    try:
        return parse_checkpoint(note, known_vkeys()).size
    except NoteError:
        return None


def test_a_place_that_hangs_is_left_alone(
    file: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setattr(publishing, "PATIENCE_SECONDS", 0.2)
    monkeypatch.setattr(publishing._Hanging, "thread", None)
    # Opening a pipe that nobody writes to waits for ever.
    os.mkfifo(file)
    make()
    publish_checkpoints()
    assert "does not answer" in why_not_published()
    hanging = publishing._Hanging.thread
    assert hanging is not None
    publish_checkpoints()
    assert publishing._Hanging.thread is hanging
    os.close(os.open(file, os.O_WRONLY))
    hanging.join(10)
    assert not hanging.is_alive()


def test_a_ledger_that_was_restored_is_published_although_the_file_has_later_ones(file: Path) -> None:
    make(2)
    publish_checkpoints()
    file.write_text(file.read_text() + file.read_text().replace("\n2\n", "\n9\n"))
    make()
    publish_checkpoints()
    assert Checkpoint.objects.get(size=3).note in file.read_text()


def test_another_place_gets_everything_again(file: Path, settings: Settings, tmp_path: Path) -> None:
    make(2)
    publish_checkpoints()
    settings.CHECKPOINT_FILE = tmp_path / "elsewhere"
    publish_checkpoints()
    assert sizes_in(tmp_path / "elsewhere") == [1, 2]
