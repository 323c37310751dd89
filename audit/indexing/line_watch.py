"""Watches one screen for resting places of the cursor and for lines that are submitted."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from audit.indexing.observations import How, Observation, Rest, Submission
from audit.indexing.prompts import TELLING, looks_like_prompt
from audit.indexing.screen import Screen
from audit.indexing.typed_line import TypedLine

# A line that is being edited is looked at over so many rows, and a text over so many characters.
MAX_ROWS: Final = 60
MAX_TEXT: Final = 8000
# So many resting places are remembered, and looked for in output no longer than this.
_RECENT: Final = 8
_AHEAD: Final = 4096

_COLOUR: Final = re.compile(r"\x1b\[[0-9;:]*m|\x1b\(B")


@dataclass
class _Editing:
    """A line in the making: where its first row is, what stood before the cursor at rest, how often it grew."""

    row: int
    before: str
    seen: str
    # The shell's line editor said that it begins, so it will say that it is done.
    is_asked_for: bool
    steps: int = 0


class LineWatch:
    """Notes rests and submissions in `found`. Whoever feeds the screen says when to look."""

    def __init__(self, screen: Screen) -> None:
        self.found: list[Observation] = []
        # Keys since the last submission.
        self.enters = 0
        self.interrupted = False
        self.typed = TypedLine()
        # The command line, if the shell itself told it.
        self.told: str | None = None
        self._screen = screen
        self._editing: _Editing | None = None
        # The line was typed at before the window changed its size.
        self._is_begun = False
        # The line at the first and at the last line feed, for shells that say only later that it was a submission.
        self._at_first_feed: Submission | None = None
        self._at_last_feed: Submission | None = None
        self._submitted_row = -1
        # What stood before the cursor at the last rests, to find prompts that are typed ahead of.
        self._recent: deque[str] = deque(maxlen=_RECENT)

    @property
    def is_editing(self) -> bool:
        """Whether there is a line that the next line feed may submit."""
        return self._editing is not None

    def forget_line(self) -> None:
        """Give up the line that is being edited: the screen is another one."""
        self._editing = None
        self._is_begun = False

    def lose_place(self) -> None:
        """Give up where the line is: the window has another size, and the shell draws its line again."""
        self._is_begun = self._is_begun or (self._editing is not None and self._editing.steps > 0)
        self._editing = None

    def forget_feeds(self) -> None:
        self._at_first_feed = self._at_last_feed = None

    # Rests

    def look(self, t: float, how: How, *, only_likely: bool = False) -> bool:
        """Note where the cursor rests, if that is a fresh place, not the next step of an edited line; whether it is.

        With `only_likely`, a fresh place counts only where the text before it looks like a prompt.
        """
        before, after = self._screen.around_cursor()
        if not before.strip() and how != "mark":
            return False
        row = self._cursor_row()
        if self._is_next_step(row, before, how) or (only_likely and not looks_like_prompt(before)):
            return False
        after_col = len(before) + len(after) - len(after.lstrip())
        is_asked_for = how in {"paste", "mark"}
        prompt = self.typed.rest(before, self._text_at(row - 1), is_asked_for=is_asked_for)
        self._editing = _Editing(row, prompt, before, is_asked_for, steps=int(prompt != before))
        self.interrupted = False
        if len(prompt.strip()) >= TELLING and prompt not in self._recent:
            self._recent.append(prompt)
        self.found.append(
            Rest(t, how, row, prompt[:MAX_TEXT], after.strip()[:MAX_TEXT], after_col, is_begun=self._is_begun)
        )
        return True

    def _is_next_step(self, row: int, before: str, how: How) -> bool:
        editing = self._editing
        if editing is None:
            return False
        if before.startswith(editing.before):
            editing.row = row
        elif not self._is_same_line(editing, row, how):
            return False
        if before != editing.seen:
            editing.steps += 1
            editing.seen = before
        return True

    def _is_same_line(self, editing: _Editing, row: int, how: How) -> bool:
        """Whether the line that is being edited is still the one that was, though its beginning is not here."""
        if editing.is_asked_for and how not in {"paste", "mark"}:
            # A search in the history, or a second row.
            return True
        return row > editing.row and self._text_at(editing.row).startswith(editing.before.rstrip())

    # Submissions

    def submit(self, t: float, how: How) -> None:
        """Note the line as submitted, as it is, or as it was at the line feed after which nothing was printed."""
        self._add(self._just_fed() or self._submission(t, how))

    def note_end(self, t: float, how: How) -> None:
        """Remember the line at its end, before the shell says what becomes of it."""
        if self._just_fed() is None:
            self.note_feed(t, how)

    def tell_last(self) -> None:
        """Say of the last submission what the shell told about it afterwards."""
        last = self.found[-1] if self.found else None
        if isinstance(last, Submission) and last.command is None and self.told is not None:
            self.found[-1] = replace(last, command=self.told)
        self.told = None

    def _just_fed(self) -> Submission | None:
        last = self._at_last_feed
        is_below = last is not None and self._screen.cursor.col == 0 and self._cursor_row() == last.row + 1
        return last if is_below else None

    def submit_at_first_feed(self) -> None:
        """Note what was submitted while nothing said so, if something was typed."""
        if self._at_first_feed is not None and self._at_first_feed.steps:
            self._add(self._at_first_feed)

    def note_feed(self, t: float, how: How) -> None:
        """Remember the line at a line feed that may turn out to be a submission."""
        self._at_last_feed = self._submission(t, how)
        self._at_first_feed = self._at_first_feed or self._at_last_feed

    def may_be_typed_ahead(self, text: str, most: int = _AHEAD) -> bool:
        """Whether a prompt that is known may be in this text together with the line that was typed before it came.

        Texts of more than `most` characters are not looked at.
        """
        if len(text) > most or "\n" not in text:
            return False
        # Colours may be anywhere between a prompt's characters, so its last one is looked for first: it is rare.
        likely = [prompt for prompt in self._recent if prompt.rstrip()[-1:] in text]
        if not likely:
            return False
        plain = _COLOUR.sub("", text)
        return any(prompt in plain for prompt in likely)

    def begins_with_prompt(self) -> bool:
        """Whether the cursor's line begins with a prompt that is known, and was not submitted before."""
        cursor_row = self._cursor_row()
        text = self._text_at(self._first_row_of_line(cursor_row))
        return cursor_row != self._submitted_row and any(text.startswith(prompt) for prompt in self._recent)

    def _submission(self, t: float, how: How) -> Submission:
        editing = self._editing
        cursor_row = self._cursor_row()
        if editing is not None and editing.row <= cursor_row:
            first = editing.row
        else:
            first = self._first_row_of_line(cursor_row)
        return Submission(
            t=t,
            how=how,
            row=cursor_row,
            cols=self._screen.size[0],
            lines=self._lines(first, cursor_row),
            steps=editing.steps if editing is not None else 0,
            enters=self.enters,
            interrupted=self.interrupted,
            anchored=editing is not None,
            col=len(self._screen.around_cursor()[0]),
        )

    def _add(self, submission: Submission) -> None:
        typed = self.typed.take()
        self.found.append(replace(submission, command=self.told, typed=typed if submission.anchored else None))
        self._editing = self.told = None
        self._is_begun = False
        self.forget_feeds()
        self._submitted_row = submission.row
        self.enters, self.interrupted = 0, False

    # Rows

    def _cursor_row(self) -> int:
        return self._screen.scrolled + self._screen.cursor.row

    def _text_at(self, row: int) -> str:
        on_screen = row - self._screen.scrolled
        return self._screen.row(on_screen)[0] if 0 <= on_screen < self._screen.size[1] else ""

    def _first_row_of_line(self, row: int) -> int:
        on_screen = row - self._screen.scrolled
        while on_screen > 0 and self._screen.row(on_screen - 1)[1]:
            on_screen -= 1
        return on_screen + self._screen.scrolled

    def _lines(self, first: int, last: int) -> tuple[str, ...]:
        """Return the text of these rows as lines, wrapped rows joined."""
        scrolled = self._screen.scrolled
        top = max(first - scrolled, last - scrolled - MAX_ROWS, 0)
        lines, joined = [], ""
        for row in range(top, last - scrolled + 1):
            text, goes_on = self._screen.row(row)
            joined += text
            if not goes_on:
                lines.append(joined[:MAX_TEXT])
                joined = ""
        return (*lines, joined[:MAX_TEXT]) if joined else tuple(lines)

    # State between segments

    def state(self) -> dict[str, object]:
        """Return plain JSON values for `restore_state`. What was found and not taken out is not part of it."""
        return {
            "enters": self.enters,
            "interrupted": self.interrupted,
            "typed": self.typed.state(),
            "told": self.told,
            "is_begun": self._is_begun,
            "editing": asdict(self._editing) if self._editing else None,
            "first_feed": asdict(self._at_first_feed) if self._at_first_feed else None,
            "last_feed": asdict(self._at_last_feed) if self._at_last_feed else None,
            "submitted_row": self._submitted_row,
            "recent": list(self._recent),
        }

    def restore_state(self, state: dict[str, Any]) -> None:
        self.enters, self.interrupted, self.told = state["enters"], state["interrupted"], state["told"]
        self.typed.restore_state(state["typed"])
        self._is_begun = state["is_begun"]
        self._editing = _Editing(**state["editing"]) if state["editing"] else None
        self._at_first_feed = _submission_of(state["first_feed"])
        self._at_last_feed = _submission_of(state["last_feed"])
        self._submitted_row = state["submitted_row"]
        self._recent = deque(state["recent"], maxlen=_RECENT)


def _submission_of(plain: dict[str, Any] | None) -> Submission | None:
    return Submission(**{**plain, "lines": tuple(plain["lines"])}) if plain else None
