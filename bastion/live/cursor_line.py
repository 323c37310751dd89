"""What stands on the cursor's line, without a whole screen: enough to know a prompt and to find typed keys again."""

from __future__ import annotations

import re
from typing import Final

# What is kept of a line, and of a sequence whose end has not come.
LONGEST: Final = 400
# Of a long output, this much of its beginning and of its end is looked at.
_LOOKED_AT: Final = 8 * LONGEST
_ESCAPE: Final = re.compile(
    r"\x1b(?:\[([0-9;]*)([ABCDGHJKPX@df`a])|\[[0-?]*[ -/]*[@-~]|[\]P^_X][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-Z\\`-~])"
)
_CUT: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|[\]P^_X][^\x07\x1b]*\x1b?|[ -/]*)$")
_STEP: Final = re.compile(r"[\r\n\b]|[^\x00-\x1f\x7f]+")
# A shell's line editor begins a line, or a full-screen program gives the screen back.
_FRESH: Final = re.compile(r"\x1b\[\?(?:2004h|(?:1049|1047|47)l)")
_MOVES: Final = frozenset("ABCDGHdf`a")


class CursorLine:
    """Follows the output. `before` is the text left of the cursor, `above` the line that it came from.

    Output that nobody asks about is put off, and read when somebody does: a flood costs next to nothing. One character
    is one cell, and a cursor that jumps to another row finds it empty: rough, and enough for lines that are written
    from left to right.
    """

    def __init__(self) -> None:
        # What the last output was: the text without its escape sequences, whether the cursor went back or elsewhere
        # on its way, and whether a new line was begun that no older key belongs to.
        self.plain = ""
        self.is_redrawn = False
        self.is_fresh = False
        self._above = ""
        self._cells: list[str] = []
        self._col = 0
        self._cut = ""
        self._put_off = ""

    @property
    def before(self) -> str:
        self._catch_up()
        return "".join(self._cells[: self._col])

    @property
    def above(self) -> str:
        self._catch_up()
        return self._above

    def put_off(self, text: str) -> None:
        """Take the next output, of which only `before` and `above` will ever be asked."""
        self._put_off = (self._put_off + text[-_LOOKED_AT:])[-_LOOKED_AT:]

    def feed(self, text: str) -> None:
        """Take the next output. What is far behind in a long text is not looked at."""
        self._catch_up()
        text = self._cut + text
        self._cut = ""
        last = text.rfind("\x1b", len(text) - LONGEST if len(text) > LONGEST else 0)
        if last >= 0 and _CUT.match(text, last):
            text, self._cut = text[:last], text[last:]
        self.is_fresh = "\x1b[?" in text and bool(_FRESH.search(text))
        self.is_redrawn = "\b" in text or "\r" in text
        self.plain = _ESCAPE.sub("", text[:_LOOKED_AT])
        position = max(0, len(text) - _LOOKED_AT)
        for match in _ESCAPE.finditer(text, position):
            self._write(text[position : match.start()])
            self._obey(match.group(1), match.group(2))
            position = match.end()
        self._write(text[position:])

    def _catch_up(self) -> None:
        if self._put_off:
            text, self._put_off = self._put_off, ""
            self.feed(text)

    def _write(self, text: str) -> None:
        for step in _STEP.findall(text):
            match step:
                case "\r":
                    self._col = 0
                case "\b":
                    self._col = max(0, self._col - 1)
                case "\n":
                    self._leave("".join(self._cells))
                case _:
                    self._print(step)

    def _print(self, text: str) -> None:
        cells = self._cells
        cells += " " * (self._col - len(cells))
        cells[self._col : self._col + len(text)] = text
        self._col += len(text)
        if self._col > LONGEST:
            # The end of a long line tells as much as the whole.
            del cells[: self._col - LONGEST]
            self._col = LONGEST

    def _leave(self, above: str) -> None:
        self._above = above
        self._cells = []

    def _obey(self, parameters: str | None, final: str | None) -> None:
        if final is None:
            return
        self.is_redrawn = self.is_redrawn or final in _MOVES
        first, _, second = (parameters or "").partition(";")
        count = min(int(first or 1) or 1, LONGEST)
        match final:
            case "C" | "a":
                self._col = min(self._col + count, LONGEST)
            case "D":
                self._col = max(0, self._col - count)
            case "G" | "`":
                self._col = count - 1
            case "H" | "f":
                self._leave("")
                self._col = min(int(second.partition(";")[0] or 1) or 1, LONGEST) - 1
            case "A" | "B" | "d":
                self._leave("")
            case _:
                self._change(final, first, count)

    def _change(self, final: str, first: str, count: int) -> None:
        """Do what the sequences do that leave the cursor where it is."""
        match final:
            case "K" if first in {"", "0"}:
                del self._cells[self._col :]
            case "K" | "J" if first in {"1", "2", "3"}:
                self._cells = []
            case "P":
                del self._cells[self._col : self._col + count]
            case "@":
                self._cells[self._col : self._col] = " " * count
            case _:
                pass
