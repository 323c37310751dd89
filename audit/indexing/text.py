"""The text that was on the screen, once, with the seconds at which it was there."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from audit.events import Event
from audit.indexing.both_ends import BothEnds, TimedLine
from audit.indexing.observe import Observer
from audit.indexing.screen import LONGEST_LINE
from audit.search.protocol import Passage

# Characters in a passage, and how much of a longer line is repeated in the next so that a term is not cut in two.
_PASSAGE: Final = 2000
_OVERLAP: Final = 200
# Programs that clear the screen for every picture they draw are looked at this often (seconds).
_CLEAR_INTERVAL: Final = 1.0
# Of one segment. Some programs make a title of every line that they write.
_MOST_TITLES: Final = 10_000


class TextCollector:
    """Listens to an observer and collects each line when it leaves the screen, or when `look` is called.

    A line that was taken from the screen is not taken again when it scrolls off later. A full-screen program's
    screen is taken when the program leaves and when `look` is called.

    With `limit`, no more is kept of what one command prints than so many characters at its beginning and at its end,
    counted anew after `take_lines`. Times are those of the event with which a line was complete; where lines wrap, they
    may be up to batch.SPAN seconds off, or that of a neighbouring event.
    """

    def __init__(self, observer: Observer, limit: int | None = None) -> None:
        self.observer = observer
        observer.on_batch = self._batch_shown
        observer.on_entered = self._entered
        observer.on_scrolled = self._scrolled
        observer.on_alternate = self._alternate_switches
        observer.on_clear = self._cleared
        observer.on_title = self._titled
        self._kept = BothEnds(limit)
        self._titles: list[TimedLine] = []
        self._title = ""
        # Lines that were taken already: those still on the screen, and the last pictures of each kind.
        self._shown: Counter[str] = Counter()
        self._last_cleared: Counter[str] = Counter()
        self._last_alternate: Counter[str] = Counter()
        self._cleared_at = -_CLEAR_INTERVAL
        # When the cursor first came as far down as a row: (row, t), both rising.
        self._reached: deque[tuple[int, float]] = deque()

    def feed(self, event: Event) -> None:
        """Show an event. Raises ScreenError."""
        if self.observer.feed(event):
            self.note_cursor(event.t)

    def note_cursor(self, t: float) -> None:
        """Remember how far down the cursor is after an event at `t`."""
        screen = self.observer.screen
        if self.observer.in_alternate:
            return
        row = screen.scrolled + screen.cursor.row
        reached = self._reached
        while reached and reached[-1][0] > row:
            reached.pop()
        if not reached or reached[-1][0] < row:
            reached.append((row, t))
        self._forget_reached()

    def look(self, t: float) -> None:
        """Take what is on the screen and was not taken yet."""
        self.observer.flush()
        lines = self.observer.screen.lines()
        while lines and not lines[-1]:
            lines.pop()
        if self.observer.in_alternate:
            self._take_picture(t, lines, self._last_alternate)
            self._last_alternate = Counter(lines)
            return
        first = self.observer.screen.scrolled
        self._take_new(self._times(first, len(lines), t), lines, self._shown.copy())
        self._shown = Counter(lines)

    def take_lines(self) -> list[TimedLine]:
        """Return the lines since the last time."""
        return self._kept.take()

    def take_titles(self) -> list[TimedLine]:
        """Return the window's titles since the last time."""
        titles, self._titles = self._titles, []
        return titles

    def state(self) -> dict[str, object]:
        """Return plain JSON values for `restore_state`. Lines that were not taken out are not part of it."""
        return {
            "title": self._title,
            "shown": dict(self._shown),
            "last_cleared": dict(self._last_cleared),
            "last_alternate": dict(self._last_alternate),
            "cleared_at": self._cleared_at,
            "reached": list(self._reached),
        }

    def restore_state(self, state: dict[str, object]) -> None:
        self._title = str(state["title"])
        self._shown = _counter(state["shown"])
        self._last_cleared = _counter(state["last_cleared"])
        self._last_alternate = _counter(state["last_alternate"])
        self._cleared_at = float(str(state["cleared_at"]))
        reached = state["reached"]
        self._reached = deque((int(row), float(t)) for row, t in reached) if isinstance(reached, list) else deque()

    def _scrolled(self, t: float, lines: Sequence[str]) -> None:
        first = self.observer.screen.scrolled - len(lines)
        self._take_new(self._times(first, len(lines), t), lines, self._shown)
        self._forget_reached()

    def _batch_shown(self, row: int, events: Sequence[tuple[float, int]]) -> None:
        """Note what `note_cursor` would have after each of the events, by their line feeds."""
        screen = self.observer.screen
        fed, moved = sum(count for _, count in events), screen.scrolled + screen.cursor.row - row
        if not fed or moved <= 0:
            self.note_cursor(events[-1][0])
            return
        if self.observer.in_alternate:
            return
        reached, so_far = self._reached, 0
        for t, count in events:
            so_far += count
            # Lines that wrap, and cursors that are moved, are spread over the batch.
            at = row + (so_far if fed == moved else so_far * moved // fed)
            if count and (not reached or reached[-1][0] < at):
                reached.append((at, t))

    def _forget_reached(self) -> None:
        reached, scrolled = self._reached, self.observer.screen.scrolled
        while len(reached) > 1 and reached[0][0] <= scrolled:
            reached.popleft()

    def _entered(self) -> None:
        self._kept.begin()

    def _alternate_switches(self, t: float, is_on: bool) -> None:
        if not is_on:
            self.look(t)
        self._last_alternate = Counter()

    def _cleared(self, t: float) -> None:
        if t - self._cleared_at < _CLEAR_INTERVAL:
            return
        self._cleared_at = t
        lines = [line for line in self.observer.screen.lines() if line]
        if self.observer.in_alternate:
            self._take_picture(t, lines, self._last_alternate)
            self._last_alternate = Counter(lines)
            return
        self._take_picture(t, lines, self._shown | self._last_cleared)
        self._last_cleared = Counter(lines)
        self._shown = Counter()

    def _titled(self, t: float, title: str) -> None:
        if title != self._title and len(self._titles) < _MOST_TITLES:
            self._title = title
            self._titles.append((t, title))

    def _take_picture(self, t: float, lines: Sequence[str], known: Counter[str]) -> None:
        self._take_new([t] * len(lines), lines, known.copy())

    def _take_new(self, times: Iterable[float], lines: Sequence[str], known: Counter[str]) -> None:
        """Take lines that are not `known`, each of which is used up by being met."""
        timed = zip(times, lines, strict=True)
        if known.keys().isdisjoint(lines):
            self._kept.add(list(timed))
            return
        new: list[TimedLine] = []
        for t, line in timed:
            if known.get(line, 0) > 0:
                known[line] -= 1
            else:
                new.append((t, line))
        self._kept.add(new)

    def _times(self, first: int, count: int, otherwise: float) -> list[float]:
        """Return when the cursor left each of `count` rows downwards: the row was complete, and still on the screen."""
        times: list[float] = []
        for reached, t in self._reached:
            more = min(reached - first, count) - len(times)
            if more > 0:
                times += [t] * more
                if len(times) == count:
                    return times
        return times + [otherwise] * (count - len(times))


def passages(lines: Sequence[TimedLine]) -> list[Passage]:
    """Cut lines into passages for the search index, in order, leaving out blank lines."""
    if max((len(line) for _, line in lines), default=0) > _PASSAGE:
        lines = list(_in_pieces(lines))
    found: list[Passage] = []
    taken: list[TimedLine] = []
    size = 0
    for timed in lines:
        text = timed[1].strip()
        length = len(text)
        if not length:
            continue
        if size + length > _PASSAGE and taken:
            found.append(Passage(tuple(taken)))
            taken, size = [], 0
        taken.append(timed if text is timed[1] else (timed[0], text))
        size += length
    return [*found, Passage(tuple(taken))] if taken else found


def _in_pieces(lines: Sequence[TimedLine]) -> Iterator[TimedLine]:
    """Yield lines, those that are too long for a passage in pieces that overlap."""
    before = ""
    for t, line in lines:
        yield from ((t, piece) for piece in _pieces(before + line.strip()))
        # What is that long goes on in the next one.
        before = line[-_OVERLAP:] if len(line) == LONGEST_LINE else ""


def _pieces(text: str) -> Iterator[str]:
    yield text[:_PASSAGE]
    for start in range(_PASSAGE, len(text), _PASSAGE - _OVERLAP):
        yield text[start - _OVERLAP : start - _OVERLAP + _PASSAGE]


def _counter(value: object) -> Counter[str]:
    return Counter({str(line): int(count) for line, count in value.items()}) if isinstance(value, dict) else Counter()
