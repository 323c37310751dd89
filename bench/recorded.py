"""Recordings made by the product's own recorder, and indexed by its own indexer: runs inside the product."""

from __future__ import annotations

import math
import resource
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Literal
from uuid import UUID, uuid4

import psutil
from django.contrib.auth.models import User
from django.db.models import Sum
from django.utils import timezone

from audit.events import Event
from audit.indexing.indexer import index_session
from audit.models import Session
from audit.recording.key import make_key, new_recording_key
from audit.recording.recorder import Outcome, open_recording
from audit.search import Kind, Passage, backend
from audit.sessions import header_of
from bench import recordings
from hosts.models import Host


@dataclass
class Inserted:
    """What was put into the search index: CPU seconds for it, and for counting it, which is ours; characters."""

    seconds: float = 0.0
    counting: float = 0.0
    characters: int = 0


def _time_inserts(*, is_off: bool) -> Inserted:
    """Take note of what is put into the search index from now on; with `is_off`, nothing is."""
    inserted = Inserted()
    index = type(backend())
    replace = index.replace

    def timed(self: Any, session: Session, segment: int, kind: Kind, passages: Sequence[Passage]) -> None:
        began = time.process_time()
        if not is_off:
            replace(self, session, segment, kind, passages)
        done = time.process_time()
        inserted.seconds += done - began
        inserted.characters += sum(len(text) for passage in passages for _, text in passage.lines)
        inserted.counting += time.process_time() - done

    index.replace = timed  # type: ignore[method-assign]
    return inserted


def record(material: str, size: int, at_once: int = 8) -> dict[str, Any]:
    """Record `size` bytes of a material of bench/recordings.py; return the session's id and the CPU that it took.

    So many events reach the recorder together.
    """
    session, key = _new_session()
    events: Iterator[Event] = getattr(recordings, material)(size)
    began = time.process_time()
    recorder = open_recording(session.pk, key, header_of(session))
    session.save(force_insert=True)
    new_recording_key(session.pk, 0, key).save()
    while some := list(islice(events, at_once)):
        recorder.write(some)
    recorder.finish(Outcome("exit", "The shell ended.", timezone.now(), 0)).result()
    session.refresh_from_db()
    return {"session": str(session.pk), "bytes": session.output_bytes, "cpu_s": time.process_time() - began}


def index(session_id: str, search: Literal["on", "off"]) -> dict[str, Any]:
    """Index a recording in this process; return MB/s of output, with the insert into the search index apart."""
    session = Session.objects.get(pk=UUID(session_id))
    inserted = _time_inserts(is_off=search == "off")
    began = time.process_time()
    segments = index_session(session.pk, math.inf)
    spent = time.process_time() - began - inserted.seconds - inserted.counting
    session.refresh_from_db()
    megabytes = session.output_bytes / 1e6
    recorded = session.segments.aggregate(size=Sum("plain_bytes"))["size"]
    return {
        "MB": round(megabytes, 1),
        "segments": segments,
        "cpu_s": round(spent, 3),
        "MB_per_s": round(megabytes / spent, 1),
        "recorded_MB_per_s": round(recorded / 1e6 / spent, 1),
        "insert_MB_per_s": round(inserted.characters / 1e6 / inserted.seconds, 1) if search == "on" else None,
        "text_MB": round(inserted.characters / 1e6, 1),
        "commands": session.command_count,
        "peak_rss_MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "rss_MB": psutil.Process().memory_info().rss // 2**20,
    }


def _new_session() -> tuple[Session, bytes]:
    user, _ = User.objects.get_or_create(username="bob")
    host, _ = Host.objects.get_or_create(name="web-01", defaults={"address": "127.0.0.1"})
    session = Session(
        pk=uuid4(),
        user=user,
        user_name="bob",
        host=host,
        host_name=host.name,
        started_at=datetime(2026, 11, 20, 14, 0, tzinfo=UTC),
        cols=recordings.COLS,
        rows=recordings.ROWS,
    )
    return session, make_key()
