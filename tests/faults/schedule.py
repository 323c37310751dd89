"""Which fault comes when: told by a seed alone, so that a run can be repeated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from random import Random


class Kind(StrEnum):
    """What is done, to whom. `front` is between browsers and the web process, `back` between it and the host."""

    KILL_WEB = "kill web"
    KILL_ALL = "kill everything at once"
    KILL_WORKER = "kill worker"
    KILL_SUPERVISOR = "kill supervisor"
    KILL_VALKEY = "kill valkey"
    STOP_WEB = "stop and continue web"
    STOP_WORKER = "stop and continue worker"
    STOP_VALKEY = "stop and continue valkey"
    END_WEB = "end web with SIGTERM"
    DELAY = "delay"
    FREEZE = "freeze"
    CUT = "cut"
    RESET = "reset"
    HALF_CLOSE = "close one half"
    REVOKE = "revoke a grant"


# How often, against each other. Most kills hit the process that records.
WEIGHTS = {
    Kind.KILL_WEB: 60,
    Kind.KILL_ALL: 2,
    Kind.KILL_WORKER: 4,
    Kind.KILL_SUPERVISOR: 1,
    Kind.KILL_VALKEY: 4,
    Kind.STOP_WEB: 4,
    Kind.STOP_WORKER: 2,
    Kind.STOP_VALKEY: 3,
    Kind.END_WEB: 2,
    Kind.DELAY: 4,
    Kind.FREEZE: 3,
    Kind.CUT: 3,
    Kind.RESET: 3,
    Kind.HALF_CLOSE: 3,
    Kind.REVOKE: 4,
}
# So many of the faults wait until people are at work; the others hit processes that start and recover.
PATIENT = 0.8
LONGEST_PAUSE = 1.2


@dataclass(frozen=True, slots=True)
class Fault:
    """What, and when: `pause` seconds after the fault before it, or after people are at work again.

    `which`, from 0 to 1, picks one of several; `seconds` is its length.
    """

    kind: Kind
    pause: float
    which: float
    seconds: float
    waits_for_people: bool = False


def faults(seed: int) -> Iterator[Fault]:
    """Yield faults without end, the same for the same seed."""
    dice = Random(seed)  # noqa: S311 - has to be repeatable
    kinds, weights = list(WEIGHTS), list(WEIGHTS.values())
    while True:
        kind = dice.choices(kinds, weights)[0]
        pause, which, seconds = dice.uniform(0, LONGEST_PAUSE), dice.random(), dice.uniform(0.1, 1.5)
        yield Fault(kind, pause, which, seconds, waits_for_people=dice.random() < PATIENT)
