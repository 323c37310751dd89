"""How much is measured: the whole table in under three quarters of an hour, or its short form in five minutes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """Counts of one run. Megabytes are millions of bytes of terminal output, keys are for each measurement."""

    is_quick: bool
    rounds: int
    # Of scenarios whose rounds take long.
    long_rounds: int
    megabytes: int
    keys: int
    connects: int
    idle_sessions: tuple[int, int]
    idle_seconds: float
    # After which sessions that were opened are idle.
    settle_seconds: float
    # From the last prompt on, until its output is stored (BASTION_SEGMENT_SECONDS): what comes later is idling alone.
    stored_seconds: float
    # Sessions that stream beside the one that types.
    loads: tuple[int, ...]
    capacity: tuple[int, ...]
    parallel_megabytes: int
    variant_megabytes: int
    viewers: int
    growth_megabytes: int


FULL = Sizes(
    is_quick=False,
    rounds=5,
    long_rounds=5,
    megabytes=200,
    keys=500,
    connects=20,
    idle_sessions=(50, 200),
    idle_seconds=20.0,
    settle_seconds=3.0,
    stored_seconds=40.0,
    loads=(20, 60),
    capacity=(100, 150, 200, 250, 300),
    parallel_megabytes=20,
    variant_megabytes=100,
    viewers=50,
    growth_megabytes=1000,
)

QUICK = Sizes(
    is_quick=True,
    rounds=3,
    long_rounds=2,
    megabytes=20,
    keys=150,
    connects=5,
    idle_sessions=(10, 50),
    idle_seconds=3.0,
    settle_seconds=1.5,
    stored_seconds=0.0,
    loads=(20, 60),
    capacity=(60, 100),
    parallel_megabytes=4,
    variant_megabytes=10,
    viewers=50,
    growth_megabytes=100,
)
