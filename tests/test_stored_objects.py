"""The form of stored segments: encrypted, bound to their place, made once and kept until they are stored."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
import zstandard
from django.contrib.auth.models import User

from audit.events import Output
from audit.models import AuditEvent, RecordingKey, Segment, Session
from audit.recording import chain, shipping
from audit.recording.key import KeyUnavailableError, make_key, new_recording_key, recording_key
from audit.recording.objects import ObjectError, decode_object, encode_object
from audit.recording.reading import iter_events, read_segment
from audit.recording.segment import SegmentFacts
from audit.recording.shipping import ClosedSegment, chain_before, encoded_path_of, ship_segment
from audit.recording.storage import StorageError, load_object, recordings_storage, replace_object, store_object
from tests.recordings import make_host, make_session, record_segments

ID = UUID("01234567-89ab-cdef-0123-456789abcdef")
OTHER = UUID("11234567-89ab-cdef-0123-456789abcdef")
KEY = bytes(range(32))
PREVIOUS = b"\x07" * 32
PLAIN = b'[1.0,"o","hunter2 is not to be found"]\n' * 50


def encoded() -> bytes:
    return encode_object(KEY, ID, 3, PREVIOUS, PLAIN)


def decoded(stored: bytes, key: bytes = KEY, session_id: UUID = ID, n: int = 3, previous: bytes = PREVIOUS) -> bytes:
    return decode_object(key, session_id, n, previous, stored, plain_bytes=len(PLAIN))


def test_an_object_is_compressed_and_says_nothing() -> None:
    stored = encoded()
    assert decoded(stored) == PLAIN
    assert stored.startswith(b"bastion-object-v1\n")
    assert len(stored) < len(PLAIN)
    assert b"hunter2" not in stored
    # A nonce of its own for each.
    assert encoded()[18:30] != stored[18:30]


@pytest.mark.parametrize(
    "elsewhere",
    [
        lambda stored: decoded(stored, key=bytes(32)),
        lambda stored: decoded(stored, session_id=OTHER),
        lambda stored: decoded(stored, n=4),
        lambda stored: decoded(stored, previous=bytes(32)),
    ],
    ids=["another key", "another recording", "another segment", "after another segment"],
)
def test_an_object_opens_in_its_place_alone(elsewhere: Callable[[bytes], bytes]) -> None:
    with pytest.raises(ObjectError, match="changed, or belongs elsewhere"):
        elsewhere(encoded())


def test_no_changed_or_cut_object_opens() -> None:
    stored = encoded()
    for position in range(len(stored)):
        changed = bytearray(stored)
        changed[position] ^= 1
        with pytest.raises(ObjectError):
            decoded(bytes(changed))
        with pytest.raises(ObjectError):
            decoded(stored[:position])


def test_an_object_of_the_first_version_is_read() -> None:
    assert decoded(zstandard.ZstdCompressor().compress(PLAIN)) == PLAIN


def test_an_object_that_claims_to_be_huge_is_refused_before_it_takes_memory() -> None:
    bomb = zstandard.ZstdCompressor().compress(bytes(2**26))
    with pytest.raises(ObjectError, match="too long: expected 1950 bytes at most, got 67108864"):
        decoded(bomb)


@pytest.fixture
def session(bob: User, valkey: str) -> Session:
    return make_session(bob, make_host())


def closed(n: int = 0, plain: bytes = PLAIN) -> ClosedSegment:
    facts = SegmentFacts(n=n, cols=80, rows=24, encoding="utf-8", previous_t=0.0, start=1.0, end=1.0, events=1)
    return ClosedSegment(facts, plain)


def key_of(session: Session) -> bytes:
    return recording_key(session.pk)


def overwrite(name: str, content: bytes) -> None:
    path = Path(recordings_storage().path(name))
    path.chmod(stat.S_IRUSR | stat.S_IWUSR)
    path.write_bytes(content)


def test_what_was_recorded_is_nowhere_in_the_store_or_the_database(session: Session) -> None:
    record_segments(session, [Output(1.0, "hunter2")], [Output(31.0, "hunter2 again")])
    for segment in session.segments.all():
        assert b"hunter2" not in load_object(segment.object_name)
        assert b"hunter2" in read_segment(segment)
        assert segment.object_name.endswith(f"{segment.n:06d}.segment")


def test_each_closed_segment_is_anchored_in_the_ledger(session: Session) -> None:
    record_segments(session, [Output(1.0, "one")], [Output(31.0, "two")])
    anchors = AuditEvent.objects.filter(action="session.anchored", session_id=session.pk).order_by("id")
    assert [anchor.detail for anchor in anchors] == [
        {"n": segment.n, "chain": segment.chain, "object_sha256": segment.object_sha256}
        for segment in session.segments.order_by("n")
    ]


def test_a_store_that_fails_gets_the_same_bytes_at_the_next_try(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "0.cast"
    path.write_bytes(PLAIN)
    offered: list[bytes] = []

    def refuse(name: str, content: bytes) -> None:
        offered.append(content)
        raise StorageError("away")

    monkeypatch.setattr(shipping, "store_object", refuse)
    for _ in range(2):
        with pytest.raises(StorageError):
            ship_segment(session.pk, key_of(session), closed(), path=path)
    assert offered[0] == offered[1]
    assert path.exists()
    assert encoded_path_of(path).stat().st_mode & 0o777 == 0o600
    monkeypatch.undo()

    # The answer was lost: the object is there, the row is not.
    store_object(f"{session.pk.hex[:2]}/{session.pk}/000000.segment", offered[0])
    ship_segment(session.pk, key_of(session), closed(), path=path)
    assert read_segment(Segment.objects.get(session=session)) == PLAIN
    assert list(tmp_path.iterdir()) == []


def test_shipping_again_changes_nothing(session: Session, tmp_path: Path) -> None:
    path = tmp_path / "0.cast"
    for _ in range(2):
        path.write_bytes(PLAIN)
        ship_segment(session.pk, key_of(session), closed(), path=path)
        assert not path.exists()
    assert Segment.objects.filter(session=session).count() == 1
    session.refresh_from_db()
    assert session.events == 1


def test_whoever_has_no_key_stores_what_was_encoded_before(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "0.cast"
    path.write_bytes(PLAIN)

    def crash(*_: object) -> None:
        raise OSError("killed")

    monkeypatch.setattr(shipping, "_commit_row", crash)
    with pytest.raises(OSError, match="killed"):
        ship_segment(session.pk, key_of(session), closed(), path=path)
    monkeypatch.undo()
    ship_segment(session.pk, b"", closed(), path=path)
    assert read_segment(Segment.objects.get(session=session)) == PLAIN


def test_an_encoded_file_that_was_damaged_is_made_again(session: Session, tmp_path: Path) -> None:
    path = tmp_path / "0.cast"
    path.write_bytes(PLAIN)
    for damage in (b"", b"{}\n", b'{"object_sha256":"00"}\nx', b"\xff\xff"):
        Segment.objects.all().delete()
        encoded_path_of(path).write_bytes(damage)
        path.write_bytes(PLAIN)
        name = f"{session.pk.hex[:2]}/{session.pk}/000000.segment"
        recordings_storage().delete(name)
        ship_segment(session.pk, key_of(session), closed(), path=path)
        assert read_segment(Segment.objects.get(session=session)) == PLAIN


def test_a_segment_cannot_come_before_the_one_before(session: Session) -> None:
    with pytest.raises(ValueError, match="came before segment 0"):
        ship_segment(session.pk, key_of(session), closed(n=1))


def test_a_recovery_with_a_key_of_its_own_is_not_held_up_by_what_a_crash_left_in_the_store(session: Session) -> None:
    store_object(f"{session.pk.hex[:2]}/{session.pk}/000000.segment", b"of a key that recovery has not got")
    key = make_key()
    new_recording_key(session.pk, 1, key).save()
    segment = closed()
    ship_segment(session.pk, key, ClosedSegment(segment.facts, segment.plain, recovered=True, key_ordinal=1))
    stored = Segment.objects.get(session=session)
    assert (stored.key_ordinal, stored.recovered) == (1, True)
    assert stored.object_name.endswith("/000000.1.segment")
    assert read_segment(stored) == PLAIN


def test_a_chain_over_two_keys_reads_as_one_recording(session: Session) -> None:
    record_segments(session, [Output(1.0, "one")])
    key = make_key()
    new_recording_key(session.pk, 1, key).save()
    plain = b'[31.0,"o","two"]\n'
    facts = closed(n=1).facts
    ship_segment(session.pk, key, ClosedSegment(facts, plain, key_ordinal=1))
    texts = [event.text for event in iter_events(session) if isinstance(event, Output)]
    assert texts == ["one", "two"]
    last = Segment.objects.get(session=session, n=1)
    stored = load_object(last.object_name)
    link = chain.link(chain_before(session.pk, 1), chain.sha256(stored), chain.plain_digest(key, 1, plain))
    assert last.chain == link.hex()


def test_what_is_not_what_was_stored_is_not_shown(session: Session) -> None:
    record_segments(session, [Output(1.0, "true")])
    segment = Segment.objects.get(session=session)
    # Of the first version, which needs no key to make.
    overwrite(segment.object_name, zstandard.ZstdCompressor().compress(b'[1.0,"o","forged"]\n'))
    with pytest.raises(StorageError, match="is not what was stored"):
        read_segment(segment)


def test_without_its_key_nothing_of_a_recording_is_read(session: Session) -> None:
    record_segments(session, [Output(1.0, "one")])
    segment = Segment.objects.get(session=session)
    RecordingKey.objects.filter(session=session).update(wrapped=None)
    with pytest.raises(KeyUnavailableError, match="was deleted"):
        read_segment(segment)


def test_only_wrapped_keys_may_be_replaced(tmp_path: Path) -> None:
    name = f"zz/{tmp_path.name}/key-0.age"
    replace_object(name, b"one")
    replace_object(name, b"two")
    assert load_object(name) == b"two"
    with pytest.raises(ValueError, match="written once"):
        replace_object(f"zz/{tmp_path.name}/000000.segment", b"two")
