"""Wrap the keys of all recordings again, for those who may read them from now on."""

from __future__ import annotations

import getpass
from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError

from audit.printing import printable
from audit.recording.key import KeyUnavailableError
from audit.recording.wrapped_keys import rewrap_keys


class Command(BaseCommand):
    help = (
        "Wraps the keys of all recordings for BASTION_RECIPIENTS, or for the identity file if that is empty. Needs an"
        " identity that opens them as they are. Safe to interrupt and to repeat. Exit status: 0 all were wrapped, 1 one"
        " was left as it is."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="Try everything and change nothing.")

    def handle(self, *, dry_run: bool, **_: object) -> None:
        try:
            result = rewrap_keys(getpass.getuser(), is_dry=dry_run)
        except KeyUnavailableError as error:
            raise CommandError(str(error)) from error
        would = "would be wrapped" if dry_run else "were wrapped"
        self.stdout.write(f"{result.keys} keys {would} for {', '.join(result.recipients)}.")
        self.stdout.write(f"{result.objects} of them beside their recordings.")
        if result.unsealed:
            self.stdout.write(
                f"{result.unsealed} belong to recordings that are not sealed: run this again when they are."
            )
        for reason in result.reasons:
            self.stderr.write(printable(reason))
        if result.failed:
            raise CommandError(f"{result.failed} keys were left as they are. Keep the old identity.")
