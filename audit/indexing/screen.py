"""The terminal's screen. This is the only module that knows which emulator we use."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from avt import Line, Vt  # type: ignore[attr-defined] # its stubs do not mark what they export
from avt.util import TextUnwrapper  # type: ignore[attr-defined]

T = TypeVar("T")

# Lone surrogates cannot be handed to the emulator, which takes UTF-8.
_SURROGATES: Final = re.compile("[\ud800-\udfff]")
# Screens come from recordings of anybody: the emulator allocates every cell of what it is asked for.
MAX_COLS: Final = 1000
MAX_ROWS: Final = 500
# The same goes for what scrolls off in one go: about 24 bytes a cell, and every character may be a row.
_CELLS_AT_ONCE: Final = 2**20
# A line goes on for as long as nobody ends it. It is handed out in pieces of exactly so many characters.
LONGEST_LINE: Final = 65536


class ScreenError(Exception):
    """The emulator failed. Its screen is lost; a fresh `Screen` can go on."""


@dataclass(frozen=True, slots=True)
class Cursor:
    row: int
    col: int


class Screen:
    """A terminal screen of `cols` x `rows` without scrollback: `feed` hands out each line as it scrolls off.

    Takes text without titles set by `ESC k`, which the emulator would print (see `tokens.py`). Every method may raise
    `ScreenError`.
    """

    def __init__(self, cols: int, rows: int) -> None:
        self._vt = _guarded(lambda: Vt(_clamped(cols, MAX_COLS), _clamped(rows, MAX_ROWS), scrollback_limit=0))
        self._unwrapper = TextUnwrapper()
        # The first rows of a wrapped line whose last row is still on the screen.
        self._partial: list[str] = []
        self._partial_length = 0
        # How many rows scrolled off: `scrolled + row` names a row for as long as nothing moves it.
        self.scrolled = 0

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows."""
        return self._vt.size

    @property
    def cursor(self) -> Cursor:
        cursor = _guarded(lambda: self._vt.cursor)
        return Cursor(min(cursor.row, self.size[1] - 1), cursor.col)

    def feed(self, text: str) -> list[str]:
        """Show `text`; return the lines that left the screen at its top.

        They are whole, except that a line of more than LONGEST_LINE characters comes in several, of that length each
        but for the last.
        """
        lines: list[str] = []
        step = max(1024, _CELLS_AT_ONCE // self.size[0])
        for start in range(0, len(text), step):
            piece = text[start : start + step] if len(text) > step else text
            lines += self._scrolled_off(self._fed(piece))
        return lines

    def _fed(self, text: str) -> list[Line]:
        try:
            return _guarded(lambda: self._vt.feed_str(text)[1])
        except ScreenError as error:
            if not isinstance(error.__cause__, UnicodeEncodeError):
                raise
            return _guarded(lambda: self._vt.feed_str(_SURROGATES.sub("\ufffd", text))[1])

    def resize(self, cols: int, rows: int) -> list[str]:
        """Change the size; return the lines that no longer fit."""
        return self._scrolled_off(
            _guarded(lambda: self._vt.resize(_clamped(cols, MAX_COLS), _clamped(rows, MAX_ROWS))[1])
        )

    def lines(self) -> list[str]:
        """Return the lines on the screen, wrapped rows joined, without blanks at their ends."""
        joined = [*self._partial]
        complete = []
        for line in _guarded(self._vt.view):
            text, goes_on = self._text_of(line)
            joined.append(text)
            if not goes_on:
                complete.append("".join(joined).rstrip())
                joined.clear()
        return [*complete, *(["".join(joined).rstrip()] if joined else [])]

    def row(self, row: int) -> tuple[str, bool]:
        """Return a row's text without blanks at its end, and whether it goes on in the next row."""
        text, goes_on = self._text_of(_guarded(lambda: self._vt[row]))
        return (text if goes_on else text.rstrip()), goes_on

    def around_cursor(self) -> tuple[str, str]:
        """Return the text of the cursor's row before and after the cursor."""
        cursor = self.cursor
        line = _guarded(lambda: self._vt[cursor.row])
        text = line.text
        if text.isascii():
            return text[: cursor.col], text[cursor.col :]
        cells = line.cells
        before, after = cells[: cursor.col], cells[cursor.col :]
        return "".join(c.char for c in before if c.width), "".join(c.char for c in after if c.width)

    def dump(self) -> str:
        """Return terminal output that rebuilds this screen in an empty terminal of the same size."""
        return _guarded(self._vt.dump)

    def state(self) -> list[object]:
        """Return what `restore` needs to go on in another process."""
        return [*self.size, self.dump(), "".join(self._partial), self.scrolled]

    @classmethod
    def restore(cls, state: list[object]) -> Screen:
        cols, rows, dump, partial, scrolled = state
        screen = cls(int(str(cols)), int(str(rows)))
        screen.feed(str(dump))
        screen._keep(str(partial))
        screen.scrolled = int(str(scrolled))
        return screen

    def _scrolled_off(self, rows: list[Line]) -> list[str]:
        self.scrolled += len(rows)
        if not rows:
            return []
        push = self._unwrapper.push
        lines = [text.rstrip() for row in rows if (text := push(row)) is not None]
        rest = self._unwrapper.flush()
        if self._partial and lines:
            lines[:1] = self._let_go(lines[0])
        if rest:
            self._keep(rest)
            lines += self._overlong()
        return lines

    def _keep(self, text: str) -> None:
        self._partial.append(text)
        self._partial_length += len(text)

    def _let_go(self, end: str) -> list[str]:
        """Return the line that began earlier, with its end, in pieces if it is too long."""
        self._keep(end)
        pieces = self._overlong()
        pieces.append("".join(self._partial).rstrip())
        self._partial.clear()
        self._partial_length = 0
        return pieces

    def _overlong(self) -> list[str]:
        """Take the pieces of LONGEST_LINE characters out of the line that is not complete yet."""
        if self._partial_length <= LONGEST_LINE:
            return []
        text = "".join(self._partial)
        whole = (len(text) - 1) // LONGEST_LINE * LONGEST_LINE
        self._partial = [text[whole:]]
        self._partial_length = len(text) - whole
        return [text[start : start + LONGEST_LINE] for start in range(0, whole, LONGEST_LINE)]

    def _text_of(self, line: Line) -> tuple[str, bool]:
        text = self._unwrapper.push(line)
        if text is not None:
            return text, False
        return self._unwrapper.flush() or "", True


def _clamped(size: int, limit: int) -> int:
    return max(1, min(size, limit))


def _guarded(use: Callable[[], T]) -> T:
    """Use the emulator; turn its failures, which are Rust panics and as such no `Exception`, into `ScreenError`."""
    try:
        return use()
    except (KeyboardInterrupt, SystemExit, MemoryError, ScreenError):
        raise
    except BaseException as error:
        if isinstance(error, Exception) or type(error).__name__ == "PanicException":
            raise ScreenError(f"the screen engine failed: {error}") from error
        raise
