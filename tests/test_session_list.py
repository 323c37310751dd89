"""The list of sessions asks its database cleverly, and gives what the plain question gives."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from audit import access
from audit.access import listed_sessions, visible_sessions
from audit.models import Session
from audit.sessions import ids_beginning_with, open_at
from hosts.access import Action
from hosts.models import HostGroup
from tests.recordings import STARTED_AT, make_grant, make_host, make_session, web_login

pytestmark = pytest.mark.django_db


def ended(user: User, after: float | None, **fields: object) -> Session:
    """A session that ended so many hours after its start, or runs."""
    session = make_session(user, make_host(), state=Session.State.LIVE if after is None else Session.State.SEALED)
    ended_at = None if after is None else session.started_at + timedelta(hours=after)
    Session.objects.filter(pk=session.pk).update(ended_at=ended_at, **fields)
    return session


@pytest.mark.parametrize("most", [0, 1, 200])
def test_a_list_holds_what_may_be_seen(
    bob: User, carol: User, mallory: User, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(access, "MOST_NAMED_HOSTS", most)
    hosts = [make_host() for _ in range(4)]
    for user in (bob, carol):
        for host in hosts:
            make_session(user, host)
    make_grant(bob, hosts[0], Action.VIEW_OWN)
    make_grant(bob, hosts[1], Action.VIEW_OWN)
    make_grant(carol, hosts[2], Action.AUDIT)
    make_grant(carol, hosts[0], Action.VIEW_OWN)
    group = HostGroup.objects.create(name="all")
    group.hosts.set(hosts[:2])
    counts = {}
    for user in (bob, carol, mallory):
        listed = set(listed_sessions(web_login(user)))
        assert listed == set(visible_sessions(web_login(user)))
        counts[user.username] = len(listed)
    assert counts == {"bob": 2, "carol": 3, "mallory": 0}
    make_grant(bob, hosts[3], Action.AUDIT)
    assert set(listed_sessions(web_login(bob))) == set(visible_sessions(web_login(bob)))


def test_what_was_open_at_a_moment(bob: User) -> None:
    short, long, running, backwards = ended(bob, 1), ended(bob, 5), ended(bob, None), ended(bob, -1)
    lost = ended(bob, None, state=Session.State.FAILED)

    def open_after(hours: float) -> set[Session]:
        return set(open_at(Session.objects.all(), STARTED_AT + timedelta(hours=hours)))

    assert open_after(-0.5) == set()
    assert open_after(0) == {short, long, running}
    assert open_after(1) == {short, long, running}
    assert open_after(3) == {long, running}
    assert open_after(99) == {running}
    assert backwards not in open_after(-2) | open_after(0.5)
    assert lost not in open_after(0)


@pytest.mark.parametrize("length", [4, 8, 9, 13, 14, 36])
def test_an_id_is_found_by_its_beginning(bob: User, length: int) -> None:
    session = make_session(bob, make_host(), session_id=UUID("0c1f3c5e-AAAA-4bbb-8ccc-123456789abc"))
    make_session(bob, make_host(), session_id=UUID("0c1f3c5f-aaaa-4bbb-8ccc-123456789abc"))
    text = str(session.pk).upper()[:length]
    ids = ids_beginning_with(text)
    assert ids is not None
    assert session in Session.objects.filter(id__range=ids)
    assert Session.objects.filter(id__range=ids).count() == (2 if length == 4 else 1)


@pytest.mark.parametrize(
    "text", ["", "0c1", "0c1f3c5-", "0c1f3c5eaa", "0c1f-", "xyz1", "0c1f3c5e-aaaa-4bbb-8ccc-123456789abcd"]
)
def test_what_begins_no_id_is_none(text: str) -> None:
    assert ids_beginning_with(text) is None


def test_mallory_costs_the_sessions_table_nothing(mallory: User, bob: User, django_assert_num_queries: object) -> None:
    make_session(bob, make_host())
    assert listed_sessions(web_login(mallory)).query.is_empty()


def test_on_postgresql_each_filter_has_an_index(bob: User) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("indexes of PostgreSQL")
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexname FROM pg_indexes WHERE tablename = 'audit_session'")
        names = {name for (name,) in cursor.fetchall()}
        assert {"session_texts", "session_open_at", "session_by_user_name", "session_by_host_name"} <= names
        # With nothing in the table every plan is as good: whether an index can serve at all is what counts.
        cursor.execute("SET LOCAL enable_seqscan = off")
        for sessions, index in (
            (open_at(Session.objects.order_by(), STARTED_AT), "session_open_at"),
            (Session.objects.order_by().filter(end_detail__icontains="ticket"), "session_texts"),
        ):
            assert index in sessions.explain()


def test_a_list_of_nothing_is_a_page(client: Client, mallory: User) -> None:
    client.force_login(mallory)
    for query in ("", "q=web", "active_at=2026-11-20T14:00:00Z", "user=bob", "host=web-01", "state=live"):
        assert client.get(f"/api/v1/sessions/?{query}").json() == {"next": None, "previous": None, "results": []}
