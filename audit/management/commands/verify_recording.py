"""Check recordings against their chains."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from audit.ledger import Action, record_about
from audit.models import Session
from audit.printing import printable
from audit.verify import Report, Verdict, verify_recording

EXIT_STATUS = {Verdict.INTACT: 0, Verdict.ALTERED: 1, Verdict.UNDECIDED: 4}


class Command(BaseCommand):
    help = "Check recordings. Exit status: 0 all intact, 1 one was altered, 4 one cannot be decided, 2 wrong usage."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("session", nargs="*", type=UUID, help="Ids of sessions.")
        parser.add_argument("--all", action="store_true", help="Check every recording that is kept.")

    def handle(self, *, session: list[UUID], all: bool, **_: object) -> None:  # noqa: A002 the option's name
        if bool(session) == all:
            raise CommandError("Expected ids of sessions, or --all.", returncode=2)
        verdicts = set()
        for session_id in session or list(Session.objects.order_by("started_at").values_list("pk", flat=True)):
            row = Session.objects.filter(pk=session_id).first()
            if row is None:
                self.stderr.write(f"{session_id} unknown: there is no such session.")
                verdicts.add(Verdict.UNDECIDED)
                continue
            report = verify_recording(row)
            record_about(row, Action.RECORDING_VERIFIED, None, {"verdict": report.verdict, "segments": report.segments})
            self._print(report)
            verdicts.add(report.verdict)
        worst = next((one for one in (Verdict.ALTERED, Verdict.UNDECIDED) if one in verdicts), Verdict.INTACT)
        if worst is not Verdict.INTACT:
            sys.exit(EXIT_STATUS[worst])

    def _print(self, report: Report) -> None:
        end = "sealed" if report.is_sealed else "not sealed"
        self.stdout.write(f"{report.session_id} {report.verdict}: {report.segments} segments, {end}, {report.chain}")
        self.stdout.write(f"  {report.state}")
        for problem in report.problems:
            place = "recording" if problem.segment is None else f"segment {problem.segment}"
            self.stdout.write(printable(f"  {place}: {problem.problem}"))
