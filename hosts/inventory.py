"""The only way in which hosts, credentials, grants and people are changed: each change is announced exactly once.

`actor` is who does it; None is the system, or somebody at the command line.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.models import Group, User
from django.db import IntegrityError, transaction
from django.db.models import Manager, Model, ProtectedError
from django.utils import timezone
from django.utils.translation import gettext as _

from hosts.access import Action
from hosts.logins import Login
from hosts.models import ApiToken, Credential, Grant, Host, HostGroup
from hosts.signals import announce

Row = Host | HostGroup | Credential | Grant | User | Group | ApiToken

_KINDS: Mapping[type[Model], str] = {
    Host: "host",
    HostGroup: "host_group",
    Credential: "credential",
    Grant: "grant",
    User: "user",
    Group: "group",
    ApiToken: "token",
}
_ACTION_NAMES = tuple(action.value for action in Action)


class InventoryConflict(Exception):  # noqa: N818 - it says what is the case
    """The change contradicts what is there. The message is for the person; nothing was changed."""


def describe(row: Row) -> dict[str, Any]:
    """Return what the ledger keeps of a row: everything that can be changed, and no secret."""
    match row:
        case Host():
            facts = _columns(
                row, "name address port labels notes enabled encoding input_policy idle_limit length_limit"
            )
            facts["credential"] = row.credential.name if row.credential else None
            facts["groups"] = sorted(row.groups.values_list("name", flat=True)) if row.pk else []
        case Grant():
            facts = _columns(row, "valid_from valid_until reason")
            facts["actions"] = actions_of(row)
            facts |= {name: str(target) for name in _TARGETS if (target := getattr(row, name)) is not None}
        case User():
            facts = {"name": row.username, "full_name": row.get_full_name(), "is_admin": row.is_staff}
            facts |= _columns(row, "is_superuser email is_active")
            facts["groups"] = sorted(row.groups.values_list("name", flat=True))
        case Credential():
            facts = _columns(row, "name username kind fingerprint")
        case HostGroup():
            facts = _columns(row, "name notes")
        case ApiToken():
            facts = _columns(row, "name scopes expires_at")
        case Group():
            facts = {"name": row.name}
    return facts


def store(
    row: Row,
    *,
    actor: Login | None,
    related: Mapping[str, Iterable[Model]] | None = None,
    replaced: Iterable[str] = (),
) -> None:
    """Save `row` and its `related` rows (by attribute), and announce what that changed, if anything.

    `replaced` names secrets that were written. Raises InventoryConflict if somebody was faster, or if nobody could
    administer the instance any more.
    """
    is_new = row._state.adding  # noqa: SLF001 - what Model.save looks at, too
    try:
        with transaction.atomic():
            before = {} if is_new else stored_facts(row)
            row.save()
            for name, others in (related or {}).items():
                getattr(row, name).set(others)
            announce_stored(row, before, actor=actor, replaced=replaced)
    except IntegrityError:
        raise InventoryConflict(
            _("Somebody changed the same at the same moment. Nothing was saved; reload and try again.")
        ) from None


def stored_facts(row: Row) -> dict[str, Any]:
    """Return `describe` of the row as it is in the database."""
    rows: Manager[Any] = type(row)._default_manager  # noqa: SLF001 - Django's documented API
    return describe(rows.get(pk=row.pk))


def announce_stored(row: Row, before: Mapping[str, Any], *, actor: Login | None, replaced: Iterable[str] = ()) -> None:
    """Announce the difference between `before` ({} if the row was just created) and the row."""
    if isinstance(row, User):
        _check_administrators_remain(before)
    after = describe(row) | dict.fromkeys(replaced, "replaced")
    if not before:
        _announce(row, "created", actor, {"after": _plain(after)})
        return
    names = [name for name in after if after[name] != before.get(name)]
    if names:
        detail = {"before": {name: before[name] for name in names if name in before}}
        detail["after"] = {name: after[name] for name in names}
        _announce(row, "changed", actor, _plain(detail))


def retire(host: Host, *, actor: Login | None) -> None:
    """Take a host out of use for ever: it can no longer be reached, its name is free, its recordings stay."""
    with transaction.atomic():
        before = describe(host)
        now = timezone.now()
        if Host.objects.filter(pk=host.pk, retired_at__isnull=True).update(retired_at=now, credential=None):
            host.retired_at, host.credential = now, None
            _announce(host, "retired", actor, {"before": _plain(before)})


def revoke_grant(grant: Grant, *, actor: Login | None) -> None:
    """End a grant at this moment. One that is revoked already stays as it is."""
    name = actor.user.get_username() if actor else ""
    with transaction.atomic():
        now = timezone.now()
        rows = Grant.objects.filter(pk=grant.pk, revoked_at__isnull=True)
        if rows.update(revoked_at=now, revoked_by_name=name):
            grant.revoked_at, grant.revoked_by_name = now, name
            _announce(grant, "revoked", actor, {"before": _plain(describe(grant))})


def revoke_token(token: ApiToken, *, actor: Login | None) -> None:
    """End a token at this moment. One that is revoked already stays as it is."""
    with transaction.atomic():
        now = timezone.now()
        if ApiToken.objects.filter(pk=token.pk, revoked_at__isnull=True).update(revoked_at=now):
            token.revoked_at = now
            _announce(token, "revoked", actor, {"before": _plain(describe(token))})


def announce_token(token: ApiToken, *, actor: Login | None) -> None:
    """Announce a token that hosts.tokens.create_token made, in the same transaction."""
    _announce(token, "created", actor, {"after": _plain(describe(token) | {"user": token.user.get_username()})})


def remove(row: HostGroup | Credential | Group, *, actor: Login | None) -> None:
    """Delete a row that nothing depends on. Raises InventoryConflict that says what does."""
    if not isinstance(row, Credential) and (count := row.grants.count()):
        raise InventoryConflict(
            _("%(name)s is named by %(count)d grants, revoked ones included: they are evidence and stay. Rename it.")
            % {"name": row.name, "count": count}
        )
    with transaction.atomic():
        _announce(row, "deleted", actor, {"before": _plain(describe(row))})
        try:
            row.delete()
        except ProtectedError as error:
            raise InventoryConflict(_in_use(row.name, error.protected_objects)) from None


def actions_of(grant: Grant) -> list[str]:
    """Return the names of what the grant allows."""
    return [name for name in _ACTION_NAMES if getattr(grant, name)]


def _in_use(name: str, users: Iterable[Model]) -> str:
    """Say what keeps a row from being removed, and what to do."""
    hosts = sorted(str(row) for row in users if isinstance(row, Host))
    if hosts:
        return _("%(name)s is in use by %(hosts)s. Give these another one first.") % {
            "name": name,
            "hosts": ", ".join(hosts[:5]),
        }
    # Other layers hang on to groups, too: by kind, "retention policy" or "legal hold".
    kinds = sorted({str(row._meta.verbose_name) for row in users})  # noqa: SLF001 - documented API
    return _("%(name)s is named by a %(kinds)s. Remove that first, or rename %(name)s if it has to stay.") % {
        "name": name,
        "kinds": ", ".join(kinds),
    }


_TARGETS = ("user", "group", "host", "host_group")


def _columns(row: Model, names: str) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names.split()}


def _announce(row: Row, verb: str, actor: Login | None, detail: dict[str, Any]) -> None:
    kind = _KINDS[type(row)]
    host_id: UUID | None = row.pk if isinstance(row, Host) else getattr(row, "host_id", None)
    if actor is None:
        detail = {**detail, "via": "command line"}
    announce(f"{kind}.{verb}", actor=actor, object_id=row.pk, object_name=str(row), host_id=host_id, detail=detail)


def _check_administrators_remain(before: Mapping[str, Any]) -> None:
    was_administrator = before.get("is_admin") and before.get("is_active")
    if was_administrator and not User.objects.filter(is_active=True, is_staff=True, is_superuser=True).exists():
        raise InventoryConflict(_("This is the last administrator. Make somebody else one first."))


def _plain(value: Any) -> Any:
    """Return `value` as JSON can hold it."""
    match value:
        case datetime():
            return value.isoformat()
        case dict():
            return {name: _plain(item) for name, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case str() | bool() | int() | None:
            return value
        case _:
            return str(value)
