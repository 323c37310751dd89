"""Delete recordings before their time, with a line in the ledger that says on whose order."""

from __future__ import annotations

from argparse import ArgumentParser
from uuid import UUID

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from audit.models import Session
from audit.retention.deletion import HeldError, NotOverError, delete_by_order, unfinished
from hosts import validation


class Command(BaseCommand):
    help = (
        "Delete recordings for good, whatever the retention policies say. Their sessions, seals and lines in the ledger"
        " stay. A recording under a legal hold is refused."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("session", nargs="+", type=UUID, help="Ids of sessions.")
        parser.add_argument("--reason", required=True, help="On what grounds; it stays in the ledger.")
        parser.add_argument("--by", required=True, metavar="USER", help="The administrator who orders it.")

    def handle(self, *, session: list[UUID], reason: str, by: str, **_: object) -> None:
        administrator = User.objects.filter(username=by, is_staff=True, is_active=True).first()
        if administrator is None:
            raise CommandError(f"--by: expected the name of an administrator, got {by!r}")
        try:
            words = validation.clean_line(reason.strip())
        except ValidationError as error:
            raise CommandError(f"--reason: {' '.join(error.messages)}") from None
        if not words:
            raise CommandError("--reason: expected the grounds on which it is deleted")
        for session_id in session:
            try:
                delete_by_order(session_id, words, administrator.get_username())
            except Session.DoesNotExist:
                raise CommandError(f"{session_id}: there is no such session") from None
            except (HeldError, NotOverError) as error:
                raise CommandError(f"{session_id}: {error}") from None
            left = " Parts of it are left; run apply_retention." if unfinished().filter(pk=session_id).exists() else ""
            self.stdout.write(f"{session_id} was deleted.{left}")
