"""Give somebody the right to do something on a host or a host group, for scripts."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from hosts import validation
from hosts.access import Action
from hosts.instants import parse_instant
from hosts.inventory import actions_of, store
from hosts.models import Grant, Host, HostGroup

_ACTIONS = [action.value for action in Action]


class Command(BaseCommand):
    help = "Grants actions. USER is a person or group:NAME, HOST a host or group:NAME. Granting twice is one grant."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", metavar="USER")
        parser.add_argument("host", metavar="HOST")
        parser.add_argument("actions", metavar="ACTION", nargs="+", help=", ".join(_ACTIONS))
        parser.add_argument("--until", default="", help="such as 2026-12-31T18:00:00Z; default: until it is revoked")
        parser.add_argument("--reason", default="")

    def handle(self, *args: Any, **options: Any) -> None:
        del args
        flags = dict.fromkeys(_actions(options["actions"]), True)
        facts = {**_person(options["user"]), **_place(options["host"])}
        until, now = _until(options["until"]), timezone.now()
        try:
            reason = validation.clean_line(options["reason"])[:500]
        except ValidationError as error:
            raise CommandError(f"--reason: {' '.join(error.messages)}") from None
        same = Grant.objects.filter(
            **facts, **{**dict.fromkeys(_ACTIONS, False), **flags}, valid_until=until, revoked_at=None
        )
        grant = same.filter(valid_from__lte=now).first()
        if grant is None:
            grant = Grant(**facts, **flags, valid_from=now, valid_until=until, reason=reason)
            store(grant, actor=None)
        self.stderr.write(f"{grant}: {', '.join(actions_of(grant))}")
        self.stdout.write(str(grant.pk))


def _actions(names: list[str]) -> list[str]:
    if unknown := [name for name in names if name not in _ACTIONS]:
        raise CommandError(f"expected {', '.join(_ACTIONS)}, got {unknown[0]!r}")
    return names


def _person(name: str) -> dict[str, Any]:
    if name.startswith("group:"):
        group = Group.objects.filter(name=name.removeprefix("group:")).first()
        if group is None:
            raise CommandError(f"there is no group called {name.removeprefix('group:')!r}")
        return {"group": group}
    user = User.objects.filter(username=name).first()
    if user is None:
        raise CommandError(f"there is no user called {name!r}")
    return {"user": user}


def _place(name: str) -> dict[str, Any]:
    if name.startswith("group:"):
        host_group = HostGroup.objects.filter(name=name.removeprefix("group:")).first()
        if host_group is None:
            raise CommandError(f"there is no host group called {name.removeprefix('group:')!r}")
        return {"host_group": host_group}
    host = Host.objects.filter(name=name, retired_at__isnull=True).first()
    if host is None:
        raise CommandError(f"there is no host called {name!r}")
    return {"host": host}


def _until(text: str) -> datetime | None:
    if not text:
        return None
    try:
        until = parse_instant(text)
    except ValueError as error:
        raise CommandError(f"--until: {error}, got {text!r}") from None
    if until <= timezone.now():
        raise CommandError(f"--until: expected a time to come, got {text!r}")
    return until
