"""The answer is lost while a session's row is committed: whether it was or not, nothing is left open."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import OperationalError

from audit import sessions
from audit.models import AuditEvent, Session
from audit.recording.directory import unsealed_recordings
from audit.recording.recovery import recover_all
from bastion.live import opening, wire
from hosts.access import Action
from tests.crashes import make_old
from tests.recordings import make_grant, make_host, web_login

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def left(bob: User, monkeypatch: pytest.MonkeyPatch, is_committed: bool) -> UUID:
    """A start that was cut off, after or before the row was committed."""
    host = make_host("web-01")
    make_grant(bob, host, Action.CONNECT)

    def cut_off(*arguments: Any) -> None:
        if is_committed:
            sessions.save_started(*arguments)
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(opening, "save_started", cut_off)
    login = replace(web_login(bob), kind="token")
    before = set(unsealed_recordings())
    with pytest.raises(OperationalError):
        opening.open_session(login, host.pk, wire.Size(80, 24))
    (session_id,) = set(unsealed_recordings()) - before
    return session_id


@pytest.mark.parametrize("is_committed", [True])
def test_a_session_that_was_there_is_sealed_with_the_reason(left: UUID) -> None:
    recover_all()
    session = Session.objects.get(pk=left)
    assert (session.state, session.end_reason, session.gaps) == (Session.State.SEALED, "cannot_record", [])
    assert AuditEvent.objects.filter(session_id=left, action="session.ended").count() == 1
    assert left not in unsealed_recordings()


@pytest.mark.parametrize("is_committed", [False])
def test_a_recording_without_a_session_is_set_aside(left: UUID) -> None:
    make_old(settings.OPEN_DIR / str(left))
    recover_all()
    assert left not in unsealed_recordings()
    assert (settings.RECORDINGS_DIR / "orphaned" / str(left) / "0.cast").exists()
