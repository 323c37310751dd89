"""Whether running sessions may go on: one question for all that run in a process, however many they are."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from audit.models import Session
from hosts.access import Action, still_allowed
from hosts.logins import Login, check_logins


@dataclass(frozen=True, slots=True)
class Running:
    """A session, and what it depends on."""

    session_id: UUID
    login: Login
    host_id: UUID


@dataclass(frozen=True, slots=True)
class AccessEnded:
    """The login or the grant ended; `cause` is a word of `check_logins`, or "grant ended"."""

    cause: str


@dataclass(frozen=True, slots=True)
class EndRequested:
    """Somebody asked for the session to end."""

    by_name: str
    reason: str


def find_ended(running: Collection[Running]) -> dict[UUID, AccessEnded | EndRequested]:
    """Return those of `running` that must end, and why; reads the database."""
    ended_logins = check_logins({each.login for each in running})
    allowed = still_allowed({(each.login, each.host_id) for each in running}, Action.CONNECT)
    requests = _end_requests({each.session_id for each in running})
    found: dict[UUID, AccessEnded | EndRequested] = {}
    for each in running:
        if cause := ended_logins.get(each.login):
            found[each.session_id] = AccessEnded(cause)
        elif (each.login, each.host_id) not in allowed:
            found[each.session_id] = AccessEnded("grant ended")
        elif request := requests.get(each.session_id):
            found[each.session_id] = request
    return found


def _end_requests(session_ids: Collection[UUID]) -> dict[UUID, EndRequested]:
    rows = Session.objects.filter(pk__in=session_ids, end_requested_at__isnull=False)
    asked = rows.values_list("pk", "end_requested_by_name", "end_requested_reason")
    return {pk: EndRequested(name, reason) for pk, name, reason in asked}
