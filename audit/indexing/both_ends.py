"""What one command printed, or its beginning and its end if that was too much."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

TimedLine = tuple[float, str]


def cut_mark(characters: int) -> str:
    """Return the line that stands for what was left out."""
    return f"[… {characters} characters of output are not in the search index …]"


class BothEnds:
    """Collects lines; of those between two calls of `begin`, only `limit` characters at each end, and a mark between.

    A line feed counts as a character. Without a limit everything is kept.
    """

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._lines: list[TimedLine] = []
        self._room = limit or 0
        # The end, as it came: (lines, characters); what is too much of it is let go a piece at a time.
        self._end: deque[tuple[list[TimedLine], int]] = deque()
        self._end_size = 0
        self._dropped = 0

    def add(self, lines: list[TimedLine]) -> None:
        if self._limit is None:
            self._lines += lines
            return
        size = _size(lines)
        if size <= self._room:
            self._lines += lines
            self._room -= size
            return
        if self._room:
            fitting = _fitting(lines, self._room)
            self._lines += lines[:fitting]
            lines, self._room = lines[fitting:], 0
            size = _size(lines)
        self._end.append((lines, size))
        self._end_size += size
        while self._end_size - self._end[0][1] >= self._limit:
            _, size = self._end.popleft()
            self._end_size -= size
            self._dropped += size

    def begin(self) -> None:
        """What comes from here on is another command's."""
        if self._limit is None:
            return
        end = [line for lines, _ in self._end for line in lines]
        cut_at = end[0][0] if end else 0.0
        if self._end_size > self._limit:
            keep = _fitting(reversed(end), self._limit)
            self._dropped += _size(end[: len(end) - keep])
            end = end[len(end) - keep :]
        if self._dropped:
            self._lines.append((cut_at, cut_mark(self._dropped)))
        self._lines += end
        self._end.clear()
        self._end_size = self._dropped = 0
        self._room = self._limit

    def take(self) -> list[TimedLine]:
        """Return the lines since the last time, and begin anew."""
        self.begin()
        lines, self._lines = self._lines, []
        return lines


def _size(lines: list[TimedLine]) -> int:
    return sum([len(line) for _, line in lines]) + len(lines)


def _fitting(lines: Iterable[TimedLine], room: int) -> int:
    """Return how many of the lines fit."""
    count = 0
    for _, line in lines:
        room -= len(line) + 1
        if room < 0:
            break
        count += 1
    return count
