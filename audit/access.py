"""The gate to everything that was kept. Each function starts from nothing and adds what a grant allows.

Own sessions need an active `view_own` grant on the host, those of others an `audit` grant. Being an administrator
opens no recording. What a token may do beyond that is in `hosts.access.hosts_allowing`, which knows its scopes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q, QuerySet

from audit import ledger
from audit.models import AuditEvent, Command, LegalHold, Session
from hosts.access import Action, allowed_actions, hosts_allowing
from hosts.logins import Login, check_login
from hosts.models import Host

# In a question to the database, whom each of them costs some microseconds of thinking.
MOST_NAMED_HOSTS = 200


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


def listed_sessions(login: Login) -> QuerySet[Session]:
    """Sessions that `visible_sessions` gives, for lists of millions.

    What a database cannot guess about the grants is added to the question: that there are none, that they are for own
    sessions only, or on which few hosts. That narrows it; what may be seen is still decided by the grants in it.
    """
    own, audited = (
        list(_ids(hosts_allowing(login, action))[: MOST_NAMED_HOSTS + 1]) for action in (Action.VIEW_OWN, Action.AUDIT)
    )
    if not own and not audited:
        return Session.objects.none()
    sessions = visible_sessions(login)
    if len(audited) > MOST_NAMED_HOSTS:
        return sessions
    mine = Q(user_id=login.user.pk) & (Q(host_id__in=own) if len(own) <= MOST_NAMED_HOSTS else Q())
    return sessions.filter(mine | Q(host_id__in=audited) if audited else mine)


def visible_commands(login: Login) -> QuerySet[Command]:
    """Commands of exactly the sessions that `visible_sessions` gives."""
    own = Q(user_id=login.user.pk, host_id__in=_ids(hosts_allowing(login, Action.VIEW_OWN)))
    audited = Q(host_id__in=_ids(hosts_allowing(login, Action.AUDIT)))
    return Command.objects.filter(own | audited)


def listed_events(login: Login) -> QuerySet[AuditEvent]:
    """Lines of the ledger that a list shows: those that `login` may see, without the anchors of recordings."""
    return visible_events(login).exclude(action=ledger.Action.SESSION_ANCHORED)


def visible_events(login: Login) -> QuerySet[AuditEvent]:
    """Lines of the ledger: all for administrators, for others those about hosts that they may audit."""
    if login.user.is_staff and "audit" in login.scopes:
        return AuditEvent.objects.all()
    return AuditEvent.objects.filter(host_id__in=_ids(hosts_allowing(login, Action.AUDIT)))


def access_session(login: Login, session_id: UUID, *actions: Action) -> Session:
    """Return the session if `login` may see it and do all of `actions` on its host.

    Raises Session.DoesNotExist, alike for what is not there and for what may not be seen.
    """
    return _allowing(login, *actions).select_related("host").get(pk=session_id)


def _allowing(login: Login, *actions: Action) -> QuerySet[Session]:
    sessions = visible_sessions(login)
    for action in actions:
        sessions = sessions.filter(host_id__in=_ids(hosts_allowing(login, action)))
    return sessions


def may_see_input(login: Login, session: Session) -> bool:
    """Return whether `login` is shown what was typed, beside what was on the screen."""
    return hosts_allowing(login, Action.VIEW_INPUT).filter(pk=session.host_id).exists()


def actions_on(login: Login, sessions: Iterable[Session]) -> dict[UUID, set[Action]]:
    """Return by host what `login` may do on the hosts of `sessions`."""
    return allowed_actions(login, Host.objects.filter(pk__in={session.host_id for session in sessions}))


def visible_holds(login: Login) -> QuerySet[LegalHold]:
    """Legal holds: all for administrators, for others those on hosts that they may audit, and on sessions there."""
    if login.user.is_staff and "audit" in login.scopes:
        return LegalHold.objects.all()
    return _holds_on_audited_hosts(login)


def releasable_holds(login: Login) -> QuerySet[LegalHold]:
    """Legal holds that `login` may release: what they name is what it may place one on."""
    return LegalHold.objects.all() if login.is_web_administrator else _holds_on_audited_hosts(login)


def holdable_sessions(login: Login) -> QuerySet[Session]:
    """Sessions on which `login` may place a legal hold."""
    if login.is_web_administrator:
        return Session.objects.all()
    return Session.objects.filter(host_id__in=_ids(hosts_allowing(login, Action.AUDIT)))


def holdable_hosts(login: Login) -> QuerySet[Host]:
    """Hosts on all of whose recordings `login` may place a legal hold. People and groups are for administrators."""
    return Host.objects.all() if login.is_web_administrator else hosts_allowing(login, Action.AUDIT)


def learns_of_holds(login: Login, actions: set[Action]) -> bool:
    """Whether `login`, who may do `actions` on a host, is told that a recording there is held.

    Somebody who may only see their own sessions is not: a hold is often about them.
    """
    return Action.AUDIT in actions or (login.user.is_staff and "audit" in login.scopes)


def _holds_on_audited_hosts(login: Login) -> QuerySet[LegalHold]:
    audited = _ids(hosts_allowing(login, Action.AUDIT))
    return LegalHold.objects.filter(Q(host_id__in=audited) | Q(session__host_id__in=audited))


def may_see_ledger(login: Login) -> bool:
    """Whether `login` may see how the ledger as a whole stands: an administrator, or an auditor of any host."""
    return (login.user.is_staff and "audit" in login.scopes) or hosts_allowing(login, Action.AUDIT).exists()


def access_event(login: Login, event_id: int) -> AuditEvent:
    """Return the line if `login` may read it. Raises AuditEvent.DoesNotExist, alike for what is not there."""
    return visible_events(login).get(pk=event_id)


def search_scope(login: Login) -> Scope:
    """Resolve, once per query, what `login` may find."""
    return Scope(
        user_id=login.user.pk,
        own_host_ids=frozenset(_ids(hosts_allowing(login, Action.VIEW_OWN))),
        audited_host_ids=frozenset(_ids(hosts_allowing(login, Action.AUDIT))),
    )


def may_still_see(login: Login, session_id: UUID, *actions: Action) -> bool:
    """Return whether a download that runs may go on: asks the database about the login and the grants."""
    return check_login(login) is None and _allowing(login, *actions).filter(pk=session_id).exists()
