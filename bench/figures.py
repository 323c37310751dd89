"""What a benchmark says: figures, measured in rounds, beside others of the same rounds, and what was aimed at."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

# Names of those that are measured; the goals are about the first.
PRODUCT = "Bastion"
SSH = "ssh -tt"
WEBSSH = "webssh"


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound for the product's median, or for its ratio to another one's in the same round."""

    bound: float
    against: str = ""
    is_least: bool = False

    def __str__(self) -> str:
        sign = "≥" if self.is_least else "≤"
        return f"{sign} {self.bound:g} × {self.against}" if self.against else f"{sign} {self.bound:g}"

    def verdict(self, value: float) -> str:
        """Return "met", or by how much it is missed."""
        is_met = value >= self.bound if self.is_least else value <= self.bound
        return "met" if is_met else f"missed by {abs(value / self.bound - 1):.0%}"


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some rounds, and the least and the most of them."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(statistics.median(values), min(values), max(values))

    def __str__(self) -> str:
        if self.least == self.most:
            return _short(self.median)
        return f"{_short(self.median)} ({_short(self.least)}–{_short(self.most)})"


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing that was measured: for everyone who took part, one value for each round, in the rounds' order."""

    name: str
    unit: str
    rounds: Mapping[str, Sequence[float]]
    goals: Sequence[Goal] = ()
    note: str = ""

    def spread(self, name: str) -> Spread | None:
        values = self.rounds.get(name)
        return Spread.of(values) if values else None

    def ratio(self, against: str) -> Spread | None:
        """Return the product's value divided by the other one's, round by round."""
        ours, theirs = self.rounds.get(PRODUCT, ()), self.rounds.get(against, ())
        ratios = [our / their for our, their in zip(ours, theirs, strict=False) if their]
        return Spread.of(ratios) if ratios else None

    def verdict(self, goal: Goal) -> str:
        spread = self.ratio(goal.against) if goal.against else self.spread(PRODUCT)
        return goal.verdict(spread.median) if spread else "not measured"

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Figure:
        goals = [Goal(each["bound"], each["against"], each["is_least"]) for each in saved["goals"]]
        return cls(saved["name"], saved["unit"], saved["rounds"], goals, saved["note"])

    def as_json(self) -> dict[str, Any]:
        goals = [{**asdict(goal), "text": str(goal), "verdict": self.verdict(goal)} for goal in self.goals]
        ratios = {other: asdict(spread) for other in self.rounds if other != PRODUCT and (spread := self.ratio(other))}
        return {
            "name": self.name,
            "unit": self.unit,
            "rounds": {name: [round(value, 4) for value in values] for name, values in self.rounds.items()},
            "ratios": ratios,
            "goals": goals,
            "note": self.note,
        }


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the nearest value such that `percent` % are not above it."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(percent / 100 * (len(ordered) - 1)))]


def _short(value: float) -> str:
    """Return three digits that count."""
    magnitude = abs(value)
    for least, digits in ((100, 0), (10, 1), (0.095, 2), (0, 3)):
        if magnitude >= least:
            return f"{value:.{digits}f}"
    return f"{value}"
