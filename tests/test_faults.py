"""People type while processes are killed and connections break; afterwards everything is there. See `make soak`."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.faults.checker import Evidence, Heard, Recorded, Revocation, check, read_heard
from tests.faults.clients import Visit
from tests.faults.schedule import faults
from tests.faults.soak import soak
from tests.peers import require_program
from tests.running_product import short_directory

SEED = int(os.environ.get("SEED") or 7)


@pytest.mark.peer
@pytest.mark.timeout(300)
async def test_nothing_is_lost_when_processes_are_killed_and_connections_break() -> None:
    require_program("sshd")
    with short_directory() as directory:
        tally = await soak(directory, SEED, seconds=8, kills=6)

    assert tally.violations == [], f"SEED={SEED}"
    assert tally.kills > 0
    # Otherwise nothing was shown by it.
    assert tally.recovered > 0
    assert tally.heard > 0
    assert tally.seen_bytes > 0


def test_a_seed_tells_the_faults() -> None:
    one, same, other = faults(1), faults(1), faults(2)

    begins = [[next(schedule) for _ in range(50)] for schedule in (one, same, other)]
    assert begins[0] == begins[1] != begins[2]


# The checker finds what it is there for.

SESSION = UUID(int=1)
EVENTS: list[list[Any]] = [[0.5, "o", "abc"], [0.5, "i", "x\r"], [1.0, "o", "狐"]]
SENT = "abc狐def".encode()
STEPS = ("session.started", "session.ended", "recording.sealed")


def line(number: int, action: str, *, second: int = -1, object_id: str = str(SESSION)) -> dict[str, Any]:
    at = f"2026-01-01T00:00:{second if second >= 0 else number:02}.000000Z"
    return {"id": number, "at": at, "action": action, "session": str(SESSION), "object_id": object_id}


def good() -> Evidence:
    session = {"id": str(SESSION), "state": "sealed", "has_gaps": False}
    return Evidence(
        recorded=[Recorded(session, json.loads(json.dumps(EVENTS)), "abc狐".encode(), "intact")],
        visits=[Visit(SESSION, 0, bytearray(b"ab")), Visit(SESSION, 1, bytearray("bc狐".encode()))],
        ledger=[
            *(line(number, action) for number, action in enumerate(STEPS, 1)),
            line(9, "grant.revoked", object_id="g"),
        ],
        heard={SESSION: Heard(SENT, [(100.0, b"x"), (104.0, b"y"), (140.0, b"z")])},
        revocations=[Revocation("g", 100.0, 130.0)],
        revocable=frozenset({SESSION}),
    )


def found_in(evidence: Evidence) -> set[str]:
    return {violation.invariant for violation in check(evidence)}


def test_a_run_without_fault_breaks_no_invariant() -> None:
    assert found_in(good()) == set()


@pytest.mark.parametrize(
    ("invariant", "change"),
    [
        ("I1", {"visits": [Visit(SESSION, 0, bytearray("abc狐d".encode()))]}),
        ("I1", {"visits": [Visit(SESSION, 1, bytearray(b"ab"))]}),
        ("I1", {"heard": {SESSION: Heard(b"abd", [])}}),
        ("I2", {"ledger": [line(1, STEPS[0]), line(3, STEPS[2]), line(9, "grant.revoked", object_id="g")]}),
        ("I2", {"ledger": [*good().ledger, line(4, "recording.recovered")]}),
        ("I2", {"ledger": [*good().ledger, line(4, STEPS[2])]}),
        ("I4", {"ledger": [line(1, STEPS[0], second=8), *good().ledger[1:]]}),
        ("I6", {"heard": {SESSION: Heard(SENT, [(100.0, b"x"), (120.0, b"z")])}}),
        ("I7", {"visits": [Visit(UUID(int=2), 0)]}),
        ("I7", {"ledger": [*good().ledger, good().ledger[-1]]}),
        ("I7", {"ledger": good().ledger[:-1]}),
    ],
)
def test_what_breaks_an_invariant_is_found(invariant: str, change: dict[str, Any]) -> None:
    assert invariant in found_in(replace(good(), **change))


@pytest.mark.parametrize(
    ("invariant", "change"),
    [
        ("I3", {"session": {**good().recorded[0].session, "state": "live"}}),
        ("I4", {"events": [EVENTS[2], EVENTS[0]]}),
        ("I5", {"verdict": "altered"}),
    ],
)
def test_a_bad_recording_is_found(invariant: str, change: dict[str, Any]) -> None:
    assert invariant in found_in(replace(good(), recorded=[replace(good().recorded[0], **change)]))


def test_the_host_writes_down_what_was_typed(tmp_path: Path) -> None:
    (tmp_path / "1.sent").write_bytes(SENT)
    (tmp_path / "1.received").write_text(f'[1.5, "{str(SESSION).encode().hex()}"]\n[2.5, "0a61"]\n[3.')

    assert read_heard(tmp_path) == {SESSION: Heard(SENT, [(1.5, str(SESSION).encode()), (2.5, b"\na")])}
