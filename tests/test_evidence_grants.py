"""What the grants `export` and `view_input` add, and that alone they open nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from audit.models import Session
from hosts.access import Action, hosts_allowing
from hosts.models import Grant, Host
from tests.inventory import Browser, Program
from tests.kept_recordings import keep_recording
from tests.recordings import make_grant, make_host, make_session, web_login

EVIDENCE = (Action.EXPORT, Action.VIEW_INPUT)

pytestmark = pytest.mark.usefixtures("valkey")


@pytest.fixture
def host(db: None) -> Host:
    return make_host("web-01")


@pytest.fixture
def session(bob: User, host: Host) -> Session:
    return make_session(bob, host, state=Session.State.SEALED)


def actions_of(person: User, session: Session) -> list[str]:
    answer = Browser(person).get(f"sessions/{session.pk}/")
    assert answer.status_code == 200, answer.content
    found: list[str] = answer.json()["actions"]
    return found


@pytest.mark.parametrize("action", EVIDENCE)
def test_alone_they_open_no_recording_and_no_terminal(bob: User, session: Session, host: Host, action: Action) -> None:
    grant = make_grant(bob, host, action)
    browser = Browser(bob)
    assert browser.get("sessions/").json()["results"] == []
    for path in ("", "recording.cast", "recording.raw", "replay.json", "transcript.txt", "verify"):
        assert browser.get(f"sessions/{session.pk}/{path}").status_code == 404
    (seen,) = browser.get("hosts/").json()["results"]
    assert seen["actions"] == [action.value]
    assert not hosts_allowing(web_login(bob), Action.CONNECT).exists()
    assert browser.get(f"grants/{grant.pk}/").json()["actions"] == [action.value]


@pytest.mark.parametrize("sight", [Action.VIEW_OWN, Action.AUDIT])
def test_beside_the_right_to_see_a_recording_they_are_shown_as_possible(
    bob: User, carol: User, session: Session, host: Host, sight: Action
) -> None:
    person = bob if sight is Action.VIEW_OWN else carol
    make_grant(person, host, sight)
    assert actions_of(person, session) == []
    for action in EVIDENCE:
        make_grant(person, host, action)
    assert actions_of(person, session) == ["export", "view_input"]
    # Another host's grant is no grant for this one, and one that has ended is none.
    Grant.objects.filter(user=person, export=True).update(host=make_host("db-01"))
    Grant.objects.filter(user=person, view_input=True).update(valid_until=timezone.now() - timedelta(seconds=1))
    assert actions_of(person, session) == []


def test_exact_copies_need_export_and_the_bundle_with_what_was_typed_needs_both(bob: User, host: Host) -> None:
    session = keep_recording(bob, host, days=1, has_all=False)
    make_grant(bob, host, Action.VIEW_OWN)

    def statuses() -> list[int]:
        paths = ("recording.cast", "recording.raw", "replay.html", "evidence.zip")
        return [Browser(bob).get(f"sessions/{session.pk}/{path}").status_code for path in paths]

    assert statuses() == [200, 404, 404, 404]
    typed = make_grant(bob, host, Action.VIEW_INPUT)
    assert statuses() == [200, 404, 404, 404]
    Grant.objects.filter(pk=typed.pk).update(revoked_at=timezone.now())
    make_grant(bob, host, Action.EXPORT)
    assert statuses() == [200, 200, 200, 404]
    make_grant(bob, host, Action.VIEW_INPUT)
    assert statuses() == [200, 200, 200, 200]


def test_they_outlive_the_host(carol: User, session: Session, host: Host) -> None:
    make_grant(carol, host, Action.AUDIT, *EVIDENCE)
    Host.objects.update(retired_at=timezone.now(), enabled=False)
    assert actions_of(carol, session) == ["export", "view_input"]


def test_a_token_needs_the_scope_of_the_sight_they_go_with(carol: User, session: Session, host: Host) -> None:
    make_grant(carol, host, Action.AUDIT, *EVIDENCE)
    assert Program(carol, "read").get(f"sessions/{session.pk}/").status_code == 404
    row: dict[str, Any] = Program(carol, "read", "audit").get(f"sessions/{session.pk}/").json()
    assert row["actions"] == ["export", "view_input"]


@pytest.mark.parametrize(
    ("facts", "proof"),
    [
        ({"state": Session.State.LIVE}, "open"),
        ({"state": Session.State.DETACHED, "has_gaps": True}, "open"),
        ({"state": Session.State.ENDED}, "open"),
        ({"state": Session.State.SEALED}, "sealed"),
        ({"state": Session.State.RECOVERED}, "recovered"),
        ({"state": Session.State.SEALED, "has_gaps": True}, "gap"),
        ({"state": Session.State.RECOVERED, "has_gaps": True}, "gap"),
        ({"state": Session.State.IMPORTED}, "imported"),
        ({"state": Session.State.FAILED, "has_gaps": True}, "none"),
        ({"state": Session.State.RECOVERED, "has_gaps": True, "deleted_at": timezone.now()}, "deleted"),
        ({"state": Session.State.FAILED, "deleted_at": timezone.now()}, "deleted"),
    ],
)
def test_a_session_says_in_a_word_what_proves_it(
    bob: User, session: Session, host: Host, facts: dict[str, Any], proof: str
) -> None:
    make_grant(bob, host, Action.VIEW_OWN)
    Session.objects.filter(pk=session.pk).update(**facts)
    assert Browser(bob).get(f"sessions/{session.pk}/").json()["proof"] == proof


def test_a_session_shows_where_it_has_gaps(bob: User, session: Session, host: Host) -> None:
    make_grant(bob, host, Action.VIEW_OWN)
    gaps = [[1.5, 3.0, "the disk of node-1 was lost"], [9.0, None, "the disk of node-2 was lost"]]
    Session.objects.filter(pk=session.pk).update(gaps=gaps, has_gaps=True)
    row = Browser(bob).get(f"sessions/{session.pk}/").json()
    assert (row["gaps"], row["has_gaps"]) == (gaps, True)
