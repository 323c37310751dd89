"""Found commands as rows and as text for the search: only what is not there already is written."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from audit.indexing.commands import FoundCommand, Overall, derive, learn_prompts
from audit.indexing.observations import Observation
from audit.indexing.text import passages
from audit.models import Command, Session
from audit.search import backend

# While a session runs, this many observations are looked at again when a segment closes, and prompts are learned from
# so many: the cost of a segment must not grow with the session. All count when it is over.
RECENT: Final = 2000
_LEARNED_FROM: Final = 5 * RECENT


@dataclass(frozen=True)
class CommandUpdate:
    """The session's commands from ordinal `kept` on are `commands`; those before stay as they are."""

    session: Session
    kept: int
    commands: Sequence[FoundCommand]
    overall: Overall
    total: int


def plan_update(session: Session, observations: Sequence[Observation], first_t: float, recent: int) -> CommandUpdate:
    """Tell commands from the last `recent` observations, and what that changes.

    `first_t` is the time of the first observation that is still there: commands before it stay as they are.
    """
    window = observations[-recent:]
    from_t = window[0].t if len(window) < len(observations) else first_t
    learned_from = observations if len(window) == len(observations) else observations[-_LEARNED_FROM:]
    findings = derive(window, learn_prompts(learned_from))
    found = [command for command in findings.commands if command.t >= from_t]
    before = session.commands.filter(t__lt=from_t).count() if from_t else 0
    known = list(session.commands.filter(ordinal__gte=before).order_by("ordinal"))
    same = 0
    while same < min(len(known), len(found)) and _is_same(known[same], found[same]):
        same += 1
    overall = findings.overall
    if overall == "not_found" and before:
        overall = _overall_of(session)
    return CommandUpdate(session, before + same, found[same:], overall, before + len(found))


def index_update(update: CommandUpdate) -> None:
    """Bring the commands in the search index up to date. Doing it twice is safe."""
    session = update.session
    known = session.commands.filter(ordinal__gte=update.kept).order_by("ordinal").values_list("t", flat=True)
    times = [*known, *(command.t for command in update.commands)]
    if not times:
        return
    segments = list(session.segments.order_by("n").values_list("n", "start"))
    starts = [start for _, start in segments]
    first = max(bisect_right(starts, min(times)) - 1, 0)
    kept = session.commands.filter(ordinal__lt=update.kept, t__gte=starts[first]).order_by("ordinal")
    lines = [*kept.values_list("t", "command"), *((command.t, command.command) for command in update.commands)]
    for number in sorted({max(bisect_right(starts, t) - 1, 0) for t in times}):
        end = starts[number + 1] if number + 1 < len(starts) else float("inf")
        of_segment = [(t, text) for t, text in lines if starts[number] <= t < end or (number == 0 and t < starts[0])]
        backend().replace(session, segments[number][0], "command", passages(of_segment))


def store_update(update: CommandUpdate) -> None:
    """Write the rows. To be called in a transaction."""
    session = update.session
    session.commands.filter(ordinal__gte=update.kept).delete()
    Command.objects.bulk_create(
        (
            Command(
                session=session,
                ordinal=update.kept + number,
                t=command.t,
                end_t=command.end_t,
                at=session.started_at + timedelta(seconds=command.t),
                command=command.command,
                source=command.source,
                confidence=command.confidence,
                exit_status=command.exit_status,
                user_id=session.user_id,
                host_id=session.host_id,
            )
            for number, command in enumerate(update.commands)
        ),
        batch_size=500,
    )
    Session.objects.filter(pk=session.pk).update(command_count=update.total, commands_confidence=update.overall)


def _is_same(row: Command, found: FoundCommand) -> bool:
    return (row.t, row.end_t, row.command, row.source, row.confidence, row.exit_status) == (
        found.t,
        found.end_t,
        found.command,
        found.source,
        found.confidence,
        found.exit_status,
    )


def _overall_of(session: Session) -> Overall:
    match session.commands_confidence:
        case "marked" | "learned" | "guessed" as overall:
            return overall
        case _:
            return "not_found"
