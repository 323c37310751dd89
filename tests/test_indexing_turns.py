"""A long recording is indexed a turn at a time, so that others do not wait for it."""

from __future__ import annotations

from uuid import UUID

import pytest
from django.contrib.auth.models import User

from audit import tasks
from audit.events import Output
from audit.indexing import indexer
from audit.models import Session
from tests.recordings import make_host, make_session, record_segments

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def session(bob: User) -> Session:
    session = make_session(bob, make_host(), state=Session.State.SEALED)
    record_segments(session, *([Output(n * 10.0, f"line {n}\r\n")] for n in range(3)))
    return session


def test_a_turn_ends_with_the_segment_in_which_its_time_is_over(session: Session) -> None:
    for left in (2, 1, 0):
        assert indexer.is_unindexed(session.pk)
        assert indexer.index_session(session.pk, 0) == 1
        assert session.segments.filter(indexed_at__isnull=True).count() == left
    assert not indexer.is_unindexed(session.pk)
    session.refresh_from_db()
    assert session.index_state is None
    assert indexer.index_session(session.pk, 0) == 0


def test_the_job_asks_for_its_next_turn_while_there_is_more(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    index_session = indexer.index_session
    asked: list[UUID] = []
    monkeypatch.setattr(indexer, "index_session", lambda session_id: index_session(session_id, 0))
    monkeypatch.setattr(tasks, "request_indexing", asked.append)
    for turns in (1, 2, 2):
        tasks.index_session(str(session.pk))
        assert asked == [session.pk] * turns
