"""Whether a recording is what was recorded: the chain of hashes, computed again from the stored objects."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import orjson
import zstandard
from django.utils import timezone

from audit.asciicast import CastError, decode_events
from audit.models import Segment, Session
from audit.recording import chain
from audit.recording.key import recording_key
from audit.recording.seal import manifest_name
from audit.recording.shipping import decode_object
from audit.recording.storage import StorageError, load_object
from hosts.vault import VaultError

_WITH_MANIFEST = frozenset({Session.State.SEALED, Session.State.RECOVERED})
_LINKED = ("n", "object_sha256", "plain_sha256", "chain")


class Verdict(StrEnum):
    INTACT = "intact"
    ALTERED = "altered"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Problem:
    """What does not match, in which segment (None: the whole recording). `decides`: whether it proves a change."""

    segment: int | None
    problem: str
    decides: bool = True


@dataclass(slots=True)
class Report:
    """What was checked and found. `chain` is the last link, hex; `is_sealed` whether a manifest binds the end."""

    session_id: UUID
    checked_at: datetime
    is_sealed: bool
    segments: int = 0
    chain: str = ""
    problems: list[Problem] = field(default_factory=list)

    @property
    def verdict(self) -> Verdict:
        if any(problem.decides for problem in self.problems):
            return Verdict.ALTERED
        return Verdict.UNDECIDED if self.problems else Verdict.INTACT


def verify_recording(session: Session) -> Report:
    """Check every stored object, hash, link and fact, and the manifest. Reads the whole recording, a segment at a time.

    An object that is not there counts as altered: it was stored before its row. What cannot be reached or opened is
    undecided. Never raises for what it finds.
    """
    report = Report(session.pk, timezone.now(), is_sealed=session.state in _WITH_MANIFEST)
    key = _key(session, report)
    previous = chain.start(session.pk)
    linked: list[dict[str, Any]] = []
    for expected, segment in enumerate(_segments(session)):
        if segment.n != expected:
            report.problems.append(Problem(expected, f"The segment is missing; the next one is {segment.n}."))
            break
        previous = _check_segment(segment, key, previous, report)
        linked.append({name: getattr(segment, name) for name in _LINKED})
        report.segments += 1
    report.chain = previous.hex()
    if report.is_sealed:
        report.problems += _check_manifest(session, linked, report.chain)
    elif report.segments == 0:
        report.problems.append(Problem(None, "Nothing is stored yet that could be checked.", decides=False))
    return report


def _key(session: Session, report: Report) -> bytes | None:
    try:
        return recording_key(session)
    except VaultError as error:
        text = f"The recording's key cannot be opened, so only the stored objects were checked: {error}"
        report.problems.append(Problem(None, text, decides=False))
        return None


def _segments(session: Session) -> Iterator[Segment]:
    return Segment.objects.filter(session=session).order_by("n").defer("snapshot").iterator(chunk_size=100)


def _check_segment(segment: Segment, key: bytes | None, previous: bytes, report: Report) -> bytes:
    """Append what is wrong to the report; return the link as the stored object gives it."""
    problems: list[Problem] = []
    object_sha256, plain_sha256 = bytes.fromhex(segment.object_sha256), bytes.fromhex(segment.plain_sha256)
    stored = _load(segment.object_name, segment.n, problems)
    if stored is not None:
        object_sha256 = chain.sha256(stored)
        if object_sha256.hex() != segment.object_sha256:
            problems.append(Problem(segment.n, "The stored object is not the one that was stored."))
        plain = _decode(stored, segment, problems)
        if plain is not None and key is not None:
            plain_sha256 = chain.plain_digest(key, segment.n, plain)
            if plain_sha256.hex() != segment.plain_sha256:
                problems.append(Problem(segment.n, "The content is not what was recorded."))
        if plain is not None:
            problems += _check_facts(segment, plain)
    link = chain.link(previous, object_sha256, plain_sha256)
    if link.hex() != segment.chain and not problems:
        problems.append(Problem(segment.n, "The link to the segment before is broken."))
    report.problems += problems
    # Go on from what the row says: one altered segment must not make all that follow look altered.
    return bytes.fromhex(segment.chain)


def _load(name: str, n: int | None, problems: list[Problem]) -> bytes | None:
    try:
        return load_object(name)
    except StorageError as error:
        is_gone = isinstance(error.__cause__, FileNotFoundError)
        text = f"The stored object {name} is gone." if is_gone else f"The stored object cannot be read: {error}"
        problems.append(Problem(n, text, decides=is_gone))
        return None


def _decode(stored: bytes, segment: Segment, problems: list[Problem]) -> bytes | None:
    try:
        return decode_object(stored, segment.plain_bytes)
    except zstandard.ZstdError as error:
        problems.append(Problem(segment.n, f"The stored object cannot be decompressed: {error}."))
        return None


def _check_facts(segment: Segment, plain: bytes) -> Iterator[Problem]:
    """Yield where the row, which lists and replay go by, does not match what was recorded."""
    lines = plain.splitlines(keepends=True)
    events, start, end = 0, 0.0, 0.0
    try:
        for event in decode_events(lines[1:] if segment.n == 0 else lines):
            start = event.t if events == 0 else start
            end = event.t
            events += 1
    except CastError as error:
        yield Problem(segment.n, f"The content is not a recording: {error}")
        return
    # Lines keep microseconds; the row has what the clock said.
    is_in_place = abs(start - segment.start) < 1e-5 and abs(end - segment.end) < 1e-5  # noqa: PLR2004
    if events != segment.events or (events and not is_in_place):
        yield Problem(segment.n, "Its row in the database does not match its content.")


def _check_manifest(session: Session, linked: list[dict[str, Any]], last: str) -> list[Problem]:
    problems: list[Problem] = []
    stored = _load(manifest_name(session.pk), None, problems)
    if stored is None:
        return problems
    if hashlib.sha256(stored).hexdigest() != session.manifest_sha256:
        return [Problem(None, "The manifest is not the one that the recording was sealed with.")]
    try:
        manifest = orjson.loads(stored)
        sealed = [{name: entry[name] for name in _LINKED} for entry in manifest["segments"]]
        is_same = sealed == linked and manifest["chain"] == last and manifest["recording"] == str(session.pk)
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        return [Problem(None, f"The manifest cannot be read: {error!r}")]
    return [] if is_same else [Problem(None, "The segments are not those that the recording was sealed with.")]
