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

# The shape is for speed: alternatives that all begin with literals let the search skip to the next of them at once,
# which is 5 times as fast on coloured output as the same alternatives written out.
_CONTROLS: Final = r"""
    \x1b(?:
        \](?P<number>[0-9]*);?(?P<data>[^\x07\x1b\x9c]*)(?:\x07|\x1b\\|\x9c)
      | k(?P<title>[^\x07\x1b]*)(?:\x1b\\|\x07)
      | \[\?(?P<modes>[0-9;]+)(?P<switch>[hl])
      | (?P<reset>c)
      | \[(?P<clear>[023]?)J
    )
"""
_CONTROL: Final = re.compile(_CONTROLS, re.VERBOSE)
_CONTROL_OR_NEWLINE: Final = re.compile(_CONTROLS + r"| \n | \r\r*\n", re.VERBOSE)
# Those of them that are more than a change of the screen. Modes such as a hidden cursor are not.
_TELLING: Final = re.compile(
    r"""\x1b(?: \] | k | c | \[ (?: [023]?J | \? (?:[0-9]+;)* (?:47|1047|1049|2004) (?:;[0-9]+)* [hl] ))""", re.VERBOSE
)
# What may be the beginning of a token whose end is in the next event.
_INCOMPLETE: Final = re.compile(r"\x1b(?:\](?:[^\x07\x1b\x9c]*\x1b?)|k(?:[^\x07\x1b]*\x1b?)|\[\??[0-9;]*)?\Z")
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
        end = complete_until(text)
        self.incomplete = text[end:]
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


def tells_something(text: str) -> bool:
    """Whether there is a token in a text, or the beginning of one, that is more than a change of the screen."""
    return "\x1b" in text and _TELLING.search(text) is not None


def complete_until(text: str) -> int:
    """Return where the beginning of a token is that the text breaks off in; the text's length if it does not."""
    if "\x1b" not in text:
        return len(text.rstrip("\r")) if text.endswith("\r") else len(text)
    end = len(text)
    last = text.rfind("\x1b", max(0, end - _MAX_INCOMPLETE))
    # The last escape may be half of what ends a longer sequence.
    first = text.rfind("\x1b", max(0, end - _MAX_INCOMPLETE), last) if last == end - 1 else -1
    for start in (first, last):
        if start >= 0 and _INCOMPLETE.match(text, start):
            return start
    return len(text.rstrip("\r")) if text.endswith("\r") else end


def _token_of(match: re.Match[str]) -> Token:
    match match.lastgroup:
        case None:
            return NewLine(match.group())
        case "data":
            return SystemCommand(match["number"], match["data"])
        case "title":
            return SystemCommand("2", match["title"])
        case "switch":
            modes = frozenset(int(mode[:9]) for mode in match["modes"].split(";") if mode)
            return Mode(match.group(), modes, is_on=match["switch"] == "h")
        case "clear":
            return Clear(match.group(), is_whole=match["clear"] in {"2", "3"})
        case _:
            return Reset(match.group())
