"""Completes a recording from what its recorder left in its directory: stores what is whole, marks what is missing."""

from __future__ import annotations

import errno
import hashlib
import threading
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import structlog
from django.db import transaction
from django.utils import timezone

from audit.asciicast import CastError, decode_events, decode_header, encode_event, encode_header
from audit.evidence.anchors import OpenAnchor, last_anchor
from audit.models import RecordingKey, Segment, Session
from audit.recording.gaps import Gap, note_gap
from audit.recording.key import KeyUnavailableError, make_key, new_recording_key, recording_key
from audit.recording.objects import ObjectError, decode_object
from audit.recording.reading import read_events
from audit.recording.remains import Remains, read_synced
from audit.recording.salvage import Salvaged, salvage
from audit.recording.segment import SegmentFacts, facts_of
from audit.recording.shipping import ClosedSegment, Encoded, chain_before, encoded_path_of, ship_segment
from audit.recording.storage import StorageError
from audit.sessions import header_of

log = structlog.get_logger(__name__)

# A file that answers like this will not do better tomorrow. Anything else (no memory, no descriptors) is tried again.
_HOPELESS = frozenset({errno.ENOENT, errno.EIO, errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.EACCES, errno.EUCLEAN})
# More segments than these in a row are not missing: the file's name is not ours.
_MOST_MISSING = 1000
_MOST_PLAIN_BYTES = 2**28
# How far beyond the age of a session an event may claim to be, should the wall clock have been set back.
_CLOCK_SLACK = timedelta(days=1)


class _RecoveryKeys:
    """New keys, one for each recording that this process completes.

    They are kept until it is sealed: while the store is away, not every try makes another one.
    """

    def __init__(self) -> None:
        self._kept: dict[UUID, tuple[int, bytes]] = {}
        self._lock = threading.Lock()

    def get(self, session_id: UUID) -> tuple[int, bytes]:
        """Return ordinal and key. Raises KeyUnavailableError."""
        with self._lock:
            known = self._kept.get(session_id)
        if known is not None:
            return known
        key = make_key()
        with transaction.atomic():
            last = RecordingKey.objects.filter(session_id=session_id).order_by("-ordinal").first()
            ordinal = last.ordinal + 1 if last else 0
            new_recording_key(session_id, ordinal, key).save(force_insert=True)
        with self._lock:
            self._kept[session_id] = ordinal, key
        return ordinal, key

    def forget(self, session_id: UUID) -> None:
        with self._lock:
            self._kept.pop(session_id, None)


recovery_keys = _RecoveryKeys()


def complete(remains: Remains, session: Session, *, has_died: bool) -> None:
    """Store every segment that is not stored yet; the directory is locked.

    Raises StorageError, KeyUnavailableError, OSError, django.db.Error if that can be tried again.
    """
    _Completion(remains, session, has_died=has_died).run()


class _Completion:
    """One pass over one directory, segment by segment."""

    def __init__(self, remains: Remains, session: Session, *, has_died: bool) -> None:
        self._remains = remains
        self._session = session
        self._has_died = has_died
        self._numbers = remains.numbers()
        self._anchor = last_anchor(session)
        self._stored = Segment.objects.filter(session=session).order_by("n").last()
        self._facts = _facts_after(self._stored, session)
        self._latest = (timezone.now() - session.started_at + _CLOCK_SLACK).total_seconds()
        self._last = self._last_number()

    def run(self) -> None:
        following = self._facts.n
        for n in self._numbers:
            if n < following:
                self._remains.forget(n)
        for n in range(following, self._last + 1):
            self._complete(n)

    def _last_number(self) -> int:
        """Return the number of the last segment that there must have been; less than the next if there is none."""
        last = self._facts.n - 1 if self._stored else 0
        claimed = sorted({*self._numbers, *([self._anchor.n] if self._anchor else [])})
        for n in claimed:
            if n > last + _MOST_MISSING:
                break
            last = max(last, n)
        return last

    def _complete(self, n: int) -> None:
        found = self._salvage(n)
        if not found.plain:
            # Nothing but half an event of a segment that had just begun.
            self._remains.keep_torn(n, found.unreadable)
            self._remains.forget(n)
            return
        for gap in found.gaps:
            note_gap(self._session.pk, gap)
        if found.unreadable:
            self._remains.keep_torn(n, found.unreadable)
        facts = replace(self._facts, n=n)
        lines = found.plain.splitlines(keepends=True)
        facts = facts_of(decode_events(lines[1:] if n == 0 else lines), facts)
        self._ship(ClosedSegment(facts, found.plain, recovered=self._has_died or bool(found.gaps)))
        self._facts = facts.following()

    def _ship(self, segment: ClosedSegment) -> None:
        n = segment.facts.n
        path = self._remains.path(n)
        if self._usable_object(n) is not None:
            # Its key is not needed: the same bytes are stored, under the facts that were kept with them.
            ship_segment(self._session.pk, b"", segment, path=path)
            return
        ordinal, key = recovery_keys.get(self._session.pk)
        ship_segment(self._session.pk, key, replace(segment, key_ordinal=ordinal), path=path)

    def _salvage(self, n: int) -> Salvaged:
        raw = self._read(n)
        found = self._parse(n, raw)
        if (found.gaps or not found.plain) and (kept := self._from_object(n)) is not None:
            raw, found = kept, replace(self._parse(n, kept), unreadable=found.unreadable)
        if found.gaps:
            # What was encoded is not what is left.
            self._remains.keep_object(n)
        return found

    def _parse(self, n: int, raw: bytes | None) -> Salvaged:
        """Return what can be told of a segment's bytes, None for a file that is not there or cannot be read."""
        since, is_last = self._facts.previous_t, n == self._last
        header, body = self._split_header(n, raw or b"")
        found = salvage(body, since, self._latest, is_last=is_last)
        if header is None:
            header = encode_header(header_of(self._session))
            if raw:
                found = _with_gap(found, Gap(0.0, 0.0, "the first line of this recording was damaged"), first=True)
        end = _end_of(found, since)
        if problem := self._problem(n, raw, found, is_last=is_last):
            found = _with_gap(found, Gap(end, None, problem), first=False)
        if not is_last and found.gaps and found.gaps[-1].until is None:
            last = replace(found.gaps[-1], until=self._next_start(n, end))
            found = replace(found, gaps=(*found.gaps[:-1], last))
        return replace(found, plain=header + found.plain)

    def _problem(self, n: int, raw: bytes | None, found: Salvaged, *, is_last: bool) -> str:
        """Say in words what is missing at the end of the segment; empty if nothing is known to be."""
        anchor = self._anchor if self._anchor and self._anchor.n == n else None
        if raw is None and not anchor:
            return f"part {n} of this recording is missing or cannot be read"
        if anchor and len(raw or b"") < anchor.length:
            left = len(raw or b"")
            return f"cut below the last anchor: the ledger knows of {anchor.length} bytes of part {n}, {left} are left"
        if anchor and raw and not found.gaps and not _is_prefix(raw, anchor) and b'"m","gap: ' not in raw:
            return f"part {n} of this recording differs from its last anchor in the ledger"
        if not found.plain and not is_last:
            return f"part {n} of this recording is empty"
        return ""

    def _read(self, n: int) -> bytes | None:
        path = self._remains.path(n)
        try:
            return read_synced(path)
        except OSError as error:
            if error.errno not in _HOPELESS:
                raise
            if error.errno != errno.ENOENT:
                log.warning("segment_unreadable", session=str(self._session.pk), n=n, error=error.strerror)
                self._remains.keep_unreadable(n)
            return self._from_object(n)

    def _split_header(self, n: int, raw: bytes) -> tuple[bytes | None, bytes]:
        if n > 0:
            return b"", raw
        line, newline, body = raw.partition(b"\n")
        try:
            decode_header(line)
        except (CastError, ValueError):
            # Whatever the first line is, it is no header; the lines after it may be whole.
            return None, raw if line.startswith(b"[") else body
        return line + newline, body

    def _usable_object(self, n: int) -> Encoded | None:
        """Return the object that is kept beside the file, if it continues the chain as it is."""
        try:
            kept = Encoded.from_file(encoded_path_of(self._remains.path(n)).read_bytes())
        except (OSError, ValueError, KeyError):
            return None
        return kept if kept.previous_chain == chain_before(self._session.pk, n) else None

    def _from_object(self, n: int) -> bytes | None:
        """Return the segment's bytes from its object, where the file is gone; None without object or key."""
        kept = self._usable_object(n)
        if kept is None:
            return None
        try:
            key = recording_key(self._session.pk, kept.key_ordinal)
            return decode_object(
                key, self._session.pk, n, kept.previous_chain, kept.content, plain_bytes=_MOST_PLAIN_BYTES
            )
        except (KeyUnavailableError, ObjectError):
            return None

    def _next_start(self, n: int, since: float) -> float | None:
        """Return when the first whole event after segment `n` is, None if there is none."""
        for later in (m for m in self._numbers if m > n):
            try:
                body = self._remains.path(later).read_bytes()
            except OSError:
                continue
            found = salvage(body, since, self._latest, is_last=True)
            if found.plain and not found.gaps:
                return next(iter(decode_events(found.plain.splitlines(keepends=True)))).t
        return None


def _with_gap(found: Salvaged, gap: Gap, *, first: bool) -> Salvaged:
    line = encode_event(gap.marker())
    plain = line + found.plain if first else found.plain + line
    return replace(found, plain=plain, gaps=(*found.gaps, gap))


def _end_of(found: Salvaged, since: float) -> float:
    end = since
    for event in decode_events(found.plain.splitlines(keepends=True)):
        end = event.t
    return end


def _is_prefix(raw: bytes, anchor: OpenAnchor) -> bool:
    return hashlib.sha256(raw[: anchor.length]).hexdigest() == anchor.sha256


def _facts_after(stored: Segment | None, session: Session) -> SegmentFacts:
    """Return the empty facts of the segment that comes next."""
    if stored is None:
        return SegmentFacts(n=0, cols=session.cols, rows=session.rows, encoding=session.encoding, previous_t=0.0)
    facts = SegmentFacts(
        n=stored.n, cols=stored.cols, rows=stored.rows, encoding=session.encoding, previous_t=stored.start
    )
    try:
        return facts_of(read_events(stored), facts).following()
    except (KeyUnavailableError, StorageError, CastError):
        # Not to be read here, as where only recipients are known: its size at the end is then the one it began with.
        return replace(facts, n=stored.n + 1, previous_t=stored.end)
