"""Make an API token for somebody, for scripts: the token alone goes to standard output."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from hosts.inventory import announce_token
from hosts.tokens import DEFAULT_DAYS, DEFAULT_SCOPES, LONGEST_DAYS, SCOPES, create_token


class Command(BaseCommand):
    help = "Prints an API token. It is shown this once; only a hash is kept."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", metavar="USER")
        parser.add_argument("--name", required=True, help="what it is for")
        parser.add_argument("--scope", action="extend", nargs="+", default=None, help=", ".join(SCOPES))
        parser.add_argument("--days", type=int, default=DEFAULT_DAYS, help=f"1 to {LONGEST_DAYS}")

    def handle(self, *args: Any, **options: Any) -> None:
        del args
        user = User.objects.filter(username=options["user"]).first()
        if user is None:
            raise CommandError(f"there is no user called {options['user']!r}")
        if not user.is_active:
            raise CommandError(f"{user.username} is disabled")
        try:
            with transaction.atomic():
                token, text = create_token(user, options["name"], options["scope"] or DEFAULT_SCOPES, options["days"])
                announce_token(token, actor=None)
        except ValidationError as error:
            lines = [f"--{field.rstrip('s')}: {' '.join(texts)}" for field, texts in error.message_dict.items()]
            raise CommandError("; ".join(lines).replace("--day:", "--days:")) from None
        self.stdout.write(text.reveal().decode("ascii"))
