"""How long a session may last, and how long it may be silent."""

from __future__ import annotations

import time

from django.conf import settings

from bastion.live import endings
from bastion.live.endings import Ending
from hosts.models import Host

# Seconds before a limit at which the person is told.
LENGTH_WARNINGS = (600, 120)
IDLE_WARNING = 120


class Limits:
    """Seconds, by a monotonic clock: a clock that is set back gives nobody more time."""

    def __init__(self, idle_limit: float, length_limit: float) -> None:
        self.idle_limit = idle_limit
        self.length_limit = length_limit
        self._started = self._active = time.monotonic()
        self._length_warnings = [seconds for seconds in LENGTH_WARNINGS if seconds < self.length_limit]
        self._is_idle_warned = False

    def note_activity(self) -> None:
        self._active = time.monotonic()
        self._is_idle_warned = False

    def warning(self) -> str | None:
        """Return a sentence for the person, once for each warning that is due."""
        now = time.monotonic()
        left = self._started + self.length_limit - now
        if self._length_warnings and left <= self._length_warnings[0]:
            self._length_warnings.pop(0)
            return f"This session ends in {in_words(left)}: sessions on this host have a maximum length."
        silence_left = self._active + self.idle_limit - now
        if not self._is_idle_warned and self.idle_limit > IDLE_WARNING and silence_left <= IDLE_WARNING:
            self._is_idle_warned = True
            return f"This session ends in {in_words(silence_left)} unless something is typed or shown."
        return None

    def ending(self) -> Ending | None:
        now = time.monotonic()
        if now - self._started > self.length_limit:
            return endings.TOO_LONG.because(f"Sessions on this host last {in_words(self.length_limit)} at most.")
        if now - self._active > self.idle_limit:
            limit = in_words(self.idle_limit)
            return endings.IDLE.because(f"Nothing was typed or shown for {limit}, the limit for this host.")
        return None


def limits_of(host: Host) -> Limits:
    """Return the host's own limits, or the instance's."""
    return Limits(
        idle_limit=host.idle_limit or settings.IDLE_LIMIT, length_limit=host.length_limit or settings.LENGTH_LIMIT
    )


def in_words(seconds: float) -> str:
    """Return a length of time for people, e.g. "10 min" or "20 s"."""
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes else f"{round(seconds)} s"
