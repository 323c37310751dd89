"""Output of successive events that may go to the screen at once, because nobody has to look at it in between."""

from __future__ import annotations

from typing import Final

from audit.indexing.prompts import may_end_prompt
from audit.indexing.tokens import complete_until, tells_something

# A prompt is followed by this much silence (seconds), or by the echo of a key, which is this short.
QUIET: Final = 0.12
ECHO: Final = 12
# Seconds and characters. Where lines wrap, this is how far their times may be off; they are exact where none does.
SPAN: Final = 0.25
SIZE: Final = 65536


class Batch:
    """Waits for more output of the same kind after an event that is on the screen already; see `start`."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._times: list[float] = []
        self._is_open = False
        self._is_full_screen = False
        self._began = self._last_t = 0.0
        self._last = self._incomplete = ""
        self._room = 0

    def __bool__(self) -> bool:
        return bool(self._texts)

    def start(self, t: float, text: str, incomplete: str, *, is_full_screen: bool) -> None:
        """Be ready for what follows an event after which no line is edited and no prompt is expected.

        `incomplete` is the end of its text that waits for more. With `is_full_screen`, a full-screen program has the
        screen: there are no prompts at all.
        """
        self._is_open, self._is_full_screen = True, is_full_screen
        self._began = self._last_t = t
        self._last, self._incomplete = text, incomplete
        self._room = SIZE

    def takes(self, t: float, text: str) -> bool:
        """Take an event, if it is certain that looking at the screen before it would tell nothing."""
        if not self._is_open or t - self._began > SPAN or len(text) > self._room:
            return False
        if not (self._is_full_screen or self._last.endswith("\r\n")) and self._may_rest(t, text):
            return False
        whole = self._incomplete + text if self._incomplete else text
        if tells_something(whole):
            return False
        self._texts.append(text)
        self._times.append(t)
        self._last_t, self._last = t, text
        self._incomplete = whole[complete_until(whole) :]
        self._room -= len(text)
        return True

    def stop(self) -> tuple[list[float], list[str]]:
        """Take nothing until the next `start`; return what waits, as times and texts."""
        taken = self._times, self._texts
        self._is_open = False
        self._times, self._texts = [], []
        return taken

    def _may_rest(self, t: float, text: str) -> bool:
        """Whether the cursor may have come to rest behind a prompt. At the beginning of a row there is none."""
        is_short = len(text) <= ECHO
        return t - self._last_t >= QUIET or (is_short and (bool(self._incomplete) or may_end_prompt(self._last)))
