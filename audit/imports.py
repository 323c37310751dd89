"""Bringing in recordings that were made by other programs, and opening them for the commands on the command line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from audit import ledger
from audit.asciicast import Cast, CastError, Header, read_cast
from audit.events import Event, Output
from audit.evidence.signer import SigningUnavailableError
from audit.models import Session
from audit.recording.importing import store_imported
from audit.recording.key import KeyUnavailableError, make_key, new_recording_key
from audit.recording.seal import manifest_name, seal_recording, wrapped_key_name
from audit.recording.storage import StorageError, delete_object
from hosts.models import Host


class ImportFailedError(Exception):
    """A recording could not be imported; nothing of it was kept. The message is for people."""


@dataclass(frozen=True)
class Imported:
    """What an import gave. `is_torn` says that the file broke off within an event, which was left out."""

    session: Session
    events: int
    is_torn: bool


@dataclass(frozen=True)
class _Survey:
    """What reading the file once tells: it is whole, or torn at its end, and nothing in it is wrong."""

    header: Header
    events: int
    is_torn: bool


@contextmanager
def open_cast(path: Path) -> Iterator[Cast]:
    """Open an asciicast file. Raises ImportFailedError if it cannot be read or is none, also while it is consumed."""
    try:
        with path.open("rb") as stream:
            yield read_cast(stream)
    except BrokenPipeError:
        # Not of this file: whoever read our output went away.
        raise
    except OSError as error:
        raise ImportFailedError(f"{path}: {error.strerror or error}") from error
    except CastError as error:
        raise ImportFailedError(f"{path}: {error}") from error


def import_cast(path: Path, host: Host, user: User, imported_by: str) -> Imported:
    """Store a recording as a session of `user` on `host`, marked as imported. Raises ImportFailedError."""
    with open_cast(path) as cast:
        survey = _survey(cast)
    if not survey.events:
        raise ImportFailedError(f"{path}: there is not one whole event in it")
    key = make_key()
    try:
        session = _make_session(key, survey.header, host, user)
    except KeyUnavailableError as error:
        raise ImportFailedError(str(error)) from error
    try:
        with open_cast(path) as cast:
            store_imported(session, key, survey.header, cast.events)
        _conclude(session, path.name, imported_by)
    except (ImportFailedError, StorageError, SigningUnavailableError, OSError) as error:
        _remove(session)
        raise ImportFailedError(str(error)) from error
    return Imported(session, survey.events, survey.is_torn)


def _survey(cast: Cast) -> _Survey:
    """Read all events, so that nothing is stored of a file that is wrong somewhere."""
    header, count = cast.header, 0
    for event in cast.events:
        count += 1
        if not _is_encodable(event, header.encoding):
            header = replace(header, encoding="utf-8")
    return _Survey(header, count, cast.torn)


def _is_encodable(event: Event, encoding: str) -> bool:
    if not isinstance(event, Output) or event.exact is not None:
        return True
    try:
        event.text.encode(encoding)
    except UnicodeError:
        return False
    return True


def _make_session(key: bytes, header: Header, host: Host, user: User) -> Session:
    started_at = datetime.fromtimestamp(header.timestamp, UTC) if header.timestamp is not None else timezone.now()
    session = Session(
        user=user,
        user_name=user.get_username(),
        host=host,
        host_name=host.name,
        encoding=header.encoding,
        # Not over yet, and on no node: neither the indexer nor recovery may conclude anything from it.
        state=Session.State.ENDED,
        started_at=started_at,
        cols=header.cols,
        rows=header.rows,
    )
    wrapped = new_recording_key(session.pk, 0, key)
    with transaction.atomic():
        session.save()
        wrapped.save()
    return session


def _conclude(session: Session, file_name: str, imported_by: str) -> None:
    """Say how it came here and seal it: what was brought in is provable from this moment on."""

    def note_import(session: Session, _state: Session.State) -> None:
        ledger.record_about(
            session,
            ledger.Action.RECORDING_IMPORTED,
            None,
            actor_name=imported_by,
            detail={"file": file_name, "seconds": session.duration, "events": session.events},
        )

    session.refresh_from_db()
    session.ended_at = session.started_at + timedelta(seconds=session.duration)
    session.end_reason = "imported"
    session.end_detail = f"Imported from {file_name} by {imported_by}."[:500]
    session.save(update_fields=["ended_at", "end_reason", "end_detail"])
    seal_recording(session.pk, Session.State.IMPORTED, note_import)
    session.refresh_from_db()


def _remove(session: Session) -> None:
    """Take back what was stored of a recording whose import failed."""
    names = list(session.segments.values_list("object_name", flat=True))
    names += [manifest_name(session.pk), wrapped_key_name(session.pk, 0)]
    session.delete()
    for name in names:
        delete_object(name)
