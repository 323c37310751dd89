"""Recorders that die in the middle, and what is left of their recordings."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID, uuid4

from django.contrib.auth.models import User

from audit import sessions
from audit.asciicast import encode_event, encode_header
from audit.events import Event, Marker, Output
from audit.models import Session
from audit.recording.key import make_key, new_recording_key
from audit.recording.reading import iter_events
from audit.recording.recorder import Recorder, open_recording
from audit.recording.recovery import NO_SESSION_SECONDS
from hosts.models import Host
from tests.recordings import web_login


def begin(bob: User, host: Host) -> Recorder:
    """Start a recording as a session does."""
    session_id = uuid4()
    key = make_key()
    session = sessions.new_session(session_id, web_login(bob), host, cols=80, rows=24)
    recorder = open_recording(session_id, key, sessions.header_of(session))
    sessions.save_started(session, new_recording_key(session_id, 0, key), web_login(bob), 1000)
    return recorder


def die(recorder: Recorder) -> Path:
    """Let go of the lock without a word, as kill -9 does. Return the recording's directory."""
    directory = recorder._directory
    directory.release()
    return directory.path


def leave(bob: User, host: Host, *segments: Sequence[Event]) -> Path:
    """Return the directory of a recorder that died with these segments closed, except the last, and none stored."""
    recorder = begin(bob, host)
    path = die(recorder)
    session = Session.objects.get(pk=recorder.session_id)
    for n, events in enumerate(segments):
        header = encode_header(sessions.header_of(session)) if n == 0 else b""
        (path / f"{n}.cast").write_bytes(header + b"".join(map(encode_event, events)))
    return path


def make_old(path: Path) -> None:
    """Make a directory so old that its session's row cannot be on its way."""
    long_ago = time.time() - NO_SESSION_SECONDS - 1
    os.utime(path, (long_ago, long_ago))


def shown_in(session_id: UUID | str) -> str:
    """Return the output of a stored recording."""
    return "".join(event.text for event in iter_events(_session(session_id)) if isinstance(event, Output))


def marks_in(session_id: UUID | str) -> list[str]:
    """Return the labels of the markers in a stored recording."""
    return [event.label for event in iter_events(_session(session_id)) if isinstance(event, Marker)]


def _session(session_id: UUID | str) -> Session:
    return Session.objects.get(pk=session_id)
