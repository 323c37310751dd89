"""What a run leaves behind: JSON for later, a table for people, and the table in docs/performance.md."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.figures import PRODUCT, Figure
from bench.in_product import ROOT
from bench.machine import facts

DIRECTORY = ROOT / "bench" / "results"
DOCUMENT = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- table: written by python -m bench --write-docs -->", "<!-- end of table -->"
HEAD = ("figure", "unit", PRODUCT, "beside", "", f"{PRODUCT} ÷ it", "goal", "verdict")


@dataclass
class Results:
    """Figures of one run and what failed. `kind` is "full", "quick", or a "-part" of these."""

    kind: str
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    facts: dict[str, Any] = field(default_factory=facts)
    figures: list[Figure] = field(default_factory=list)
    # What bench/search.py and its like printed, by name.
    collected: dict[str, Any] = field(default_factory=dict)
    # Scenarios that could not be measured, and why.
    failures: dict[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, paths: Sequence[Path]) -> Results:
        """Put the figures of saved runs together. What several have is the last one's, as are the facts."""
        figures: dict[str, Figure] = {}
        collected: dict[str, Any] = {}
        saved: dict[str, Any] = {}
        for path in paths:
            saved = json.loads(path.read_text(encoding="utf-8"))
            figures |= {each["name"]: Figure.from_json(each) for each in saved["figures"]}
            collected |= saved["collected"]
        began = datetime.fromisoformat(saved["began"])
        return cls(saved["kind"], began, saved["facts"], list(figures.values()), collected, saved["failures"])

    def save(self) -> Path:
        """Write everything to bench/results/ and return the file."""
        DIRECTORY.mkdir(exist_ok=True)
        path = DIRECTORY / f"{self.began:%Y-%m-%dT%H%M%S}-{self.kind}.json"
        path.write_text(json.dumps(self.as_json(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        return path

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "began": self.began.isoformat(timespec="seconds"),
            "ended": datetime.now(UTC).isoformat(timespec="seconds"),
            "facts": self.facts,
            "load_after": os.getloadavg(),
            "figures": [figure.as_json() for figure in self.figures],
            "collected": self.collected,
            "failures": self.failures,
        }

    def table(self) -> str:
        """Return the whole table in Markdown, aligned so that it can be read as it is."""
        rows = [HEAD, *(row for figure in self.figures for row in rows_of(figure))]
        rows += [(name, "", f"failed: {reason}", "", "", "", "", "") for name, reason in self.failures.items()]
        widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
        lines = [
            "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
        ]
        lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
        return "\n".join(lines)

    def notes(self) -> str:
        """Return what there is to say about figures, each note once, with the first that it belongs to."""
        first = {figure.note: figure.name for figure in reversed(self.figures) if figure.note}
        return "\n".join(f"* {name}: {note}." for note, name in reversed(first.items()))


def rows_of(figure: Figure) -> Iterator[tuple[str, ...]]:
    """Yield a row for the product alone, if nobody is beside it or a goal is about it alone, and one for each other."""
    spread = figure.spread(PRODUCT)
    first = (figure.name, figure.unit, str(spread) if spread else "–")
    alone = [goal for goal in figure.goals if not goal.against]
    others = [name for name in figure.rounds if name != PRODUCT]
    if alone or not others:
        texts = ", ".join(map(str, alone)), ", ".join(figure.verdict(goal) for goal in alone)
        yield (*first, "", "", "", *texts)
        first = ("", "", "")
    for name in others:
        goals = [goal for goal in figure.goals if goal.against == name]
        bounds = ", ".join(f"{'≥' if goal.is_least else '≤'} {goal.bound:g}" for goal in goals)
        verdicts = ", ".join(figure.verdict(goal) for goal in goals)
        yield (*first, name, str(figure.spread(name)), str(figure.ratio(name) or ""), bounds, verdicts)
        first = ("", "", "")


def write_document(results: Results) -> None:
    """Put the table between its two marks in docs/performance.md."""
    text = DOCUMENT.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    if not tail:
        raise ValueError(f"{DOCUMENT}: the marks {BEGIN!r} and {END!r} are missing")
    told, versions = results.facts, results.facts["versions"]
    about = (
        f"{results.began:%Y-%m-%d}, commit {told['commit']}, {told['cores']} × {told['processor']},"
        f" {told['memory_GB']} GB, {told['system']}, Python {versions['python']}, {versions['openssh']},"
        f" webssh {versions['webssh']}, paramiko {versions['paramiko']}, uvloop {versions['uvloop']}."
    )
    middle = f"{BEGIN}\n\n{about}\n\n{results.table()}\n\n{results.notes()}\n\n{END}"
    DOCUMENT.write_text(head + middle + tail, encoding="utf-8")
