"""Import a recording that was made by another program."""

from __future__ import annotations

import getpass
from argparse import ArgumentParser
from pathlib import Path

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from audit.imports import ImportFailedError, import_cast
from audit.printing import printable
from hosts.models import Host


class Command(BaseCommand):
    help = (
        "Import an asciicast file (v1, v2 or v3, also gzip or zstd) as a session of a user on a host. It is marked as "
        "imported everywhere: nothing is proved about what happened to it before."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--host", required=True, metavar="NAME", help="the host that it shows")
        parser.add_argument("--user", required=True, metavar="NAME", help="the person that it shows")

    def handle(self, *, file: Path, host: str, user: str, **_: object) -> None:
        try:
            imported = import_cast(file, _host_named(host), _user_named(user), imported_by=getpass.getuser())
        except ImportFailedError as error:
            raise CommandError(printable(str(error))) from error
        if imported.is_torn:
            self.stderr.write(printable(f"{file} breaks off within an event; the {imported.events} before it are in."))
        self.stdout.write(str(imported.session.pk))


def _host_named(name: str) -> Host:
    host = Host.objects.filter(name=name).first()
    if host is None:
        raise CommandError(printable(f"There is no host named {name}. Add it first: manage.py add_host {name} ADDRESS"))
    return host


def _user_named(name: str) -> User:
    user = User.objects.filter(username=name).first()
    if user is None:
        raise CommandError(printable(f"There is no user named {name}. Add the person in the browser first."))
    return user
