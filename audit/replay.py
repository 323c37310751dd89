"""Recordings in the form that asciinema-player 3.17 loads bit by bit (format "segmented").

audit/timeline.py says how time is cut, true or with silences cut short; tests/test_replay_player.py asks the player.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any
from uuid import UUID

import orjson
from django.db.models import Sum

from audit.events import Event, Output, Resize
from audit.indexing.screen import Screen, ScreenError
from audit.indexing.snapshots import decrypt_snapshot
from audit.models import Command, Segment, Session
from audit.recording.reading import read_events, read_segment
from audit.timeline import Idle, Part, Recorded, TimeMap, microseconds, parts_of, seconds, time_map

MOST_MARKERS = 2000
LONGEST_LABEL = 100
# Of recording that one request may run through a terminal because the indexer has not been there yet.
MOST_REBUILT_BYTES = 256 * 1024 * 1024
_KEPT_SNAPSHOTS = 16
# The player's terminal engine never comes back from one piece of output of 65,520 bytes or more. In characters, which
# take up to four bytes each.
MOST_FED_AT_ONCE = 8192
# What the player shows or passes on. Exact bytes, hidden input and the exit are for other readers.
_SHOWN_EVENTS = frozenset({"o", "r"})


class NotIndexedError(Exception):
    """A screen cannot be rebuilt within bounds before the indexer has caught up."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Terminal output that rebuilds a screen of this size."""

    cols: int
    rows: int
    init: str


@dataclass(frozen=True, slots=True)
class _Timeline:
    """Of the closed segments, as many as there are `parts`, or none and one part that is empty."""

    recorded: Sequence[Recorded]
    shown: TimeMap
    parts: Sequence[Part]


def replay_index(session: Session, idle: Idle) -> dict[str, Any]:
    """Return the player's index of what is closed so far, with addresses relative to its own (replay.json).

    Beyond what the player reads: `map`, nodes [true second, shown second] with straight lines between them, both
    rising; `true_duration`; `idle`; and `complete`, false while the recording still grows.
    """
    timeline = _timeline(session, idle)
    duration = timeline.parts[-1].end
    return {
        "version": 1,
        "duration": seconds(duration),
        "term": {"cols": session.cols, "rows": session.rows},
        "markers": _markers(session, timeline, duration),
        "segments": [
            {"start": seconds(part.start), "url": f"segments/{n}.json?idle={idle}"}
            for n, part in enumerate(timeline.parts)
        ],
        "map": [[seconds(true), seconds(shown)] for true, shown in timeline.shown.nodes],
        "true_duration": timeline.recorded[-1].end if timeline.recorded else 0.0,
        "idle": idle,
        "complete": session.state not in Session.RUNNING and session.state != Session.State.ENDED,
    }


def replay_segment(session: Session, n: int, idle: Idle, *, with_input: bool = False) -> bytes:
    """Return the player's segment `n` as JSON: {"snapshot": {cols, rows, init}, "events": [[t, code, data], …]}.

    What was typed is in it only `with_input`.

    Raises Segment.DoesNotExist, NotIndexedError, StorageError, KeyUnavailableError, CastError.
    """
    timeline = _timeline(session, idle, up_to=n)
    if n == 0 and not timeline.recorded:
        return _segment_json(Snapshot(session.cols, session.rows, ""), [[0.0, "x", ""]])
    if n != len(timeline.recorded) - 1:
        raise Segment.DoesNotExist
    segment = Segment.objects.defer("snapshot").get(session=session, n=n)
    codes = _SHOWN_EVENTS | {"i"} if with_input else _SHOWN_EVENTS
    events = list(_events(segment, timeline.parts[n], timeline.shown, codes))
    return _segment_json(snapshot_before(segment), events)


@dataclass(frozen=True, slots=True)
class Joined:
    """Where somebody who joins a live session begins: the screen after `events` events, which end at `t` seconds."""

    screen: Screen
    t: float
    events: int


def join(session: Session) -> Joined:
    """Return the screen at the end of the last closed segment.

    Raises NotIndexedError, StorageError, KeyUnavailableError, CastError, ScreenError.
    """
    last = Segment.objects.filter(session=session).order_by("n").last()
    if last is None:
        return Joined(Screen(session.cols, session.rows), 0.0, 0)
    after = _stored_snapshot(last) or _run(snapshot_before(last), iter([last]))
    screen = Screen(after.cols, after.rows)
    screen.feed(after.init)
    events = Segment.objects.filter(session=session, n__lte=last.n).aggregate(events=Sum("events"))["events"]
    return Joined(screen, last.end, events)


def _segment_json(snapshot: Snapshot, events: list[list[object]]) -> bytes:
    init = snapshot.init
    if len(init) > MOST_FED_AT_ONCE:
        # The player takes it whole. As output, it can come in pieces; the reset is for who plays on into this part.
        events = [[events[0][0], "o", piece] for piece in ("\x1bc", *_pieces(init))] + events
        init = ""
    return orjson.dumps({"snapshot": {"cols": snapshot.cols, "rows": snapshot.rows, "init": init}, "events": events})


def _timeline(session: Session, idle: Idle, up_to: int | None = None) -> _Timeline:
    """Cut the recording. The map and the parts up to `up_to` do not depend on what comes after it."""
    # A long recording has thousands: their times alone, and no objects.
    rows = Segment.objects.filter(session=session).order_by("n").values_list("start", "end", "silences")
    recorded = [Recorded(*row) for row in (rows if up_to is None else rows.filter(n__lte=up_to))]
    shown = time_map(recorded, idle)
    return _Timeline(recorded, shown, parts_of(recorded, shown))


def _markers(session: Session, timeline: _Timeline, duration: int) -> list[list[object]]:
    """Return [shown second, label] of commands and of what the recorder marked, in order."""
    commands = Command.objects.filter(session=session).order_by("ordinal").values_list("t", "command")[:MOST_MARKERS]
    of_segments = Segment.objects.filter(session=session).exclude(markers=[]).order_by("n")[:MOST_MARKERS]
    marked = [(t, label) for markers in of_segments.values_list("markers", flat=True) for t, label in markers]
    found = sorted([*commands, *marked[:MOST_MARKERS]])
    return [
        [seconds(min(max(timeline.shown.shown(microseconds(t)), 0), duration)), label[:LONGEST_LABEL]]
        for t, label in found[:MOST_MARKERS]
    ]


def _events(segment: Segment, part: Part, shown: TimeMap, codes: frozenset[str]) -> Iterator[list[object]]:
    lines = read_segment(segment).splitlines()
    reached = part.start
    is_first = True
    for line in lines[1:] if segment.n == 0 else lines:
        t, code, data = orjson.loads(line)
        if code not in codes:
            continue
        at = min(max(shown.shown(microseconds(t)), reached), part.end)
        if is_first and segment.n > 0 and at != part.start:
            yield _nothing(part.start)
        is_first = False
        reached = at
        if code == "o" and len(data) > MOST_FED_AT_ONCE:
            yield from ([seconds(at), code, piece] for piece in _pieces(data))
        else:
            yield [seconds(at), code, data]
    if is_first:
        yield _nothing(part.start)
    if reached != part.end or is_first:
        yield _nothing(part.end)


def _pieces(text: str) -> list[str]:
    return [text[at : at + MOST_FED_AT_ONCE] for at in range(0, len(text), MOST_FED_AT_ONCE)] or [text]


def _nothing(at: int) -> list[object]:
    """Return an event that the player skips, to begin and end a part at the very microsecond."""
    return [seconds(at), "x", ""]


class _SnapshotCache:
    """The last screens that had to be rebuilt, so that playing on does not begin at the beginning each time."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[UUID, int], Snapshot] = OrderedDict()
        self._lock = Lock()

    def get(self, segment: Segment) -> Snapshot | None:
        with self._lock:
            return self._kept.get((segment.session_id, segment.n))

    def put(self, segment: Segment, snapshot: Snapshot) -> None:
        with self._lock:
            self._kept[segment.session_id, segment.n] = snapshot
            while len(self._kept) > _KEPT_SNAPSHOTS:
                self._kept.popitem(last=False)


_rebuilt = _SnapshotCache()


def snapshot_before(segment: Segment) -> Snapshot:
    """Return the screen on which a segment goes on: as indexed, else rebuilt from the one known last."""
    known: Snapshot | None = None
    missing: list[Segment] = []
    rebuilt = 0
    for before in Segment.objects.filter(session=segment.session_id, n__lt=segment.n).order_by("-n").iterator(20):
        known = _rebuilt.get(before) or _stored_snapshot(before)
        if known is not None:
            break
        missing.append(before)
        rebuilt += before.plain_bytes
        if rebuilt > MOST_REBUILT_BYTES:
            raise NotIndexedError
    first = missing[-1] if missing else segment
    known = known or Snapshot(first.cols, first.rows, "")
    if not missing:
        return known
    snapshot = _run(known, reversed(missing))
    _rebuilt.put(missing[0], snapshot)
    return snapshot


def _stored_snapshot(segment: Segment) -> Snapshot | None:
    """Return the screen as it was at the segment's end, None if it is not indexed or cannot be opened."""
    # The size first: the snapshot itself is only read where there is one.
    if segment.snapshot_cols is None or segment.snapshot_rows is None:
        return None
    init = decrypt_snapshot(segment)
    return None if init is None else Snapshot(segment.snapshot_cols, segment.snapshot_rows, init)


def _run(begin: Snapshot, segments: Iterator[Segment]) -> Snapshot:
    cols, rows = begin.cols, begin.rows
    screen = Screen(cols, rows)
    screen.feed(begin.init)
    for segment in segments:
        for event in read_events(segment):
            if isinstance(event, Resize):
                cols, rows = event.cols, event.rows
            try:
                _show(screen, event)
            except ScreenError:
                # Output that breaks the emulator costs its screen, not what comes after it.
                screen = Screen(cols, rows)
    return Snapshot(*screen.size, screen.dump())


def _show(screen: Screen, event: Event) -> None:
    if isinstance(event, Output):
        screen.feed(event.text)
    elif isinstance(event, Resize):
        screen.resize(event.cols, event.rows)
