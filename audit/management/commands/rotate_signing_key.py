"""Replace the key that signs seals and checkpoints."""

from __future__ import annotations

import getpass
from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError

from audit.evidence.nodes import InconsistentLedgerError
from audit.evidence.rotation import replace_lost_key, rotate_signing_key
from audit.evidence.signer import SigningUnavailableError


class Command(BaseCommand):
    help = "Sign with a new key from now on. What the old key signed stays valid; its private half is removed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--lost", action="store_true", help="The old key's file is lost or cannot be used.")

    def handle(self, *, lost: bool, **_: object) -> None:
        rotate = replace_lost_key if lost else rotate_signing_key
        try:
            vkey = rotate(by=getpass.getuser())
        except (SigningUnavailableError, InconsistentLedgerError, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(vkey)
        self.stderr.write("Copy the signing key file to the other machines of this installation, if there are any.")
