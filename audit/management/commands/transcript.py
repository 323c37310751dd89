"""Print a recording as plain text."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from audit.imports import ImportFailedError, open_cast
from audit.printing import printable
from audit.transcript import transcript


class Command(BaseCommand):
    help = "Print the text of an asciicast file (v1, v2 or v3, also gzip or zstd): every line that was on its screen."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *, file: Path, **_: object) -> None:
        try:
            with open_cast(file) as cast:
                for line in transcript(cast.header, cast.events):
                    self.stdout.write(printable(line))
        except ImportFailedError as error:
            raise CommandError(str(error)) from error
