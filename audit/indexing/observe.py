"""The one pass over a recording that has a screen: it notes where the cursor rests and what is submitted.

What a prompt is cannot be known yet when it is first seen, so nothing is decided here (see `commands.py`). The state
goes from segment to segment as plain JSON; a pass that is interrupted at a border and taken up again gives the same
observations as one that is not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final, assert_never

from audit.events import Event, Exit, HiddenInput, Input, Marker, Output, Resize
from audit.indexing.batch import ECHO, QUIET, Batch
from audit.indexing.keys import enters_in, is_interrupt, typed_in
from audit.indexing.line_watch import LineWatch
from audit.indexing.observations import Finish, How, Keys, Observation
from audit.indexing.screen import Cursor, Screen
from audit.indexing.shell_marks import command_beside, status_of, unescaped
from audit.indexing.tokens import Clear, Mode, NewLine, Reset, SystemCommand, Text, Token, Tokenizer, complete_until

# A shell that is gone cannot switch bracketed paste off. Completion lists are shorter than this.
MAX_LIST: Final = 400

_ALTERNATE: Final = frozenset({47, 1047, 1049})
_PASTE: Final = 2004
_HOME: Final = Cursor(0, 0)


@dataclass
class _State:
    """What the observer carries besides the screen and the line; plain values only."""

    t: float = 0.0
    is_settled: bool = True
    has_keys: bool = False
    in_alternate: bool = False
    # The shell's line editor is at work: it switched bracketed paste on, or marked the end of its prompt.
    in_paste: bool = False
    has_mark: bool = False
    # This shell also marks where a command starts to run.
    has_start_marks: bool = False
    # Bracketed paste was switched on and the prompt that belongs to it has not been seen yet.
    expects_prompt: bool = False
    # Something was printed since. Some shells print their prompt before they switch it on, others after.
    printed: bool = False
    newlines: int = 0


class Observer:
    """Feeds events to a screen and collects observations, which `take` hands out.

    Output that only scrolls, or only draws, is shown some events at a time; `flush` shows what waits.

    Listeners: `on_scrolled(t, lines)`, `on_title(t, title)`; `on_entered()`: a line was submitted, so that what is
    printed from here on is another command's; `on_batch(row, events)`: events, each (t, line feeds), went to the screen
    at once while the cursor was in `row`, called before their `on_scrolled`; and, called before the screen changes,
    `on_alternate(t, is_on)` and `on_clear(t)`.
    """

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self.on_scrolled: Callable[[float, list[str]], None] = _ignore
        self.on_title: Callable[[float, str], None] = _ignore
        self.on_alternate: Callable[[float, bool], None] = _ignore
        self.on_clear: Callable[[float], None] = _ignore
        self.on_batch: Callable[[int, list[tuple[float, int]]], None] = _ignore
        self.on_entered: Callable[[], None] = _ignore
        self._batch = Batch()
        self._tokenizer = Tokenizer()
        self._state = _State()
        self._line = LineWatch(screen)
        self._is_ahead = False

    @property
    def in_alternate(self) -> bool:
        """Whether a full-screen program has the screen."""
        return self._state.in_alternate

    def take(self) -> list[Observation]:
        """Return the observations since the last time."""
        self.flush()
        found, self._line.found = self._line.found, []
        return found

    def forget_found(self) -> None:
        """Let go of the observations since the last time."""
        self._line.found.clear()

    def feed(self, event: Event) -> bool:
        """Take an event; return whether the screen shows it already, or only after `flush` or the next of some event.

        Raises ScreenError, which loses what waited, too.
        """
        if isinstance(event, Output) and self._batch.takes(event.t, event.text):
            return False
        self.flush()
        self._batch.stop()
        self._feed_now(event)
        return True

    def flush(self) -> None:
        """Show the output that waits. Raises ScreenError."""
        if not self._batch:
            return
        state = self._state
        times, texts = self._batch.stop()
        text = "".join(texts)
        if not state.in_alternate and self._line.may_be_typed_ahead(text, most=len(text)):
            for t, each in zip(times, texts, strict=True):
                self._output(t, each)
                self.on_batch(self.screen.scrolled + self.screen.cursor.row, [(t, 0)])
            return
        text = self._tokenizer.incomplete + text
        end = complete_until(text)
        self._tokenizer.incomplete = text[end:]
        state.t, state.is_settled, state.printed = times[-1], False, True
        row = self.screen.scrolled + self.screen.cursor.row
        lines = self.screen.feed(text[:end])
        self.on_batch(row, [(t, each.count("\n")) for t, each in zip(times, texts, strict=True)])
        self._scrolled(state.t, lines)

    def _feed_now(self, event: Event) -> None:
        match event:
            case Output():
                self._output(event.t, event.text)
                if self._is_calm:
                    incomplete, is_full_screen = self._tokenizer.incomplete, self._state.in_alternate
                    self._batch.start(event.t, event.text, incomplete, is_full_screen=is_full_screen)
            case Input():
                self._keys(event.t, event.text)
            case HiddenInput():
                self._settle("key")
                # Nobody knows what it was; it may well have ended with Enter.
                self._line.enters += 1
                self._line.typed.hide()
            case Resize():
                self._resize(event)
            case Marker() | Exit():
                pass
            case _:
                assert_never(event)

    def state(self) -> dict[str, object]:
        """Return plain JSON values for `restore`. Observations that were not taken are not part of it."""
        self.flush()
        return {
            "screen": self.screen.state(),
            "state": asdict(self._state),
            "line": self._line.state(),
            "incomplete": self._tokenizer.incomplete,
        }

    @classmethod
    def restore(cls, state: dict[str, Any]) -> Observer:
        observer = cls(Screen.restore(state["screen"]))
        observer._state = _State(**state["state"])
        observer._line.restore_state(state["line"])
        observer._tokenizer = Tokenizer(state["incomplete"])
        return observer

    # Events

    def _output(self, t: float, text: str) -> None:
        state = self._state
        if t - state.t >= QUIET:
            self._settle("quiet")
        elif len(text) <= ECHO:
            self._settle("echo", only_likely=True)
        state.t = t
        state.is_settled = False
        self._is_ahead = self._line.may_be_typed_ahead(text)
        self._choose_tokens()
        for token in self._tokenizer.feed(text):
            self._token(token)
            self._choose_tokens()
        if state.expects_prompt and state.printed:
            self._look("paste")

    @property
    def _is_calm(self) -> bool:
        """Whether no line is being edited and none is expected to be soon."""
        state = self._state
        is_line = self._line.is_editing or state.in_paste or state.has_mark or state.expects_prompt
        return state.in_alternate or not is_line

    def _choose_tokens(self) -> None:
        state = self._state
        is_line = self._line.is_editing or self._is_ahead or state.in_paste or state.has_mark
        self._tokenizer.wants_lines = is_line and not state.in_alternate

    def _keys(self, t: float, text: str) -> None:
        typed = typed_in(text)
        if not typed:
            return
        self._settle("key")
        enters = enters_in(typed)
        if enters and not self._state.has_keys:
            self._state.has_keys = True
            self._line.found.append(Keys(t))
        self._line.enters += enters
        if enters:
            self.on_entered()
        self._line.typed.add(typed)
        self._line.interrupted = is_interrupt(typed)

    def _resize(self, event: Resize) -> None:
        self._scrolled(event.t, self.screen.resize(event.cols, event.rows))
        # Lines are wrapped anew, so rows have other numbers.
        self._line.lose_place()

    def _settle(self, how: How, *, only_likely: bool = False) -> None:
        state = self._state
        if state.is_settled:
            return
        state.is_settled = True
        self._look("paste" if state.expects_prompt else how, only_likely=only_likely)

    def _look(self, how: How, *, only_likely: bool = False) -> None:
        if not self._state.in_alternate and self._line.look(self._state.t, how, only_likely=only_likely):
            self._state.expects_prompt = False

    # Tokens

    def _token(self, token: Token) -> None:
        match token:
            case Text(text):
                self._state.printed = True
                self._show(text)
            case NewLine(text):
                self._newline()
                self._show(text)
            case Mode():
                self._mode(token)
                self._show(token.text)
            case Clear(text, is_whole):
                if is_whole or self.screen.cursor == _HOME:
                    self.on_clear(self._state.t)
                self._show(text)
            case Reset(text):
                self.on_clear(self._state.t)
                self._switch_alternate(is_on=False)
                self._state.in_paste = False
                self._show(text)
            case SystemCommand(number, data):
                self._system_command(number, data)
            case _:
                assert_never(token)

    def _show(self, text: str) -> None:
        self._scrolled(self._state.t, self.screen.feed(text))

    def _scrolled(self, t: float, lines: list[str]) -> None:
        if lines:
            self.on_scrolled(t, lines)

    def _newline(self) -> None:
        state = self._state
        if state.in_alternate:
            return
        if state.in_paste or state.has_mark:
            self._line.note_feed(state.t, "paste" if state.in_paste else "mark")
            state.newlines += 1
            if state.newlines > MAX_LIST:
                state.in_paste = state.has_mark = False
        elif self._line.is_editing or (self._is_ahead and self._line.begins_with_prompt()):
            self._line.submit(state.t, "quiet")
            self.on_entered()
            state.expects_prompt = False

    def _mode(self, token: Mode) -> None:
        if token.modes & _ALTERNATE:
            self._switch_alternate(token.is_on)
        elif _PASTE in token.modes and not self._state.in_alternate:
            self._switch_paste(token.is_on)

    def _switch_alternate(self, is_on: bool) -> None:
        if is_on == self._state.in_alternate:
            return
        self.on_alternate(self._state.t, is_on)
        self._state.in_alternate = is_on
        self._line.forget_line()

    def _switch_paste(self, is_on: bool) -> None:
        state = self._state
        if is_on:
            # A program that edits lines itself, as fish's `read`, can keep its shell from switching this off.
            self._line.submit_at_first_feed()
            self._line.forget_line()
            self._begin_line()
            state.in_paste, state.expects_prompt, state.printed = True, True, False
            self._look("paste", only_likely=True)
        elif state.in_paste and state.has_mark and state.has_start_marks:
            # The shell will say whether it runs this or whether it was given up.
            state.in_paste = False
            self._line.note_end(state.t, "mark")
        elif state.in_paste:
            self._submit("paste")

    def _system_command(self, number: str, data: str) -> None:
        if number in {"0", "2"}:
            self.on_title(self._state.t, data)
        elif number in {"133", "633"} and not self._state.in_alternate:
            self._mark(*data.partition(";")[::2])

    def _mark(self, kind: str, data: str) -> None:
        state = self._state
        match kind:
            case "B":
                self._line.forget_line()
                self._begin_line()
                state.has_mark = True
                self._look("mark")
            case "E":
                self._line.told = unescaped(data)
            case "C":
                state.has_start_marks = True
                self._line.told = self._line.told or command_beside(data)
                if state.has_mark:
                    self._submit("mark")
                else:
                    self._line.tell_last()
            case "D":
                self._line.found.append(Finish(state.t, status_of(data)))
            case _:
                pass

    def _begin_line(self) -> None:
        self._state.newlines = 0
        self._line.forget_feeds()

    def _submit(self, how: How) -> None:
        self._line.submit(self._state.t, how)
        self.on_entered()
        self._state.has_mark = self._state.in_paste = self._state.expects_prompt = False


def _ignore(*_: object) -> None:
    """Let it pass."""
