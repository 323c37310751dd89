"""The one gate: who may do what on which host, at a moment. What no active grant allows is denied.

Each question is one query, so that an answer never mixes two states of the database.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from django.contrib.auth.models import Group, User
from django.db.models import Exists, Q, QuerySet

from hosts import clock
from hosts.logins import Login
from hosts.models import Grant, Host


class Action(StrEnum):
    """What a grant can allow on a host."""

    CONNECT = "connect"
    VIEW_OWN = "view_own"
    AUDIT = "audit"
    TERMINATE = "terminate"
    EXPORT = "export"
    VIEW_INPUT = "view_input"


# The scope that a sign-in needs before a grant counts.
SCOPE_OF: Mapping[Action, str] = {
    Action.CONNECT: "connect",
    Action.VIEW_OWN: "read",
    Action.AUDIT: "audit",
    Action.TERMINATE: "terminate",
    # Whose recordings they reach is decided by VIEW_OWN and AUDIT, each with its scope.
    Action.EXPORT: "read",
    Action.VIEW_INPUT: "read",
}
# Recordings outlive their hosts.
_LASTING = frozenset({Action.VIEW_OWN, Action.AUDIT, Action.EXPORT, Action.VIEW_INPUT})


@dataclass(frozen=True)
class HostAccess:
    """What one login may do on one host, and until when each action lasts (None: no end is set)."""

    until: dict[Action, datetime | None] = field(default_factory=dict)

    @property
    def actions(self) -> set[Action]:
        return set(self.until)


def hosts_allowing(login: Login, action: Action, at: datetime | None = None) -> QuerySet[Host]:
    """Return the hosts on which `login` may do `action`. Retired hosts count for recordings only."""
    if SCOPE_OF[action] not in login.scopes:
        return Host.objects.none()
    hosts = _hosts_of(_grants_of(login, at or clock.now()).filter(**{action.value: True}))
    if action not in _LASTING:
        hosts = hosts.filter(retired_at__isnull=True)
    return hosts.filter(enabled=True) if action is Action.CONNECT else hosts


def visible_hosts(login: Login) -> QuerySet[Host]:
    """Return the hosts that `login` may know of: those of any active grant; administrators on the web see all."""
    if "read" not in login.scopes:
        return Host.objects.none()
    granted = _hosts_of(_grants_of(login, clock.now()))
    if login.kind == "web":
        is_administrator = Exists(User.objects.filter(pk=login.user.pk, is_active=True, is_staff=True))
        granted = Host.objects.filter(Q(is_administrator) | Q(pk__in=granted.values("pk")))
    return granted.filter(retired_at__isnull=True)


def access_host(login: Login, host_id: UUID | str, action: Action) -> Host:
    """Return the host if `login` may do `action` on it. Raises Host.DoesNotExist, as for a host that is not there."""
    return hosts_allowing(login, action).get(pk=_as_uuid(host_id))


def still_allowed(
    asked: Collection[tuple[Login, UUID]], action: Action, at: datetime | None = None
) -> set[tuple[Login, UUID]]:
    """Return those of `asked`, each a login and a host, that `access_host` would allow: one query for all of them."""
    counted = [(login, host_id) for login, host_id in asked if SCOPE_OF[action] in login.scopes]
    hosts = Host.objects.filter(pk__in={host_id for _, host_id in counted})
    if action not in _LASTING:
        hosts = hosts.filter(retired_at__isnull=True)
    if action is Action.CONNECT:
        hosts = hosts.filter(enabled=True)
    people = User.objects.filter(pk__in={login.user.pk for login, _ in counted}, is_active=True)
    grants = _active_grants(at or clock.now()).filter(
        Q(user__in=people) | Q(group__user__in=people),
        Q(host__in=hosts) | Q(host_group__hosts__in=hosts),
        **{action.value: True},
    )
    allowed = {
        (user or member, host or through_group)
        for user, member, host, through_group in grants.values_list(
            "user_id", "group__user__id", "host_id", "host_group__hosts__id"
        )
    }
    return {(login, host_id) for login, host_id in counted if (login.user.pk, host_id) in allowed}


def access_of(login: Login, hosts: Iterable[Host], at: datetime | None = None) -> dict[UUID, HostAccess]:
    """Return for each of `hosts` what `login` may do there."""
    known = {host.pk: host for host in hosts}
    found = {pk: HostAccess() for pk in known}
    grants = _grants_of(login, at or clock.now()).filter(
        Q(host__in=known.keys()) | Q(host_group__hosts__in=known.keys())
    )
    flags = [action.value for action in Action]
    for direct, through_group, ends, *allowed in grants.values_list(
        "host_id", "host_group__hosts__id", "valid_until", *flags
    ):
        host = known.get(direct or through_group)
        if host is None:
            continue
        for action, is_allowed in zip(Action, allowed, strict=True):
            if is_allowed and SCOPE_OF[action] in login.scopes and _is_open_for(host, action):
                until = found[host.pk].until
                until[action] = _later(until[action], ends) if action in until else ends
    return found


def allowed_actions(login: Login, hosts: Iterable[Host]) -> dict[UUID, set[Action]]:
    """Return for each of `hosts` the actions that `login` may do there."""
    return {pk: access.actions for pk, access in access_of(login, hosts).items()}


def access_until(login: Login, host: Host, action: Action) -> datetime | None:
    """Return when the right to do `action` ends, None if no end is set. Raises Host.DoesNotExist if there is none."""
    until = access_of(login, [host])[host.pk].until
    if action not in until:
        raise Host.DoesNotExist
    return until[action]


def visible_grants(login: Login) -> QuerySet[Grant]:
    """Return the grants that `login` may read: one's own and those of one's groups; administrators read all."""
    if "read" not in login.scopes:
        return Grant.objects.none()
    is_administrator = Exists(User.objects.filter(pk=login.user.pk, is_active=True, is_staff=True))
    return Grant.objects.filter(Q(is_administrator) | _names(login))


def _grants_of(login: Login, at: datetime) -> QuerySet[Grant]:
    return _active_grants(at).filter(_names(login))


def _active_grants(at: datetime) -> QuerySet[Grant]:
    return Grant.objects.filter(
        Q(valid_until__isnull=True) | Q(valid_until__gt=at),
        valid_from__lte=at,
        revoked_at__isnull=True,
    )


def _names(login: Login) -> Q:
    # Membership and is_active are part of the query: login.user may be hours old in a running session.
    person = User.objects.filter(pk=login.user.pk, is_active=True)
    return Q(user__in=person) | Q(group__in=Group.objects.filter(user__in=person))


def _hosts_of(grants: QuerySet[Grant]) -> QuerySet[Host]:
    # Subqueries rather than joins: a host that two grants reach is one row.
    grouped = Host.groups.through.objects.filter(
        hostgroup__in=grants.filter(host_group__isnull=False).values("host_group")
    )
    direct = grants.filter(host__isnull=False).values("host")
    return Host.objects.filter(Q(pk__in=direct) | Q(pk__in=grouped.values("host")))


def _is_open_for(host: Host, action: Action) -> bool:
    if action in _LASTING:
        return True
    return host.retired_at is None and (host.enabled or action is not Action.CONNECT)


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return None if one is None or other is None else max(one, other)


def _as_uuid(value: UUID | str) -> UUID:
    try:
        return value if isinstance(value, UUID) else UUID(value)
    except ValueError:
        raise Host.DoesNotExist from None
