"""Of a deleted recording the API says that it is gone, since when and under what, and shows nothing of it."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from audit.models import AuditEvent, RetentionPolicy, Session
from audit.retention.sweep import apply_retention
from hosts.access import Action
from hosts.models import Host, HostGroup
from tests.inventory import Browser
from tests.kept_recordings import CANARY, keep_recording
from tests.recordings import make_grant, make_host

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]

CONTENT = [
    "recording.cast",
    "recording.cast?version=3",
    "recording.raw",
    "replay.html",
    "evidence.zip",
    "transcript.txt",
    "replay.json",
    "segments/0.json",
    "commands/",
    "commands/?format=csv",
    f"search/?q={CANARY}",
]


@pytest.fixture
def host(transactional_db: None) -> Host:
    host, group = make_host("web-01"), HostGroup.objects.create(name="servers")
    host.groups.add(group)
    RetentionPolicy.objects.create(host_group=group, days=30)
    return host


@pytest.fixture
def deleted(bob: User, host: Host) -> Session:
    make_grant(bob, host, *Action)
    session = keep_recording(bob, host, days=31)
    assert apply_retention().deleted == 1
    session.refresh_from_db()
    return session


def row_of(browser: Browser, session: Session) -> dict[str, Any]:
    row: dict[str, Any] = browser.get(f"sessions/{session.pk}/").json()
    assert row in browser.get("sessions/").json()["results"]
    return row


def test_it_stays_listed_with_what_is_known_of_it(deleted: Session, bob: User) -> None:
    row = row_of(Browser(bob), deleted)
    assert deleted.deleted_at is not None
    assert row["proof"] == "deleted"
    assert row["deleted_at"] == deleted.deleted_at.isoformat().replace("+00:00", "Z")
    assert row["deleted_under"] == "the retention policy of servers (30 days)"
    assert (row["state"], row["user"], row["host"], row["held"]) == ("sealed", "bob", "web-01", False)
    assert row["actions"] == []
    assert row["indexed"] is True


@pytest.mark.parametrize("path", CONTENT)
def test_its_content_is_gone_and_the_answer_says_why(deleted: Session, bob: User, path: str) -> None:
    answer = Browser(bob).get(f"sessions/{deleted.pk}/{path}")
    assert answer.status_code == 410
    assert answer["Content-Type"] == "application/problem+json"
    said = answer.json()["detail"]
    assert "deleted under the retention policy of servers (30 days) on " in said
    assert f"{deleted.deleted_at:%Y-%m-%d}" in said
    assert CANARY not in said
    # Nobody saw anything.
    assert not AuditEvent.objects.filter(action__in=["recording.viewed", "recording.downloaded"]).exists()


@pytest.mark.parametrize("path", CONTENT)
def test_to_who_may_not_see_it_it_does_not_exist(deleted: Session, mallory: User, path: str) -> None:
    assert Browser(mallory).get(f"sessions/{deleted.pk}/{path}").status_code == 404


def test_searches_across_sessions_do_not_find_it(bob: User, host: Host) -> None:
    """Not even while its text, in an index of its own, is still there."""
    make_grant(bob, host, *Action)
    session = keep_recording(bob, host, days=1)
    browser = Browser(bob)
    assert browser.get("search/", q=CANARY).json()["results"]
    Session.objects.filter(pk=session.pk).update(deleted_at=session.ended_at)
    assert browser.get("search/", q=CANARY).json()["results"] == []
    assert (
        CANARY
        not in b"".join(browser.get("search/", q=CANARY, format="csv").streaming_content).decode().partition("\n")[2]
    )
