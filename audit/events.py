"""The closed set of things that happen on a terminal.

Every event carries `t`: seconds since the session started, from a monotonic clock, never decreasing.
The set is closed on purpose: code that handles events uses `match` and ends in `assert_never`, so a new kind
of event is a type error everywhere it is not thought of.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Output:
    """What the host's terminal printed. No event ever splits a character.

    `exact` holds the bytes as they came, and only where encoding `text` again in the host's encoding would not
    give them back (then `text` shows U+FFFD in their place).
    """

    t: float
    text: str
    exact: bytes | None = None


@dataclass(frozen=True, slots=True)
class Input:
    """What the person typed or pasted, as far as the host's input policy lets it be kept."""

    t: float
    text: str


@dataclass(frozen=True, slots=True)
class HiddenInput:
    """Input that the terminal did not echo, as at a password prompt: only how many characters there were."""

    t: float
    count: int


@dataclass(frozen=True, slots=True)
class Resize:
    """The terminal has `cols` columns and `rows` rows from now on."""

    t: float
    cols: int
    rows: int


@dataclass(frozen=True, slots=True)
class Marker:
    """A moment worth a name: a person left or came back, a gap, a warning."""

    t: float
    label: str


@dataclass(frozen=True, slots=True)
class Exit:
    """The program on the host ended, with a status or by a signal (SSH: RFC 4254, section 6.10)."""

    t: float
    status: int | None = None
    signal: str | None = None


Event = Output | Input | HiddenInput | Resize | Marker | Exit
