"""A segment file that is missing or damaged becomes a gap that everybody can see, and never holds up its recording."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from pytest_django import Settings

from audit.asciicast import decode_events
from audit.events import Event, Output, Resize
from audit.evidence.anchors import OpenAnchor, anchor_open
from audit.models import AuditEvent, RecordingKey, Segment, Session
from audit.recording.directory import has_directory
from audit.recording.key import identities, make_key, recording_key
from audit.recording.reading import iter_lines, read_header, read_segment
from audit.recording.recovery import recover_all
from audit.recording.segment import SegmentFacts, facts_of
from audit.recording.shipping import ClosedSegment, Encoded, _encode_once, encoded_path_of, ship_segment
from audit.replay import replay_index, replay_segment
from audit.verify import verify_recording
from hosts.models import Host
from tests.crashes import leave, marks_in, shown_in
from tests.recordings import make_host

pytestmark = pytest.mark.django_db(transaction=True)

FIRST: list[Event] = [Output(0.1, "one "), Output(0.4, "two ")]
SECOND: list[Event] = [Output(1.0, "three "), Resize(1.1, 100, 30), Output(1.2, "four ")]
THIRD: list[Event] = [Output(2.0, "five "), Output(2.5, "six")]


@pytest.fixture
def host() -> Host:
    return make_host("web-01")


@pytest.fixture
def left(bob: User, host: Host) -> Path:
    """Three segments of a recorder that died, none of them stored."""
    return leave(bob, host, FIRST, SECOND, THIRD)


def recovered(path: Path) -> Session:
    recover_all()
    session = Session.objects.get(pk=path.name)
    assert (session.state, session.end_reason) == (Session.State.RECOVERED, "recovered")
    assert not has_directory(session.pk)
    return session


def remove(path: Path) -> None:
    path.unlink()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def make_unreadable(path: Path) -> None:
    """Put a directory in its place: root may read any file."""
    path.unlink()
    path.mkdir()


def overwrite(path: Path) -> None:
    path.write_bytes(os.urandom(200).replace(b"\n", b"x") + b"\n")


DAMAGES = [remove, empty, make_unreadable, overwrite]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_middle_segment_becomes_a_gap(left: Path, damage: Callable[[Path], None]) -> None:
    damage(left / "1.cast")

    session = recovered(left)

    assert shown_in(session.pk) == "one two five six"
    (mark,) = marks_in(session.pk)
    assert mark.startswith("gap: ")
    ((start, until, words),) = session.gaps
    assert (start, until, f"gap: {words}") == (0.4, 2.0, mark)
    assert session.has_gaps
    assert [segment.recovered for segment in session.segments.order_by("n")] == [True, True, True]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_first_segment_becomes_a_gap_with_a_header_from_the_row(left: Path, damage: Callable[[Path], None]) -> None:
    damage(left / "0.cast")

    session = recovered(left)

    assert shown_in(session.pk) == "three four five six"
    header = read_header(session)
    assert (header.cols, header.rows, header.title) == (80, 24, "bob on web-01")
    assert session.has_gaps
    assert all(mark.startswith("gap: ") for mark in marks_in(session.pk))


def test_a_last_segment_that_is_garbage_becomes_a_gap_without_an_end(left: Path) -> None:
    overwrite(left / "2.cast")

    session = recovered(left)

    assert shown_in(session.pk) == "one two three four "
    assert [gap[:2] for gap in session.gaps] == [[1.2, None]]
    kept = settings.RECORDINGS_DIR / "torn" / f"{session.pk}-2"
    assert len(kept.read_bytes()) == 201


def test_a_last_segment_that_had_only_begun_is_no_gap(left: Path) -> None:
    empty(left / "2.cast")
    session = recovered(left)
    assert (shown_in(session.pk), session.gaps) == ("one two three four ", [])


def test_events_before_and_after_the_damage_are_kept(left: Path) -> None:
    lines = (left / "1.cast").read_bytes().splitlines(keepends=True)
    (left / "1.cast").write_bytes(lines[0] + b"[1.1,,\n" + lines[2])

    session = recovered(left)

    assert shown_in(session.pk) == "one two three four five six"
    assert [gap[:2] for gap in session.gaps] == [[1.0, 1.2]]
    assert (settings.RECORDINGS_DIR / "torn" / f"{session.pk}-1").read_bytes() == b"[1.1,,\n"


def test_a_recording_of_which_nothing_is_left_is_a_gap_from_end_to_end(bob: User, host: Host) -> None:
    path = leave(bob, host, [])
    (path / "0.cast").unlink()
    session = recovered(path)
    assert [gap[:2] for gap in session.gaps] == [[0.0, None]]
    assert session.segments.count() == 1


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("n", [0, 1, 2])
def test_what_is_left_replays_downloads_and_verifies(left: Path, damage: Callable[[Path], None], n: int) -> None:
    damage(left / f"{n}.cast")
    session = recovered(left)

    index = replay_index(session, "keep")
    for part in range(len(index["segments"])):
        assert replay_segment(session, part, "keep")
    lines = b"".join(iter_lines(session)).splitlines()
    assert list(decode_events(lines[1:]))
    assert verify_recording(session).verdict != "altered"


def test_files_with_other_names_are_left_alone(left: Path) -> None:
    for name in ["notes.cast", "-1.cast", "1e3.cast", "99999999.cast", "²6.cast"]:
        (left / name).write_bytes(b"not ours")

    recover_all()

    session = Session.objects.get(pk=left.name)
    assert (shown_in(session.pk), session.gaps) == ("one two three four five six", [])


def test_it_is_not_tried_for_ever(left: Path) -> None:
    overwrite(left / "1.cast")
    first = recovered(left)
    recover_all()
    again = Session.objects.get(pk=first.pk)
    assert (again.events, again.gaps, again.manifest_sha256) == (first.events, first.gaps, first.manifest_sha256)
    assert AuditEvent.objects.filter(session_id=first.pk, action="recording.sealed").count() == 1


# Anchors.


def anchor(path: Path, n: int) -> OpenAnchor:
    content = (path / f"{n}.cast").read_bytes()
    found = OpenAnchor(Session.objects.get(pk=path.name).pk, n, len(content), hashlib.sha256(content).hexdigest())
    anchor_open([found])
    return found


def test_what_reaches_beyond_its_last_anchor_is_no_gap(left: Path) -> None:
    anchor(left, 2)
    with (left / "2.cast").open("ab") as file:
        file.write(b'[3.0,"o","!"]\n[3.1,"o","half')
    session = recovered(left)
    assert (shown_in(session.pk), session.gaps) == ("one two three four five six!", [])


@pytest.mark.parametrize("size", [0, 5, 18, 30])
def test_a_file_that_is_shorter_than_its_last_anchor_was_cut(left: Path, size: int) -> None:
    anchored = anchor(left, 2)
    os.truncate(left / "2.cast", size)

    session = recovered(left)

    ((_, until, words),) = session.gaps
    assert until is None
    assert words.startswith("cut below the last anchor")
    assert str(anchored.length) in words
    assert marks_in(session.pk) == [f"gap: {words}"]


def test_a_file_that_is_gone_with_its_anchor_left_was_cut(left: Path) -> None:
    anchor(left, 2)
    (left / "2.cast").unlink()
    session = recovered(left)
    assert session.gaps[0][2].startswith("cut below the last anchor")
    assert session.segments.count() == 3


def test_a_file_that_differs_from_its_last_anchor_says_so(left: Path) -> None:
    anchor(left, 2)
    (left / "2.cast").write_bytes((left / "2.cast").read_bytes().replace(b"five", b"FIVE"))
    session = recovered(left)
    assert "differs from its last anchor" in session.gaps[0][2]


# Segments that were encoded already, and keys.


def encode(path: Path, n: int, events: list[Event], key: bytes, key_ordinal: int = 0) -> Path:
    """Encode a closed segment beside its file, as a recorder does before it ships it."""
    session = Session.objects.get(pk=path.name)
    facts = facts_of(events, SegmentFacts(n=n, cols=80, rows=24, encoding="utf-8", previous_t=0.0))
    plain = (path / f"{n}.cast").read_bytes()
    kept = encoded_path_of(path / f"{n}.cast")
    _encode_once(session.pk, key, ClosedSegment(facts, plain, key_ordinal=key_ordinal), kept)
    return kept


def become_a_recorder(settings: Settings, tmp_path: Path) -> Callable[[], None]:
    """Know recipients and no identity from here on, until the function that is returned is called."""
    settings.RECIPIENTS = [str(identity.to_public()) for identity in identities()]
    identity_file = settings.IDENTITY_FILE
    settings.IDENTITY_FILE = tmp_path / "none.age"

    def know_again() -> None:
        settings.IDENTITY_FILE = identity_file

    return know_again


@pytest.mark.parametrize("can_read", [True, False])
def test_what_was_encoded_is_shipped_as_it_is(
    left: Path, settings: Settings, tmp_path: Path, *, can_read: bool
) -> None:
    session = Session.objects.get(pk=left.name)
    content = Encoded.from_file(encode(left, 0, FIRST, recording_key(session.pk)).read_bytes()).content
    know_again = become_a_recorder(settings, tmp_path) if not can_read else lambda: None

    session = recovered(left)
    know_again()

    first, *rest = session.segments.order_by("n")
    assert first.object_sha256 == hashlib.sha256(content).hexdigest()
    assert (first.key_ordinal, {segment.key_ordinal for segment in rest}) == (0, {1})
    assert shown_in(session.pk) == "one two three four five six"
    assert session.gaps == []


@pytest.mark.parametrize("can_read", [True, False])
def test_what_another_recovery_encoded_is_never_in_the_way(
    left: Path, settings: Settings, tmp_path: Path, *, can_read: bool
) -> None:
    session = Session.objects.get(pk=left.name)
    forgotten = make_key()
    encode(left, 0, FIRST, forgotten, key_ordinal=1)
    RecordingKey.objects.create(session=session, ordinal=1, wrapped=b"of nobody", commitment="0" * 64)
    overwrite(left / "0.cast")
    know_again = become_a_recorder(settings, tmp_path) if not can_read else lambda: None

    session = recovered(left)
    know_again()

    assert shown_in(session.pk) == "three four five six"
    assert {segment.key_ordinal for segment in session.segments.all()} == {2}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_file_that_is_gone_comes_back_from_what_was_encoded_of_it(left: Path, damage: Callable[[Path], None]) -> None:
    session = Session.objects.get(pk=left.name)
    encode(left, 0, FIRST, recording_key(session.pk))
    damage(left / "0.cast")
    session = recovered(left)
    assert (shown_in(session.pk), session.gaps) == ("one two three four five six", [])


def test_a_machine_without_the_key_goes_on_after_stored_segments(
    left: Path, settings: Settings, tmp_path: Path
) -> None:
    session = Session.objects.get(pk=left.name)
    facts = SegmentFacts(n=0, cols=80, rows=24, encoding="utf-8", previous_t=0.0)
    plain = (left / "0.cast").read_bytes()
    ship_segment(session.pk, recording_key(session.pk), ClosedSegment(facts_of(FIRST, facts), plain))
    know_again = become_a_recorder(settings, tmp_path)

    session = recovered(left)
    know_again()

    assert shown_in(session.pk) == "one two three four five six"
    assert Segment.objects.filter(session=session).count() == 3
    assert session.gaps == []


def test_a_store_that_is_away_costs_one_key_and_no_event(left: Path, settings: Settings, tmp_path: Path) -> None:
    storages: dict[str, Any] = {**settings.STORAGES}
    blocked = tmp_path / "file"
    blocked.touch()
    away = {"BACKEND": "audit.recording.storage.FileObjectStorage", "OPTIONS": {"location": blocked / "x"}}
    settings.STORAGES = {**storages, "recordings": away}
    for _ in range(3):
        recover_all()
    assert has_directory(Session.objects.get(pk=left.name).pk)
    settings.STORAGES = storages

    session = recovered(left)

    assert shown_in(session.pk) == "one two three four five six"
    assert session.keys.count() == 2
    assert read_segment(session.segments.get(n=2))
