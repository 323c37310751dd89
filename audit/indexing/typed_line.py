"""The line that is being typed, told by the keys alone, for as long as the keys are certain to be its text."""

from __future__ import annotations

from typing import Any, Final

from audit.indexing.prompts import looks_like_prompt

# Longer lines are left to the screen.
_LONGEST: Final = 8000
# What is typed before a prompt comes is looked for over so many characters.
_AHEAD: Final = 200


class TypedLine:
    """Collects plain keys. Any other key, and input that was hidden, make the line unknown until the next Enter."""

    def __init__(self) -> None:
        self._text: str | None = ""
        # Lines whose Enter was pressed and that were not seen to be submitted; more than one tell nothing.
        self._entered: list[str | None] = []

    def add(self, typed: str) -> None:
        for char in typed:
            if char in "\r\n":
                self._entered = [*self._entered[:1], self._text]
                self._text = ""
            elif self._text is None:
                continue
            elif char == "\x03":
                self._text = ""
            elif char.isprintable() and len(self._text) < _LONGEST:
                self._text += char
            else:
                self._text = None

    def hide(self) -> None:
        """Take note of input that is not known."""
        self._text = None

    def rest(self, before: str, above: str, *, is_asked_for: bool) -> str:
        """Return what stands before the cursor at a fresh rest, without what was typed before the rest.

        Keys pressed before a prompt came may have been for the program that ran: they count only where they are seen
        behind the prompt, alone in its row before it, or, where no line editor (`is_asked_for`) would show them again,
        in the row `above`.
        """
        self._entered = []
        ahead = self._text
        if ahead is None or not ahead.strip():
            self._text = ahead and ""
            return before
        if before.strip() == ahead.strip():
            # The terminal shows the keys themselves, while a program runs.
            return before
        shown = _shown_behind_prompt(before, ahead)
        if shown:
            self._text = shown if ahead.endswith(shown) else None
            return before[: -len(shown)]
        if not _is_shown_before_prompt(before, "" if is_asked_for else above, ahead):
            self._text = None
        return before

    def take(self) -> str | None:
        """Return the line whose Enter was pressed, if it is known and the only one."""
        line = self._entered[0] if len(self._entered) == 1 else None
        self._entered = []
        return line

    def state(self) -> list[object]:
        """Return plain JSON values for `restore_state`."""
        return [self._text, list(self._entered)]

    def restore_state(self, state: list[Any]) -> None:
        self._text, self._entered = state


def _shown_behind_prompt(before: str, ahead: str) -> str:
    for length in range(min(len(ahead), len(before), _AHEAD), 0, -1):
        shown = before[-length:]
        if not shown[0].isspace() and shown in ahead and looks_like_prompt(before[:-length]):
            return shown
    return ""


def _is_shown_before_prompt(before: str, above: str, ahead: str) -> bool:
    # A single character in a row of its own is rather the answer to a question.
    if len(above) > 1 and ahead.startswith(above):
        return True
    lengths = range(min(len(ahead), len(before), _AHEAD), 0, -1)
    return any(before.startswith(ahead[:length]) and looks_like_prompt(before[length:]) for length in lengths)
