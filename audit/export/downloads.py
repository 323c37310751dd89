"""Recordings as files, made while they are sent: memory does not grow with the recording."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal

from django.conf import settings
from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header

from audit.access import may_still_see
from audit.asciicast import encode_event_v3, encode_header, raw_bytes
from audit.events import HiddenInput, Input
from audit.models import Segment, Session
from audit.recording.reading import read_events, read_header, read_segment
from audit.transcript import transcript_of
from hosts.access import Action
from hosts.logins import Login
from hosts.streams import BatchedResponse

CHUNK_BYTES = 64 * 1024
_UNSAFE_IN_NAMES = re.compile(r"[^\w.\-]+")
# Lines of events that say what was typed. In what we write, nothing stands between time and code but a comma.
_INPUT_LINES = re.compile(rb'^\[[^,"]*,"[ih]",[^\n]*\n', re.MULTILINE)


class AccessEndedError(Exception):
    """Access ended during a download: the connection is cut, so that nobody takes the part for the whole."""


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file that a recording can be had as."""

    suffix: str
    content_type: str
    write: Callable[[Session], Iterator[bytes]]


def closed_segments(session: Session) -> Iterator[Segment]:
    """Yield the segments one query at a time: a slow download must not hold a cursor open for hours."""
    n = 0
    while segment := Segment.objects.filter(session=session, n=n).defer("snapshot").first():
        yield segment
        n += 1


def cast_v2(session: Session, *, with_input: bool) -> Iterator[bytes]:
    """Yield the recording as it is stored, asciicast v2; without input, all but what was typed."""
    is_empty = True
    for segment in closed_segments(session):
        is_empty = False
        yield read_segment(segment) if with_input else _INPUT_LINES.sub(b"", read_segment(segment))
    if is_empty:
        yield encode_header(read_header(session))


def cast_v3(session: Session, *, with_input: bool) -> Iterator[bytes]:
    """Yield the recording as asciicast v3, whose times count from the event before."""
    yield encode_header(read_header(session), version=3)
    previous_t = 0.0
    for segment in closed_segments(session):
        for event in read_events(segment):
            if not with_input and isinstance(event, Input | HiddenInput):
                continue
            yield encode_event_v3(event, previous_t)
            previous_t = event.t


def raw(session: Session) -> Iterator[bytes]:
    """Yield what the host sent, byte for byte."""
    for segment in closed_segments(session):
        yield from raw_bytes(read_events(segment), session.encoding)


def transcript(session: Session) -> Iterator[bytes]:
    """Yield the text that was on the screen, UTF-8."""
    for line in transcript_of(session):
        yield line.encode("utf-8", "replace") + b"\n"


def cast(version: Literal["2", "3"], *, with_input: bool) -> Format:
    """Return an asciicast of this version as a kind of file."""
    write = cast_v3 if version == "3" else cast_v2
    return Format("cast", "application/x-asciicast", partial(write, with_input=with_input))


RAW = Format("raw", "application/octet-stream", raw)
TRANSCRIPT = Format("txt", "text/plain; charset=utf-8", transcript)


def download(
    session: Session, login: Login, wanted: Format, *actions: Action, with_content: bool = True
) -> StreamingHttpResponse:
    """Return the file as a response that ends within seconds when access does; without content for HEAD.

    `actions` are what its reader must be allowed beyond seeing the recording. The first part is read before the answer
    begins, so that a recording that cannot be read is an error and not an empty file. Raises StorageError, CastError.
    """
    parts = in_chunks(wanted.write(session)) if with_content else iter(())
    first = next(parts, b"")
    content = guarded(_from_first(first, parts), lambda: may_still_see(login, session.pk, *actions))
    response = BatchedResponse(content if with_content else iter(()), content_type=wanted.content_type)
    response["Content-Disposition"] = content_disposition_header(True, file_name(session, wanted.suffix))
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    return response


def file_name(session: Session, suffix: str) -> str:
    """Return a name that says whose session it was, where and when, and that every file system takes."""
    stem = f"{session.host_name}-{session.user_name}-{session.started_at:%Y%m%dT%H%M%SZ}-{session.pk.hex[:8]}"
    return f"{_UNSAFE_IN_NAMES.sub('_', stem).lstrip('.-')}.{suffix}"


def in_chunks(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Join small parts and cut large ones, so that each is worth sending and none outlives a check for long."""
    pending: list[bytes] = []
    size = 0
    for part in parts:
        pending.append(part)
        size += len(part)
        if size < CHUNK_BYTES:
            continue
        joined = memoryview(b"".join(pending))
        for at in range(0, len(joined), CHUNK_BYTES):
            yield bytes(joined[at : at + CHUNK_BYTES])
        pending, size = [], 0
    if pending:
        yield b"".join(pending)


def guarded(parts: Iterable[bytes], is_allowed: Callable[[], bool]) -> Iterator[bytes]:
    """Yield the parts, asking every settings.RECHECK_SECONDS before the next one. Raises AccessEndedError."""
    checked_at = time.monotonic()
    for part in parts:
        if time.monotonic() - checked_at >= settings.RECHECK_SECONDS:
            if not is_allowed():
                raise AccessEndedError
            checked_at = time.monotonic()
        yield part


def _from_first(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest
