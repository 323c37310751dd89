"""A recording as plain text: every line that was on the screen, once, in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from audit.asciicast import Header
from audit.events import Event, Resize
from audit.indexing.observe import Observer
from audit.indexing.screen import Screen, ScreenError
from audit.indexing.text import TextCollector
from audit.models import Session
from audit.recording.reading import iter_events, read_header


def transcript_of(session: Session) -> Iterator[str]:
    """Yield the lines of a recording's closed segments, without line ends. Raises StorageError, CastError."""
    return transcript(read_header(session), iter_events(session))


def transcript(header: Header, events: Iterable[Event]) -> Iterator[str]:
    """Yield what scrolled off the screen as it does, the screens of full-screen programs as they end, the last screen.

    Memory does not grow with the recording.
    """
    cols, rows, t = header.cols, header.rows, 0.0
    collector = _collector(cols, rows)
    for event in events:
        if isinstance(event, Resize):
            cols, rows = event.cols, event.rows
        t = event.t
        try:
            collector.feed(event)
            collector.observer.forget_found()
        except ScreenError:
            yield from _texts(collector)
            collector = _collector(cols, rows)
        yield from _texts(collector)
    collector.look(t)
    yield from _texts(collector)


def _collector(cols: int, rows: int) -> TextCollector:
    return TextCollector(Observer(Screen(cols, rows)))


def _texts(collector: TextCollector) -> Iterator[str]:
    return (line for _, line in collector.take_lines())
