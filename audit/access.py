"""The gate to everything that was kept. Each function starts from nothing and adds what a grant allows.

Own sessions need an active `view_own` grant on the host, those of others an `audit` grant. Being an administrator
opens no recording. What a token may do beyond that is in `hosts.access.hosts_allowing`, which knows its scopes.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q, QuerySet

from audit.models import AuditEvent, Command, Session
from hosts.access import Action, hosts_allowing
from hosts.logins import Login, check_login
from hosts.models import Host


@dataclass(frozen=True, slots=True)
class Scope:
    """What a person may find: own sessions on `own_host_ids`, everybody's on `audited_host_ids`."""

    user_id: int
    own_host_ids: frozenset[UUID]
    audited_host_ids: frozenset[UUID]

    @property
    def is_empty(self) -> bool:
        return not (self.own_host_ids or self.audited_host_ids)


def _ids(hosts: QuerySet[Host]) -> QuerySet[Host, UUID]:
    return hosts.order_by().values_list("pk", flat=True)


def visible_sessions(login: Login) -> QuerySet[Session]:
    """Sessions that `login` may list, replay, export and search."""
    own = Q(user_id=login.user.pk, host_id__in=_ids(hosts_allowing(login, Action.VIEW_OWN)))
    audited = Q(host_id__in=_ids(hosts_allowing(login, Action.AUDIT)))
    # What the indexer carries along can be large, and is nothing that anybody looks at.
    return Session.objects.filter(own | audited).defer("index_state")


def visible_commands(login: Login) -> QuerySet[Command]:
    """Commands of exactly the sessions that `visible_sessions` gives."""
    own = Q(user_id=login.user.pk, host_id__in=_ids(hosts_allowing(login, Action.VIEW_OWN)))
    audited = Q(host_id__in=_ids(hosts_allowing(login, Action.AUDIT)))
    return Command.objects.filter(own | audited)


def visible_events(login: Login) -> QuerySet[AuditEvent]:
    """Lines of the ledger: all for administrators, for others those about hosts that they may audit."""
    if login.user.is_staff and "audit" in login.scopes:
        return AuditEvent.objects.all()
    return AuditEvent.objects.filter(host_id__in=_ids(hosts_allowing(login, Action.AUDIT)))


def access_session(login: Login, session_id: UUID, action: Action | None = None) -> Session:
    """Return the session if `login` may see it and, when given, do `action` on its host.

    Raises Session.DoesNotExist, alike for what is not there and for what may not be seen.
    """
    sessions = visible_sessions(login).select_related("host")
    if action is not None:
        sessions = sessions.filter(host_id__in=_ids(hosts_allowing(login, action)))
    return sessions.get(pk=session_id)


def terminable_host_ids(login: Login) -> set[UUID]:
    """Hosts on which `login` may end sessions."""
    return set(_ids(hosts_allowing(login, Action.TERMINATE)))


def search_scope(login: Login) -> Scope:
    """Resolve, once per query, what `login` may find."""
    return Scope(
        user_id=login.user.pk,
        own_host_ids=frozenset(_ids(hosts_allowing(login, Action.VIEW_OWN))),
        audited_host_ids=frozenset(_ids(hosts_allowing(login, Action.AUDIT))),
    )


def may_still_see(login: Login, session_id: UUID) -> bool:
    """Return whether a download that runs may go on: asks the database about the login and the grant."""
    return check_login(login) is None and visible_sessions(login).filter(pk=session_id).exists()
