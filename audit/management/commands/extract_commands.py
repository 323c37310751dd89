"""Tell the commands that were run in a recording."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

import orjson
from django.core.management.base import BaseCommand, CommandError

from audit.imports import ImportFailedError, open_cast
from audit.indexing.extraction import extract


class Command(BaseCommand):
    help = (
        "Print the commands that were run in an asciicast file (v1, v2 or v3, also gzip or zstd) as JSON: "
        '[{"t": seconds, "command": text, "source": how it was found, "confidence": 0 to 1}]. '
        "Says on standard error when no prompt could be told, so that the commands are unknown."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *, file: Path, **_: object) -> None:
        try:
            with open_cast(file) as cast:
                findings = extract(cast.header, cast.events)
        except ImportFailedError as error:
            raise CommandError(str(error)) from error
        rows = [
            {"t": found.t, "command": found.command, "source": found.source, "confidence": found.confidence}
            for found in findings.commands
        ]
        self.stdout.write(orjson.dumps(rows, option=orjson.OPT_INDENT_2).decode())
        if findings.overall == "not_found":
            self.stderr.write("No shell prompt could be told from this recording: its commands are unknown.")
