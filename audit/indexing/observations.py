"""What one pass over a recording notes down for finding commands: small, plain, and all that is needed later."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

How = Literal["echo", "quiet", "key", "paste", "mark"]


@dataclass(frozen=True, slots=True)
class Rest:
    """The cursor came to rest behind some text in a fresh place, as it does behind a prompt.

    `how` says what makes it believable: something short that follows, a pause, a first key, bracketed paste being
    switched on, a shell's mark.
    `after` is the text on the same row right of the cursor (a right prompt), which begins at column `after_col`.
    Rows are counted over all that ever scrolled off. `is_begun` is whether the line had been typed at already, before
    the window changed its size.
    """

    t: float
    how: How
    row: int
    before: str
    after: str
    after_col: int
    is_begun: bool = False


@dataclass(frozen=True, slots=True)
class Submission:
    """A line that left the cursor behind as if Enter had been pressed.

    `lines` are the rows from the last resting place's row down to the cursor's, wrapped rows joined. `steps` counts
    how often the text grew after the rest. `enters` counts Enter keys since the submission before (always 0 when keys
    are not recorded); `interrupted` is whether Ctrl-C was pressed since the rest.
    `command` is the command's text if the shell itself told it. `typed` is the line as it was typed, if the keys tell
    that for certain; `col` is how many characters stood before the cursor in its row.
    """

    t: float
    how: How
    row: int
    cols: int
    lines: tuple[str, ...]
    steps: int
    enters: int
    interrupted: bool
    anchored: bool
    command: str | None = None
    typed: str | None = None
    col: int = 0


@dataclass(frozen=True, slots=True)
class Finish:
    """A shell said that its command ended, and with which status if it knows (OSC 133;D)."""

    t: float
    status: int | None


@dataclass(frozen=True, slots=True)
class Keys:
    """From here on, the recording is known to hold the keys that were pressed."""

    t: float


Observation = Rest | Submission | Finish | Keys

_CODES: Final = {Rest: "r", Submission: "s", Finish: "f", Keys: "k"}


def pack(observations: Iterable[Observation]) -> list[list[object]]:
    """Return observations as plain JSON values."""
    return [[_CODES[type(o)], *(getattr(o, name) for name in o.__slots__)] for o in observations]


def unpack(rows: Iterable[Sequence[Any]]) -> list[Observation]:
    """Undo `pack`."""
    return [_unpacked(*row) for row in rows]


def _unpacked(code: str, *values: Any) -> Observation:
    match code:
        case "r":
            return Rest(*values)
        case "s":
            submission = Submission(*values)
            return replace(submission, lines=tuple(submission.lines))
        case "f":
            return Finish(*values)
        case _:
            return Keys(*values)
