"""`manage.py prepare`: everything that the product needs before it starts. It may run any number of times."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.recording.key import why_not_wrapping
from bastion import demo_inventory


class Command(BaseCommand):
    help = (
        "Migrates the database, creates the cache table, the identity that reads recordings and the first"
        " administrator; prints a password it made up."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--demo-host", action="store_true", help="offer this machine as a host, while only it can reach Bastion"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        # Standard output is for the password alone; the supervisor reads it.
        call_command("migrate", interactive=False, verbosity=0, stdout=self.stderr)
        if problem := why_not_wrapping():
            raise CommandError(problem)
        call_command("createcachetable", verbosity=0, stdout=self.stderr)
        call_command("ensure_admin", stdout=self.stdout, stderr=self.stderr)
        if options["demo_host"] and settings.IS_LOCAL_ONLY:
            demo_inventory.offer()
        else:
            demo_inventory.withdraw()
