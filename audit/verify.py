"""Whether a recording is what was recorded: hashes, links, seal and ledger, computed again from what is stored."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.utils import timezone

from audit import ledger
from audit.asciicast import CastError, decode_events
from audit.evidence import notes
from audit.evidence.checkpoints import parse_checkpoint
from audit.evidence.leaves import leaf_of
from audit.evidence.nodes import InconsistentLedgerError
from audit.evidence.proofs import event_proof
from audit.evidence.signer import known_vkeys
from audit.evidence.tree import leaf_hash, root_of_inclusion
from audit.models import AuditEvent, Segment, Session
from audit.proof import WORDS, proof_of
from audit.recording import chain
from audit.recording.key import KeyUnavailableError, recording_key
from audit.recording.objects import ObjectError, decode_object
from audit.recording.seal import build_manifest, manifest_name, read_manifest
from audit.recording.storage import StorageError, load_object

# Of the manifest and the rows, these agree for ever. A person's row may be gone, and with it the id.
_CHANGING = frozenset({"person_id", "key_id"})


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


@dataclass(frozen=True, slots=True)
class SealSignature:
    """Which key the manifest says it was signed with, and whether it was."""

    key_id: str
    ok: bool


@dataclass(slots=True)
class Report:
    """What was checked and found. `chain` is the last link, hex; `is_sealed` whether a manifest binds the end."""

    session_id: UUID
    checked_at: datetime
    proof: str
    is_sealed: bool
    signature: SealSignature | None = None
    segments: int = 0
    chain: str = ""
    problems: list[Problem] = field(default_factory=list)

    @property
    def verdict(self) -> Verdict:
        if any(problem.decides for problem in self.problems):
            return Verdict.ALTERED
        return Verdict.UNDECIDED if self.problems else Verdict.INTACT

    @property
    def state(self) -> str:
        """What was found, in words for people."""
        words = WORDS[self.proof]
        match self.verdict:
            case Verdict.ALTERED:
                return "Altered. What is stored is not what was recorded."
            case Verdict.UNDECIDED if self.is_sealed and self.signature is None:
                return "Sealed before there were signatures. Nothing contradicts it, and nobody vouches for it."
            case Verdict.UNDECIDED:
                return "It cannot be decided. Something that is needed for the check could not be read."
            case Verdict.INTACT if self.proof == "imported" and not self.is_sealed:
                return "Imported before imports were sealed. It is what came here, and nobody vouches for it."
            case Verdict.INTACT if self.is_sealed:
                return f"{words.title} and verified. {words.text}"
            case Verdict.INTACT:
                return f"{words.title}. {words.text} What is stored so far is what was recorded."


def verify_recording(session: Session) -> Report:
    """Check every stored object, hash, link and fact, the seal, and its line in the ledger, a segment at a time.

    An object that is not there counts as altered: it was stored before its row. Of a deleted recording only the seal
    and the ledger are left to check. What cannot be reached or opened is undecided. Never raises for what it finds.
    """
    # Whatever the row says: what the ledger knows as sealed has a seal to check.
    is_sealed = bool(session.manifest_sha256) or _line(session, ledger.Action.RECORDING_SEALED) is not None
    report = Report(session.pk, timezone.now(), proof_of(session), is_sealed=is_sealed)
    keys = _Keys(session, report)
    previous = chain.start(session.pk)
    for expected, segment in enumerate(_segments(session)):
        if segment.n != expected:
            report.problems.append(Problem(expected, f"The segment is missing; the next one is {segment.n}."))
            break
        if session.deleted_at is None:
            previous = _check_segment(segment, keys.of(segment), previous, report)
            report.segments += 1
        else:
            previous = bytes.fromhex(segment.chain)
    report.chain = previous.hex()
    if report.is_sealed:
        _check_seal(session, report)
    elif report.segments == 0:
        report.problems.append(Problem(None, "Nothing is stored yet that could be checked.", decides=False))
    if session.deleted_at is not None and _line(session, ledger.Action.RECORDING_DELETED) is None:
        report.problems.append(Problem(None, "It is marked as deleted, and the ledger has no entry of that."))
    return report


class _Keys:
    """The keys of a recording; one that cannot be opened is reported once."""

    def __init__(self, session: Session, report: Report) -> None:
        self._session = session
        self._report = report
        self._found: dict[int, bytes | None] = {}

    def of(self, segment: Segment) -> bytes | None:
        ordinal = segment.key_ordinal
        if ordinal not in self._found:
            self._found[ordinal] = self._open(ordinal)
        return self._found[ordinal]

    def _open(self, ordinal: int) -> bytes | None:
        try:
            return recording_key(self._session.pk, ordinal)
        except KeyUnavailableError as error:
            text = f"The recording's key cannot be opened, so only the stored objects were checked: {error}"
            self._report.problems.append(Problem(None, text, decides=False))
            return None


def _segments(session: Session) -> Iterator[Segment]:
    return Segment.objects.filter(session=session).order_by("n").defer("snapshot").iterator(chunk_size=100)


def _check_segment(segment: Segment, key: bytes | None, previous: bytes, report: Report) -> bytes:
    """Append what is wrong to the report; return the link as the row has it."""
    problems: list[Problem] = []
    object_sha256, plain_sha256 = bytes.fromhex(segment.object_sha256), bytes.fromhex(segment.plain_sha256)
    stored = _load(segment.object_name, segment.n, problems)
    if stored is not None:
        object_sha256 = chain.sha256(stored)
        if object_sha256.hex() != segment.object_sha256:
            problems.append(Problem(segment.n, "The stored object is not the one that was stored."))
        plain = _decode(stored, segment, key, previous, problems) if key is not None else None
        if plain is not None and key is not None:
            plain_sha256 = chain.plain_digest(key, segment.n, plain)
            if plain_sha256.hex() != segment.plain_sha256:
                problems.append(Problem(segment.n, "The content is not what was recorded."))
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


def _decode(stored: bytes, segment: Segment, key: bytes, previous: bytes, problems: list[Problem]) -> bytes | None:
    try:
        return decode_object(key, segment.session_id, segment.n, previous, stored, plain_bytes=segment.plain_bytes)
    except ObjectError as error:
        problems.append(Problem(segment.n, f"The stored object cannot be read: {error}"))
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


def _check_seal(session: Session, report: Report) -> None:
    """Check the manifest: its hash, its signature, what it says, and that the ledger has it."""
    name = manifest_name(session.pk)
    stored = _load(name, None, problems := [])
    if stored is None:
        # Before there were signatures, manifests were plain JSON; nobody writes them any more.
        earlier = _load(name.replace(".note", ".json"), None, [])
        if earlier is not None and _digest(earlier) == session.manifest_sha256:
            text = "It was sealed before there were signatures: its hashes fit, but nobody signed them."
            problems = [Problem(None, text, decides=False)]
        report.problems += problems
        return
    if _digest(stored) != session.manifest_sha256:
        report.problems.append(Problem(None, "The manifest is not the one that the recording was sealed with."))
    try:
        note, manifest = read_manifest(stored)
    except notes.NoteError as error:
        report.problems.append(Problem(None, f"The manifest cannot be read: {error}"))
        return
    report.signature = _check_signature(note, str(manifest.get("key_id", "")), report)
    report.problems += _check_manifest(session, manifest)
    report.problems += _check_ledger(session)


def _digest(stored: bytes) -> str:
    return hashlib.sha256(stored).hexdigest()


def _check_signature(note: notes.Note, key_id: str, report: Report) -> SealSignature:
    try:
        signed_by = notes.verify(note, known_vkeys())
    except notes.NoteError as error:
        report.problems.append(Problem(None, f"The manifest's signature does not hold: {error}"))
        return SealSignature(key_id, ok=False)
    is_named = key_id in {key.key_id for key in signed_by}
    if not is_named:
        report.problems.append(Problem(None, "The manifest names another key than the one that signed it."))
    return SealSignature(key_id, ok=is_named)


def _check_manifest(session: Session, manifest: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield where the rows are not what was sealed."""
    rows = build_manifest(session, Session.State(session.state), "")
    # As JSON gives it back: tuples are lists there.
    different = [name for name in rows if name not in _CHANGING and rows[name] != manifest.get(name)]
    if "segments" in different:
        sealed = manifest.get("segments")
        pairs = enumerate(zip(rows["segments"], sealed if isinstance(sealed, list) else [], strict=False))
        found = [n for n, (row, entry) in pairs if row != entry]
        yield Problem(found[0] if found else None, "The segments are not those that the recording was sealed with.")
        different.remove("segments")
    if different:
        names = ", ".join(different)
        yield Problem(None, f"The database does not say what the recording was sealed with: {names}.")


def _check_ledger(session: Session) -> Iterator[Problem]:
    """Yield what is wrong with the ledger's line of the seal. One that waits for its checkpoint is not wrong."""
    line = _line(session, ledger.Action.RECORDING_SEALED)
    if line is None:
        yield Problem(None, "The ledger has no entry that the recording was sealed.")
        return
    if line.detail.get("manifest_sha256") != session.manifest_sha256:
        yield Problem(None, "The ledger says that another manifest was sealed.")
    try:
        proof = event_proof(line)
        if proof is None:
            return
        head = parse_checkpoint(proof.checkpoint.encode(), known_vkeys())
        root = root_of_inclusion(leaf_hash(leaf_of(line)), proof.position, head.size, proof.hashes)
    except (InconsistentLedgerError, notes.NoteError, ValueError) as error:
        yield Problem(None, f"The ledger does not hold together: {error}")
        return
    if root != head.root:
        yield Problem(None, f"The ledger's entry of the seal, line {line.pk}, is not the one that was signed.")


def _line(session: Session, action: ledger.Action) -> AuditEvent | None:
    return AuditEvent.objects.filter(session_id=session.pk, action=action).order_by("pk").first()
