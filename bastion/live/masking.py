"""What may be kept of the input: lines that the terminal showed back whole, and of the rest only how much there was.

A line is judged as one. Unrelated output can look like the echo of a key, but hardly like that of every key of a
secret in its order: so no key of a line is kept before the line has ended and all of it was echoed.
"""

from __future__ import annotations

import codecs
import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from audit.events import Event, HiddenInput, Input
from bastion.live.cursor_line import LONGEST, CursorLine
from bastion.live.secret_prompts import asks_for_secret
from hosts.models import InputPolicy

# Typed characters that did not come back as output within this time were not echoed. Longer than the way to most
# hosts and back, shorter than a person's pause before the Enter that ends a password.
ECHO_SECONDS: Final = 0.5
# A line that is longer than any secret is kept as far as it was echoed.
LONGEST_HELD: Final = 4096
# Keys that no terminal echoes as they are: arrows, function keys, the mouse, what brackets a paste, the answers that
# terminals give by themselves, and last what Alt and a character send.
_SEQUENCE: Final = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|O[A-Za-z]|\][0-9]+;[0-9;]*rgba?:[0-9a-fA-F/]*(?:\x07|\x1b\\)|P[01>][^\x07\x1b]*\x1b\\"
    r"|[ -~])"
)
_ENDS_LINE: Final = frozenset("\r\n\x03\x04\x1a")
# How terminals show a key that ends a line, and one that does not.
_LINE_BREAK: Final = re.compile(r"(?:\^[CDZ])?[\r\n]*")
_CONTROL_ECHO: Final = re.compile(r"(?:\^[@-_?]|\x08 ?\x08?|\x07)?")
# What may follow an echo in the same read: a line break, or how readline goes to the next row of the screen.
_AFTER_ECHO: Final = re.compile(r"$|\r*\n| \r$")


@dataclass(slots=True)
class _Line:
    """Typed keys up to one that ends the line. Of `keys`, the first `echoed` need no further echo.

    `is_closed` says that a new line was begun although nothing that was typed ended this one.
    """

    keys: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    echoed: int = 0
    is_hidden: bool = False
    has_text: bool = False
    is_closed: bool = False

    @property
    def is_ended(self) -> bool:
        return self.is_closed or (bool(self.keys) and self.keys[-1] in _ENDS_LINE)

    def add(self, key: str, t: float) -> None:
        self.keys.append(key)
        self.times.append(t)
        self.has_text = self.has_text or _tells_text(key)
        self.note_echoed(self.echoed)

    def note_echoed(self, count: int) -> None:
        """Take `count` keys for echoed, and the control keys behind them: these have no echo of their own."""
        while count < len(self.keys) and _is_control(self.keys[count]):
            count += 1
        self.echoed = count

    def take(self, t: float) -> list[Event]:
        """Return, and forget, what is certain about this line at the time `t`."""
        if self.echoed < len(self.keys) and t - self.times[self.echoed] >= ECHO_SECONDS:
            self.is_hidden = True
        is_kept = self.echoed == len(self.keys) and (
            self.is_ended or not self.has_text or len(self.keys) > LONGEST_HELD
        )
        if not (self.is_hidden or is_kept):
            return []
        events = self.events(t)
        self.keys, self.times, self.echoed = [], [], 0
        return events

    def events(self, t: float) -> list[Event]:
        """Return the keys; of a hidden line only those that tell what was done, and counts for what was written."""
        if not self.is_hidden:
            return [Input(t, "".join(self.keys))] if self.keys else []
        return [HiddenInput(t, 1) if _tells_text(key) else Input(t, key) for key in self.keys]


class InputKeeper:
    """Turns typed bytes into events under a host's policy. `typed` and `shown` are told in the order of time."""

    def __init__(self, policy: InputPolicy) -> None:
        self._policy = policy
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._cursor_line = CursorLine()
        # Whether a secret is asked for; None where nobody has looked since the last output that was no echo.
        self._is_asked: bool | None = None
        # The oldest first. All but the last have ended; a hidden one stays, empty, until it does.
        self._lines: deque[_Line] = deque()

    @property
    def is_waiting(self) -> bool:
        return any(line.keys for line in self._lines)

    def typed(self, data: bytes, t: float) -> list[Event]:
        """Take what was typed at `t` and return what is certain."""
        text = self._decode(data)
        if self._policy == InputPolicy.OFF or not text:
            return []
        if self._policy == InputPolicy.FULL:
            return [Input(t, text)]
        for key in _keys(text):
            if not self._lines or self._lines[-1].is_ended:
                self._lines.append(_Line())
            self._lines[-1].add(key, t)
        return self.settle(t)

    def shown(self, text: str, t: float) -> list[Event]:
        """Take output of `t`: what it repeats of the waiting input was echoed."""
        if self._policy != InputPolicy.MASKED:
            return []
        if not self._lines:
            self._cursor_line.put_off(text)
            self._is_asked = None
            return []
        self._cursor_line.feed(text)
        if self._cursor_line.is_fresh:
            self._lines[-1].is_closed = True
        if not self._note_echo():
            self._is_asked = None
        return self.settle(t)

    def settle(self, t: float) -> list[Event]:
        """Return what is certain at `t`: lines that were echoed, and a count of what waited too long for its echo."""
        events: list[Event] = []
        if self._lines and self._is_asked is None:
            self._is_asked = asks_for_secret(self._cursor_line.before, self._cursor_line.above)
        while self._lines:
            line = self._lines[0]
            line.is_hidden = line.is_hidden or bool(self._is_asked)
            is_ended = line.is_ended
            events += line.take(t)
            if line.keys or not is_ended:
                break
            self._lines.popleft()
        return _joined(events)

    def flush(self, t: float) -> list[Event]:
        """The session ends: nothing more will be echoed."""
        events: list[Event] = []
        for line in self._lines:
            line.is_hidden = line.is_hidden or line.echoed < len(line.keys)
            events += line.events(t)
        self._lines.clear()
        return _joined(events)

    def _note_echo(self) -> bool:
        """Count as echoed what the last output repeats; False if it is no echo."""
        # The first line may be one that is never echoed; the last is the one that is being typed. Which of them an echo
        # is for cannot be told, so it counts for both.
        last = self._lines[-1]
        before = last.echoed
        is_echo = self._note_exact_echo(self._lines) or self._note_redrawn(self._lines[0])
        if last.echoed == before and last is not self._lines[0]:
            is_echo = self._note_exact_echo([last]) or self._note_redrawn(last) or is_echo
        return is_echo

    def _note_exact_echo(self, lines: Sequence[_Line]) -> bool:
        """Count the keys that the last output repeats, at its beginning or in its last line."""
        plain = self._cursor_line.plain
        starts = {len(plain) - len(plain.lstrip("\r\n")), plain.rstrip("\r\n").rfind("\n") + 1}
        return any(self._note_echo_from(start, lines) for start in sorted(starts))

    def _note_echo_from(self, position: int, lines: Sequence[_Line]) -> bool:
        """Count the keys that stand in the output from `position` on, if nothing else does before a line break."""
        plain = self._cursor_line.plain
        counts: list[int] = []
        for line in lines:
            if line.is_hidden:
                break
            count, position = _repeated(line, plain, position)
            is_whole = count == len(line.keys)
            if not is_whole and not _AFTER_ECHO.match(plain, position):
                # What follows the Enter of the line before is the host's answer.
                break
            counts.append(count)
            if not is_whole or position == len(plain):
                break
        is_echo = any(count > line.echoed for count, line in zip(counts, lines, strict=False))
        if is_echo:
            for count, line in zip(counts, lines, strict=False):
                line.note_echoed(count)
        return is_echo

    def _note_redrawn(self, line: _Line) -> bool:
        """Count the keys of `line` that stand, as they would after editing, left of a cursor that was moved there.

        Shells that colour what is typed go back and print the word again; completion comes before the next keys.
        """
        if line.is_hidden or not (self._cursor_line.is_redrawn or "\t" in line.keys[:LONGEST]):
            return False
        before = self._cursor_line.before
        count, edited = line.echoed, ""
        for number, key in enumerate(line.keys[:LONGEST], 1):
            edited = _edit(edited, key)
            if number > count and edited and before and _is_end_of(edited, before, number - count):
                count = number
        is_echo = count > line.echoed
        line.note_echoed(count)
        return is_echo


def _repeated(line: _Line, plain: str, position: int) -> tuple[int, int]:
    """Return how many keys of `line` are echoed with `plain` from `position` on, and where that ends."""
    count = line.echoed
    for key in line.keys[line.echoed :]:
        if key in _ENDS_LINE:
            found = _LINE_BREAK.match(plain, position)
        elif _is_control(key):
            found = _CONTROL_ECHO.match(plain, position)
        elif plain.startswith(key, position):
            found = None
            position += len(key)
        else:
            break
        position = found.end() if found else position
        count += 1
    return count, position


def _is_end_of(edited: str, before: str, fresh: int) -> bool:
    """Whether the last `fresh` characters that were typed are shown, in a row of the screen that is theirs alone."""
    return before.endswith(edited) or (fresh <= len(before) and edited.endswith(before))


def _edit(text: str, key: str) -> str:
    """Return the line after a key, as far as it is known from where it was typed on."""
    match key:
        case "\x7f" | "\b":
            return text[:-1]
        case "\x17":
            return text.rstrip()[: text.rstrip().rfind(" ") + 1]
        case _:
            return "" if _is_control(key) else text + key


def _keys(text: str) -> list[str]:
    """Split typed text into characters and the whole sequences that keys send."""
    keys: list[str] = []
    position = 0
    for match in _SEQUENCE.finditer(text):
        keys += text[position : match.start()]
        keys.append(match.group())
        position = match.end()
    return [*keys, *text[position:]]


def _is_control(key: str) -> bool:
    return key < " " or key == "\x7f" or len(key) > 1


def _tells_text(key: str) -> bool:
    """Whether a key is, or hides in it, a character."""
    return not _is_control(key) or key == "\x1b" or (len(key) == len("\x1bx") and key[0] == "\x1b")


def _joined(events: list[Event]) -> list[Event]:
    """Join neighbours of one kind."""
    joined: list[Event] = []
    for event in events:
        last = joined[-1] if joined else None
        if isinstance(last, Input) and isinstance(event, Input):
            joined[-1] = Input(event.t, last.text + event.text)
        elif isinstance(last, HiddenInput) and isinstance(event, HiddenInput):
            joined[-1] = HiddenInput(event.t, last.count + event.count)
        else:
            joined.append(event)
    return joined
