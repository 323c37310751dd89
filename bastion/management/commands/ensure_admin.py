"""`manage.py ensure_admin`: creates the administrator `admin` unless there is one."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from bastion.administrator import WeakPasswordError, ensure_administrator
from bastion.environment import Environment


class Command(BaseCommand):
    help = (
        "Creates the first administrator, admin, with BASTION_ADMIN_PASSWORD or a random password, which alone is"
        " printed. Does nothing when there is an administrator."
    )

    def handle(self, *_args: Any, **_options: Any) -> None:
        try:
            password = ensure_administrator(Environment().text("BASTION_ADMIN_PASSWORD"))
        except WeakPasswordError as error:
            raise CommandError(str(error)) from error
        if password:
            self.stdout.write(password)
