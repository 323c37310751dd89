"""Who looked at which recording: one line in the ledger for a person and sign-in within half an hour."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from audit import ledger
from audit.models import RecordingView, Session
from hosts.logins import Login

ONE_VIEW = timedelta(minutes=30)


def note_view(session: Session, login: Login) -> None:
    """Note that `login` is about to see the recording. Requests at the same moment make one line."""
    now = timezone.now()
    same = RecordingView.objects.filter(session=session, user_id=login.user.pk, login=login.key)
    # Most requests end here: a look costs no lock.
    if same.filter(at__gt=now - ONE_VIEW).exists():
        return
    with transaction.atomic():
        view, is_first = RecordingView.objects.get_or_create(
            session=session, user_id=login.user.pk, login=login.key, defaults={"at": now}
        )
        # Of several requests only one finds the old time still there.
        is_next = not is_first and same.filter(pk=view.pk, at__lte=now - ONE_VIEW).update(at=now) == 1
        if is_first or is_next:
            ledger.record_about(session, ledger.Action.RECORDING_VIEWED, login)


def note_download(session: Session, login: Login, name: str) -> None:
    """Note that a file with the whole recording is about to leave."""
    ledger.record_about(session, ledger.Action.RECORDING_DOWNLOADED, login, {"file": name})
