"""What must be true afterwards, whatever was done to the processes and the network: the invariants I1 to I7."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.faults.clients import Visit

# Access is checked every few seconds; the rest is for a machine that has better things to do.
REVOCATION_SECONDS = 5.0 + 2.0
SETTLED = frozenset({"sealed", "recovered"})
# Of each of these, a session has exactly one line; a session that somebody else had to end is `recovered`.
STEPS = (
    frozenset({"session.started"}),
    frozenset({"session.ended", "recording.recovered"}),
    frozenset({"recording.sealed"}),
)


@dataclass(frozen=True, slots=True)
class Violation:
    invariant: str
    what: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.what}"


@dataclass
class Recorded:
    """What the product says about one session."""

    session: dict[str, Any]
    events: list[list[Any]]
    raw: bytes
    verdict: str

    @property
    def id(self) -> UUID:
        return UUID(self.session["id"])

    @property
    def shown(self) -> bytes:
        """What a browser can have been sent."""
        return "".join(data for _, code, data in self.events if code == "o").encode()


@dataclass
class Heard:
    """What the host printed, and got when, in one session."""

    sent: bytes
    received: list[tuple[float, bytes]]


@dataclass
class Revocation:
    """A grant that surely was away from `revoked_at` until `granted_at` (Unix time; 0: until the end)."""

    grant_id: str
    revoked_at: float
    granted_at: float = 0.0


@dataclass
class Evidence:
    """Everything that is known of one batch of sessions."""

    recorded: Sequence[Recorded]
    visits: Sequence[Visit]
    ledger: Sequence[Mapping[str, Any]]
    heard: Mapping[UUID, Heard]
    revocations: Sequence[Revocation] = ()
    revocable: frozenset[UUID] = field(default_factory=frozenset)


def check(evidence: Evidence) -> list[Violation]:
    return [
        *seen_is_recorded(evidence),
        *recorded_was_sent(evidence),
        *ends_once(evidence),
        *is_settled(evidence),
        *is_in_order(evidence),
        *is_verified(evidence),
        *nothing_after_revocation(evidence),
        *ledger_is_whole(evidence),
    ]


def seen_is_recorded(evidence: Evidence) -> Iterable[Violation]:
    """I1: what a browser saw stands in the recording, at the place that the protocol told."""
    shown = {one.id: one.shown for one in evidence.recorded}
    for visit in evidence.visits:
        there = shown.get(visit.session)
        if there is None:
            yield Violation("I1", f"{visit.session} was shown, and there is no recording of it")
        elif there[visit.offset : visit.end] != visit.seen:
            same = _common(there[visit.offset :], bytes(visit.seen))
            yield Violation(
                "I1",
                f"{visit.session}: seen from byte {visit.offset} to {visit.end}, of which only the first {same} bytes"
                f" are in the recording of {len(there)}: {bytes(visit.seen[same : same + 60])!r}, recorded"
                f" {there[visit.offset + same : visit.offset + same + 60]!r}",
            )


def recorded_was_sent(evidence: Evidence) -> Iterable[Violation]:
    """I1, from the other side: nothing is recorded that the host did not send, in this order, byte by byte."""
    for one in evidence.recorded:
        heard = evidence.heard.get(one.id)
        if heard is not None and not one.session["has_gaps"] and not heard.sent.startswith(one.raw):
            same = _common(heard.sent, one.raw)
            yield Violation("I1", f"{one.id}: the recording's byte {same} of {len(one.raw)} is not what the host sent")


def ends_once(evidence: Evidence) -> Iterable[Violation]:
    """I2: every session that began has exactly one end, and exactly one seal, in the ledger."""
    lines = _lines_of_sessions(evidence)
    for one in evidence.recorded:
        for step in STEPS:
            found = [event["action"] for event in lines.get(one.session["id"], []) if event["action"] in step]
            if len(found) != 1:
                expected = " or ".join(sorted(step))
                yield Violation("I2", f"{one.id} ({one.session['state']}): expected one line {expected}, got {found}")


def is_settled(evidence: Evidence) -> Iterable[Violation]:
    """I3: nothing is left open."""
    for one in evidence.recorded:
        if one.session["state"] not in SETTLED:
            yield Violation("I3", f"{one.id} is {one.session['state']}, expected one of {', '.join(sorted(SETTLED))}")


def is_in_order(evidence: Evidence) -> Iterable[Violation]:
    """I4: times never go back, in recordings and from a session's beginning to its seal."""
    lines = _lines_of_sessions(evidence)
    for one in evidence.recorded:
        times = [event[0] for event in one.events]
        if times != sorted(times):
            yield Violation("I4", f"{one.id}: the times of its events go back")
        order = [(event["at"], event["id"]) for event in lines.get(one.session["id"], [])]
        steps = [step for _, step in sorted((event["id"], _step(event)) for event in lines.get(one.session["id"], []))]
        if order != sorted(order, key=lambda line: line[1]) or steps != sorted(steps):
            yield Violation("I4", f"{one.id}: its lines in the ledger are out of order: {order}")


def is_verified(evidence: Evidence) -> Iterable[Violation]:
    """I5: every recording verifies."""
    for one in evidence.recorded:
        if one.verdict != "intact":
            yield Violation("I5", f"{one.id} ({one.session['state']}): {one.verdict}")


def nothing_after_revocation(evidence: Evidence) -> Iterable[Violation]:
    """I6: no key reaches the host later than five seconds after the right to type was taken away."""
    for revocation in evidence.revocations:
        begin = revocation.revoked_at + REVOCATION_SECONDS
        end = revocation.granted_at or float("inf")
        for session in evidence.revocable & evidence.heard.keys():
            late = [t for t, _ in evidence.heard[session].received if begin < t < end]
            if late:
                yield Violation("I6", f"{session}: keys {late[0] - revocation.revoked_at:.1f} s after the revocation")


def ledger_is_whole(evidence: Evidence) -> Iterable[Violation]:
    """I7: no line is lost or there twice."""
    doubled = [number for number, count in Counter(event["id"] for event in evidence.ledger).items() if count > 1]
    if doubled:
        yield Violation("I7", f"lines {doubled[:5]} are there more than once")
    recorded = {one.session["id"] for one in evidence.recorded}
    for session in {str(visit.session) for visit in evidence.visits} - recorded:
        yield Violation("I7", f"a browser was let into {session}, and there is no session of it")
    revoked = Counter(event["object_id"] for event in evidence.ledger if event["action"] == "grant.revoked")
    for revocation in evidence.revocations:
        count = revoked[revocation.grant_id]
        if count != 1:
            yield Violation("I7", f"grant {revocation.grant_id}: {count} lines grant.revoked, expected 1")


def _lines_of_sessions(evidence: Evidence) -> dict[str, list[Mapping[str, Any]]]:
    """Return, by session, the lines of its steps, in the order of their times."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for event in sorted(evidence.ledger, key=lambda event: (datetime.fromisoformat(event["at"]), event["id"])):
        if event["session"] and _step(event) < len(STEPS):
            found.setdefault(event["session"], []).append(event)
    return found


def _step(event: Mapping[str, Any]) -> int:
    return next((number for number, step in enumerate(STEPS) if event["action"] in step), len(STEPS))


def read_heard(directory: Path) -> dict[UUID, Heard]:
    """Read what the host wrote down (tests/faults/target.py), by session. Keys without a session's name are none's."""
    found: dict[UUID, Heard] = {}
    for path in directory.glob("*.received"):
        lines = [json.loads(line) for line in path.read_text().splitlines() if line.endswith("]")]
        received = [(float(t), bytes.fromhex(data)) for t, data in lines]
        name, newline, _ = b"".join(data for _, data in received).partition(b"\n")
        if newline:
            found[UUID(name.decode())] = Heard(path.with_suffix(".sent").read_bytes(), received)
    return found


def _common(one: bytes, other: bytes) -> int:
    """Return how many bytes both begin with."""
    least, most = 0, min(len(one), len(other))
    while least < most:
        middle = (least + most + 1) // 2
        if one[:middle] == other[:middle]:
            least = middle
        else:
            most = middle - 1
    return least
