"""Terminal output cut where something happens that the screen does not show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Text:
    """Anything for the screen, the carriage returns and the newline of a `NewLine` excepted."""

    text: str


@dataclass(frozen=True, slots=True)
class NewLine:
    """A line feed with the carriage returns before it: one step, so that the row is read before the cursor leaves."""

    text: str


@dataclass(frozen=True, slots=True)
class Mode:
    """A private mode of the terminal (DECSET, DECRST) that is switched on or off."""

    text: str
    modes: frozenset[int]
    is_on: bool


@dataclass(frozen=True, slots=True)
class Reset:
    """The terminal is reset (RIS)."""

    text: str


@dataclass(frozen=True, slots=True)
class SystemCommand:
    """An operating system command (OSC), such as a title or a shell's mark."""

    number: str
    data: str


@dataclass(frozen=True, slots=True)
class Clear:
    """The screen, or what is below the cursor on it, is cleared (ED 0, 2, 3)."""

    text: str
    is_whole: bool


Token = Text | NewLine | Mode | Reset | Clear | SystemCommand

_CONTROLS: Final = r"""
      \x1b\](?P<number>[0-9]*);?(?P<data>[^\x07\x1b\x9c]*)(?:\x07|\x1b\\|\x9c)
    | \x1bk(?P<title>[^\x07\x1b]*)(?:\x1b\\|\x07)
    | \x1b\[\?(?P<modes>[0-9;]+)(?P<switch>[hl])
    | (?P<reset>\x1bc)
    | \x1b\[(?P<clear>[023]?)J
"""
_CONTROL: Final = re.compile(_CONTROLS, re.VERBOSE)
_CONTROL_OR_NEWLINE: Final = re.compile(_CONTROLS + r"| (?P<newline>\r*\n)", re.VERBOSE)
# What may be the beginning of a token whose end is in the next event.
_INCOMPLETE: Final = re.compile(r"(?:\r+|\x1b(?:\](?:[^\x07\x1b\x9c]*\x1b?)|k(?:[^\x07\x1b]*\x1b?)|\[\??[0-9;]*)?)\Z")
# A sequence that long never ends; what looks like its beginning is let through.
_MAX_INCOMPLETE: Final = 64 * 1024


class Tokenizer:
    """Cuts the text of successive events into tokens; what an event leaves incomplete waits for the next.

    While `wants_lines` is off, which it may be at any time, line feeds stay in the text: that is much faster.
    """

    def __init__(self, incomplete: str = "") -> None:
        self.incomplete = incomplete
        self.wants_lines = False

    def feed(self, text: str) -> Iterator[Token]:
        """Yield the tokens of one event."""
        text = self.incomplete + text
        tail = _INCOMPLETE.search(text, max(0, len(text) - _MAX_INCOMPLETE)) if _may_be_incomplete(text) else None
        self.incomplete = text[tail.start() :] if tail else ""
        end = tail.start() if tail else len(text)
        position = 0
        while position < end:
            pattern = _CONTROL_OR_NEWLINE if self.wants_lines else _CONTROL
            match = pattern.search(text, position, end)
            start = match.start() if match else end
            if start > position:
                yield Text(text[position:start])
            if match is None:
                return
            yield _token_of(match)
            position = match.end()


def _may_be_incomplete(text: str) -> bool:
    return text.endswith("\r") or "\x1b" in text[-_MAX_INCOMPLETE:]


def _token_of(match: re.Match[str]) -> Token:
    group = match.groupdict()
    if group.get("newline") is not None:
        return NewLine(match.group())
    if group["data"] is not None:
        return SystemCommand(group["number"], group["data"])
    if group["title"] is not None:
        return SystemCommand("2", group["title"])
    if group["modes"] is not None:
        modes = frozenset(int(mode[:9]) for mode in group["modes"].split(";") if mode)
        return Mode(match.group(), modes, is_on=group["switch"] == "h")
    if group["clear"] is not None:
        return Clear(match.group(), is_whole=group["clear"] in {"2", "3"})
    return Reset(match.group())
