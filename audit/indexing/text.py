"""The text that was on the screen, once, with the seconds at which it was there."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from typing import Final

from audit.indexing.observe import Observer
from audit.search.protocol import Passage

TimedLine = tuple[float, str]

# Characters in a passage, and how much of a longer line is repeated in the next so that a term is not cut in two.
_PASSAGE: Final = 2000
_OVERLAP: Final = 200
# Programs that clear the screen for every picture they draw are looked at this often (seconds).
_CLEAR_INTERVAL: Final = 1.0


class TextCollector:
    """Listens to an observer and collects each line when it leaves the screen, or when `look` is called.

    A line that was taken from the screen is not taken again when it scrolls off later. A full-screen program's
    screen is taken when the program leaves and when `look` is called.
    """

    def __init__(self, observer: Observer) -> None:
        self.observer = observer
        observer.on_scrolled = self._scrolled
        observer.on_alternate = self._alternate_switches
        observer.on_clear = self._cleared
        observer.on_title = self._titled
        self._lines: list[TimedLine] = []
        self._titles: list[TimedLine] = []
        self._title = ""
        # Lines that were taken already: those still on the screen, and the last pictures of each kind.
        self._shown: Counter[str] = Counter()
        self._last_cleared: Counter[str] = Counter()
        self._last_alternate: Counter[str] = Counter()
        self._cleared_at = -_CLEAR_INTERVAL
        # When the cursor first came as far down as a row: (row, t), both rising.
        self._reached: deque[tuple[int, float]] = deque()

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
        while len(reached) > 1 and reached[0][0] <= screen.scrolled:
            reached.popleft()

    def look(self, t: float) -> None:
        """Take what is on the screen and was not taken yet."""
        lines = self.observer.screen.lines()
        while lines and not lines[-1]:
            lines.pop()
        if self.observer.in_alternate:
            self._take_picture(t, lines, self._last_alternate)
            self._last_alternate = Counter(lines)
            return
        first = self.observer.screen.scrolled
        times = [self._time_of(first + number, t) for number in range(len(lines))]
        self._take_new(zip(times, lines, strict=True), self._shown.copy())
        self._shown = Counter(lines)

    def take_lines(self) -> list[TimedLine]:
        """Return the lines since the last time."""
        lines, self._lines = self._lines, []
        return lines

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
        times = [self._time_of(first + number, t) for number in range(len(lines))]
        self._take_new(zip(times, lines, strict=True), self._shown)

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
        if title != self._title:
            self._title = title
            self._titles.append((t, title))

    def _take_picture(self, t: float, lines: Sequence[str], known: Counter[str]) -> None:
        self._take_new(((t, line) for line in lines), known.copy())

    def _take_new(self, lines: Iterator[TimedLine], known: Counter[str]) -> None:
        """Take lines that are not `known`, each of which is used up by being met."""
        for t, line in lines:
            if known.get(line, 0) > 0:
                known[line] -= 1
            else:
                self._lines.append((t, line))

    def _time_of(self, row: int, otherwise: float) -> float:
        """Return when the cursor left this row downwards: the row was complete, and still on the screen."""
        for reached, t in self._reached:
            if reached > row:
                return t
        return otherwise


def passages(lines: Sequence[TimedLine]) -> list[Passage]:
    """Cut lines into passages for the search index, in order, leaving out blank lines."""
    found: list[Passage] = []
    taken: list[TimedLine] = []
    size = 0
    for t, line in lines:
        for piece in _pieces(line):
            if taken and size + len(piece) > _PASSAGE:
                found.append(Passage(tuple(taken)))
                taken, size = [], 0
            taken.append((t, piece))
            size += len(piece)
    return [*found, Passage(tuple(taken))] if taken else found


def _pieces(line: str) -> Iterator[str]:
    text = line.strip()
    if not text:
        return
    yield text[:_PASSAGE]
    for start in range(_PASSAGE, len(text), _PASSAGE - _OVERLAP):
        yield text[start - _OVERLAP : start - _OVERLAP + _PASSAGE]


def _counter(value: object) -> Counter[str]:
    return Counter({str(line): int(count) for line, count in value.items()}) if isinstance(value, dict) else Counter()
