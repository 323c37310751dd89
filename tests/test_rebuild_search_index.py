"""The search index can be thrown away and made again from the recordings."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command

from audit.events import Output
from audit.indexing.indexer import find_unindexed, index_session
from audit.models import Session
from audit.search import Filters, Scope, backend
from tests.recordings import make_host, make_session, record_segments


def found(session: Session) -> int:
    scope = Scope(0, frozenset(), frozenset({session.host_id}))
    return len(backend().find(scope, "needle", cursor=None, limit=50, filters=Filters(kind="output")).hits)


@pytest.mark.usefixtures("valkey")
def test_what_was_found_before_is_found_again(bob: User, capsys: pytest.CaptureFixture[str]) -> None:
    session = make_session(bob, make_host())
    record_segments(
        session, [Output(1.0, "needle\r\n" + "x\r\n" * 60)], [Output(31.0, "needle again\r\n" + "y\r\n" * 60)]
    )
    index_session(session.pk)
    before = found(session)
    assert before > 0
    call_command("rebuild_search_index")
    assert "1 recordings are being indexed" in capsys.readouterr().out
    assert found(session) == 0
    assert session.pk in find_unindexed()
    index_session(session.pk)
    assert found(session) == before
