"""From observations to the commands that were run: a pure function, so that it can be repeated and tested.

The screen is all there is in most recordings. Shells that mark their prompts (OSC 133, OSC 633) are believed, those
that switch bracketed paste on and off nearly so; for all others the prompts are learned (see `prompts.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from audit.indexing.observations import Finish, Keys, Observation, Rest, Submission
from audit.indexing.prompts import Prompts, guess, is_continuation, is_doubtful, learn, style_of
from audit.indexing.rows import (
    as_typed,
    is_typed_ahead,
    joined,
    without_prefix,
    without_right_prompt,
    without_stale_text,
)
from audit.indexing.shell_syntax import is_incomplete, starts_shell

Overall = Literal["marked", "learned", "guessed", "not_found"]

_CONFIDENCE: Final = {"mark": 0.99, "paste": 0.95}
_LEARNED: Final = 0.85
_GUESSED: Final = 0.5
_INTERRUPTED: Final = re.compile(r"\^C\s*$")
# A shell may tell its command line with anything in it; what a screen shows holds none of these.
_CONTROLS: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_LONGEST: Final = 65536
_ECHOED_AT_END: Final = frozenset({"exit", "logout"})


@dataclass(frozen=True, slots=True)
class FoundCommand:
    """A command, when it was submitted, and when the next prompt was there (nothing if that was not seen).

    `source` is shell-mark (the shell told it), screen (seen, and Enter was pressed) or screen-only. `confidence` is
    the estimated probability that exactly this was run.
    """

    t: float
    end_t: float | None
    command: str
    source: str
    confidence: float
    exit_status: int | None = None


@dataclass(frozen=True)
class Findings:
    """The commands of a recording, and how the prompts were found; `not_found` means unknown, not none."""

    commands: tuple[FoundCommand, ...]
    overall: Overall


@dataclass(frozen=True)
class Learned:
    """The prompts of a recording, and whether they are a guess."""

    prompts: Prompts
    is_guess: bool


def derive(observations: Sequence[Observation], learned: Learned | None = None) -> Findings:
    """Tell the commands of a recording, or of a part of it whose prompts were learned from more."""
    learned = learned or learn_prompts(observations)
    reader = _Reader(learned)
    for observation in observations:
        reader.read(observation)
    return Findings(tuple(reader.found), _overall(observations, reader.found, learned))


def learn_prompts(observations: Sequence[Observation]) -> Learned:
    """Learn the prompts, then again knowing which resting places followed commands that start a shell, or do not.

    Where none can be learned, guess.
    """
    prompts = learn(observations)
    if not prompts:
        return Learned(guess(observations), is_guess=True)
    believed, doubted = _first_seen(observations, prompts)
    return Learned(learn(observations, believed, doubted), is_guess=False)


def _first_seen(observations: Sequence[Observation], prompts: Prompts) -> tuple[list[Rest], list[Rest]]:
    """Return the rests that first show their style while a shell that was started runs, and while something else runs.

    The prompt at which the first command was given is the recording's own, whatever it looks like.
    """
    reader = _Reader(Learned(prompts, is_guess=False))
    seen: set[str] = set()
    believed, doubted = [], []
    for observation in observations:
        if isinstance(observation, Rest) and style_of(observation.before) not in seen:
            if reader.found and starts_shell(reader.found[-1].command):
                believed.append(observation)
            elif reader.found and is_doubtful(observation.before):
                doubted.append(observation)
            seen.add(style_of(observation.before))
        reader.read(observation)
    return believed, doubted


def _overall(observations: Iterable[Observation], found: Sequence[FoundCommand], learned: Learned) -> Overall:
    if any(command.source == "shell-mark" for command in found):
        return "marked"
    if any(isinstance(o, Rest) and o.how == "mark" for o in observations):
        return "marked"
    if not learned.prompts:
        return "not_found"
    return "guessed" if learned.is_guess else "learned"


class _Reader:
    """Reads observations in order, with the prompts known."""

    def __init__(self, learned: Learned) -> None:
        self.found: list[FoundCommand] = []
        self._prompts = learned.prompts
        self._is_guess = learned.is_guess
        self._has_keys = False
        self._enters = 0
        self._rest: Rest | None = None
        # The submission of the last command, while nothing but its continuation was seen.
        self._last: Submission | None = None
        self._goes_on = False

    def read(self, observation: Observation) -> None:
        match observation:
            case Rest():
                self._read_rest(observation)
            case Submission():
                self._read_submission(observation)
                self._rest = None
            case Finish(t, status):
                self._end(t, status)
            case Keys():
                self._has_keys = True

    def _read_rest(self, rest: Rest) -> None:
        self._rest = rest
        self._goes_on = self._is_continued_at(rest)
        if self._goes_on or not self._prompts.is_prompt(rest):
            return
        self._drop_completion_list(rest)
        self._end(rest.t, None)
        self._last = None

    def _is_continued_at(self, rest: Rest) -> bool:
        last = self._last
        if last is None or not self.found or not is_continuation(rest.before):
            return False
        return rest.row <= last.row + 1 and is_incomplete(self.found[-1].command)

    def _drop_completion_list(self, rest: Rest) -> None:
        """Forget the last command if it stands at the new prompt again at once: it was not run but completed."""
        last = self._last
        if last is None or last.how != "quiet" or not self.found:
            return
        length = self._prompts.length_in(rest.before) or 0
        text = rest.before[length:].strip()
        if text and text.startswith(self.found[-1].command.strip()):
            self.found.pop()

    def _end(self, t: float, status: int | None) -> None:
        if self.found and self.found[-1].end_t is None:
            self.found[-1] = replace(self.found[-1], end_t=t)
        if self.found and status is not None:
            self.found[-1] = replace(self.found[-1], exit_status=status)

    def _read_submission(self, submission: Submission) -> None:
        self._count_enters(submission)
        text = self._text_of(submission)
        if text is None:
            return
        if submission.interrupted or _INTERRUPTED.search(text):
            self._cancel()
            return
        if self._goes_on and self.found:
            joined = f"{self.found[-1].command}\n{text}"
            self.found[-1] = replace(self.found[-1], command=joined[:_LONGEST])
            self._last = submission
            return
        is_entered = self._enters > 0 or not self._has_keys
        self._enters = max(0, self._enters - 1)
        if not text.strip() or not is_entered or self._is_echoed_end(submission, text):
            return
        self.found.append(self._command(submission, _CONTROLS.sub("", text).strip()[:_LONGEST]))
        self._last = submission

    def _count_enters(self, submission: Submission) -> None:
        """Keep account of the Enter keys that no command was found for yet: keys may be typed ahead of the prompt."""
        if submission.steps and submission.enters:
            self._enters = 0
        self._enters += submission.enters

    def _cancel(self) -> None:
        if self._goes_on and self.found:
            self.found.pop()
        self._last = None
        self._goes_on = False

    @staticmethod
    def _is_echoed_end(submission: Submission, text: str) -> bool:
        """Whether this is what shells write themselves when Ctrl-D ends them."""
        return submission.how == "quiet" and submission.steps == 0 and text.strip() in _ECHOED_AT_END

    def _text_of(self, submission: Submission) -> str | None:
        """Return what was submitted at a prompt, or nothing if there was no prompt."""
        if submission.command is not None:
            return submission.command
        rest = self._rest if submission.anchored else None
        if self._goes_on and rest is not None and submission.lines:
            return without_prefix(submission.lines[-1], rest.before)
        for first in range(len(submission.lines) - 1, -1, -1):
            length = self._prompt_length(submission.lines[first], rest)
            if length is not None:
                return self._text_behind(length, submission, first, rest)
        return None

    def _text_behind(self, length: int, submission: Submission, first: int, rest: Rest | None) -> str:
        """Return what was submitted behind a prompt of `length` characters in line `first`."""
        line, others = submission.lines[first], submission.lines[first + 1 :]
        is_at_prompt = rest is not None and self._prompts.is_prompt(rest)
        if rest is not None and is_at_prompt:
            if not others and length >= len(rest.before.rstrip()):
                line = without_stale_text(line, rest, submission.col)
            line = without_right_prompt(line, rest)
        text = joined(line[length:], others, length, submission.cols)
        if rest is None or not (is_at_prompt or is_typed_ahead(rest, submission)):
            return text
        return as_typed(text, submission.typed, rest.before[length:])

    def _prompt_length(self, line: str, rest: Rest | None) -> int | None:
        if rest is not None and line.startswith(rest.before.rstrip()):
            length = len(rest.before) if rest.how == "mark" else self._prompts.length_at(rest)
            if length is not None:
                return length
        return self._prompts.length_in(line)

    def _command(self, submission: Submission, text: str) -> FoundCommand:
        is_marked = submission.how == "mark" or (self._rest is not None and self._rest.how == "mark")
        if submission.command is not None or is_marked:
            return FoundCommand(submission.t, None, text, "shell-mark", _CONFIDENCE["mark"])
        confidence = _GUESSED if self._is_guess else _CONFIDENCE.get(submission.how, _LEARNED)
        source = "screen" if submission.enters else "screen-only"
        return FoundCommand(submission.t, None, text, source, confidence)
