"""Jobs of the indexer: told by ids, found again from the database, never lost to an error that passes."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User

from audit import tasks
from audit.events import Output
from audit.indexing import indexer
from audit.recording.storage import StorageError
from tests.recordings import make_host, make_session, record_segments

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_job_indexes_the_session_it_is_told(bob: User) -> None:
    session = make_session(bob, make_host())
    record_segments(session, [Output(1.0, "hello\r\n")])
    tasks.index_session(str(session.pk))
    assert indexer.find_unindexed() == []


def test_a_job_for_a_session_that_is_gone_is_done() -> None:
    tasks.index_session(str(uuid4()))


def test_a_store_that_does_not_answer_does_not_cost_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_: UUID) -> int:
        raise StorageError("the object store does not answer")

    monkeypatch.setattr(indexer, "index_session", away)
    tasks.index_session(str(uuid4()))


def test_missing_work_is_asked_for_from_the_database(bob: User, monkeypatch: pytest.MonkeyPatch) -> None:
    session = make_session(bob, make_host())
    record_segments(session, [Output(1.0, "hello\r\n")])
    asked: list[UUID] = []
    monkeypatch.setattr(tasks, "request_indexing", asked.append)
    tasks.find_missing_index_work()
    assert asked == [session.pk]
    tasks.index_session(str(session.pk))
    asked.clear()
    tasks.find_missing_index_work()
    assert asked == []
