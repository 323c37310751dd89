"""Delete recordings whose time is over."""

from __future__ import annotations

import sys
from argparse import ArgumentParser

from django.core.management.base import BaseCommand
from django.template.defaultfilters import filesizeformat

from audit.models import RetentionPolicy
from audit.printing import printable
from audit.retention.plan import Plan
from audit.retention.sweep import apply_retention

UNFINISHED = 1


class Command(BaseCommand):
    help = (
        "Delete the recordings that the retention policies let go of; their sessions, seals and lines in the ledger"
        " stay. The scheduler does the same every hour. Exit status: 0 done, 1 something is left for the next run."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="Only say what would be deleted.")

    def handle(self, *, dry_run: bool, **_: object) -> None:
        if not RetentionPolicy.objects.exists():
            self.stderr.write("There is no retention policy: recordings are kept for ever.")
        plan = apply_retention(dry_run=dry_run)
        if dry_run:
            self._print(plan)
            return
        self.stdout.write(f"{plan.deleted} of {plan.count} recordings were deleted. Legal holds keep {plan.held}.")
        if plan.unfinished:
            self.stderr.write(
                f"{plan.unfinished} deletions are not finished: parts of the recordings are left. The log says why."
                " Run this again."
            )
            sys.exit(UNFINISHED)

    def _print(self, plan: Plan) -> None:
        size = filesizeformat(plan.bytes).replace("\xa0", " ")
        self.stdout.write(f"{plan.count} recordings would be deleted, {size}. Legal holds keep {plan.held}.")
        for session in plan.sessions:
            self.stdout.write(printable(f"  {session.pk} {session}"))
        if plan.count > len(plan.sessions):
            self.stdout.write(f"  … and {plan.count - len(plan.sessions)} more")
