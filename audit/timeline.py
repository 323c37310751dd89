"""The time that replay shows, cut into the parts that the player loads.

The player (asciinema-player 3.17, format "segmented") refuses an index in which starts are equal or not below the
duration, a first event that is not exactly at its part's start, and a last one that is not exactly at the duration.
So everything is counted in whole microseconds, a part never begins before the one in front of it has ended, and every
part is at least one microsecond long. What was recorded at the same moment is thereby shown microseconds apart. A part
depends only on what was recorded before it: an index made while a session runs stays right when the session goes on.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

Idle = Literal["keep", "skip"]
# A silence that is longer than this lasts this long when idle time is skipped.
LONGEST_SILENCE = 2_000_000


def microseconds(seconds: float) -> int:
    return round(seconds * 1_000_000)


def seconds(micros: int) -> float:
    """Return the float that is written with at most six decimals, so that equal times are equal in JSON."""
    return micros / 1_000_000


@dataclass(frozen=True, slots=True)
class Recorded:
    """The times of one closed segment, in seconds since the session started; silences as (begin, length)."""

    start: float
    end: float
    silences: Sequence[tuple[float, float]]


class TimeMap:
    """True time to shown time, in microseconds: straight lines between nodes (true, shown), both rising."""

    def __init__(self, nodes: Sequence[tuple[int, int]]) -> None:
        self.nodes = nodes
        self._true = [true for true, _ in nodes]

    def shown(self, true: int) -> int:
        at = min(max(bisect_right(self._true, true) - 1, 0), len(self.nodes) - 2)
        (true_from, shown_from), (true_to, shown_to) = self.nodes[at], self.nodes[at + 1]
        return shown_from + (true - true_from) * (shown_to - shown_from) // max(true_to - true_from, 1)


def time_map(segments: Iterable[Recorded], idle: Idle) -> TimeMap:
    """Return the map for a recording that begins at 0 and has these closed segments, in order."""
    nodes = [(0, 0)]
    cut = 0
    end = 0
    for silence_from, silence_to in _silences(segments):
        end = silence_to
        excess = silence_to - silence_from - LONGEST_SILENCE
        if idle == "skip" and excess > 0:
            # One silence may begin where the one before it ended.
            if silence_from > nodes[-1][0]:
                nodes.append((silence_from, silence_from - cut))
            cut += excess
            nodes.append((silence_to, silence_to - cut))
    end = max(end, nodes[-1][0]) + 1
    nodes.append((end, end - cut))
    return TimeMap(nodes)


def _silences(segments: Iterable[Recorded]) -> Iterable[tuple[int, int]]:
    """Yield (from, to) of all silences, and of the empty one at the end, without overlaps."""
    reached = 0
    for segment in segments:
        # Before the first event of a segment nothing happened since the last one of the segment before.
        gaps = [(reached, microseconds(segment.start))]
        gaps += [(microseconds(begin), microseconds(begin + length)) for begin, length in segment.silences]
        for begin, until in sorted(gaps):
            begin = max(begin, reached)  # noqa: PLW2901
            until = min(until, microseconds(segment.end))  # noqa: PLW2901
            if until > begin:
                yield begin, until
                reached = until
        reached = max(reached, microseconds(segment.end))
    yield reached, reached


@dataclass(frozen=True, slots=True)
class Part:
    """Where one segment lies in shown time, in microseconds: its events are from `start` to `end`, both included."""

    start: int
    end: int


def parts_of(segments: Sequence[Recorded], shown: TimeMap) -> list[Part]:
    """Return one part for each segment; one that shows nothing if there is none."""
    parts: list[Part] = []
    for segment in segments:
        start = 0 if not parts else max(shown.shown(microseconds(segment.start)), parts[-1].end + 1)
        parts.append(Part(start, max(shown.shown(microseconds(segment.end)), start + 1)))
    return parts or [Part(0, 0)]
