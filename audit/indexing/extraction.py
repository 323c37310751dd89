"""The commands of a whole recording at once."""

from __future__ import annotations

from collections.abc import Iterable

from audit.asciicast import Header
from audit.events import Event, Resize
from audit.indexing.commands import Findings, derive
from audit.indexing.observations import Observation
from audit.indexing.observe import Observer
from audit.indexing.screen import Screen, ScreenError


def extract(header: Header, events: Iterable[Event]) -> Findings:
    """Tell the commands of a recording. A failure of the screen loses what was on it, and nothing else."""
    observations: list[Observation] = []
    cols, rows = header.cols, header.rows
    observer = Observer(Screen(cols, rows))
    for event in events:
        if isinstance(event, Resize):
            cols, rows = event.cols, event.rows
        try:
            observer.feed(event)
        except ScreenError:
            observations += observer.take()
            observer = Observer(Screen(cols, rows))
    return derive([*observations, *observer.take()])
