"""What was typed leaves only for who may see input; exact copies leave only for who may export."""

from __future__ import annotations

import orjson
import pytest
from django.contrib.auth.models import User
from django.test import Client

from audit.events import Exit, HiddenInput, Input, Marker, Output
from audit.models import AuditEvent, Session
from hosts.access import Action
from hosts.models import Host
from tests.conftest import token_of
from tests.recordings import make_grant, make_host, make_session, record_segments

pytestmark = pytest.mark.usefixtures("valkey")
TYPED = "typed-in-secret"
# Output that reads like a line of input must stay.
TRAP = '\n[1.0,"i","shown"]\n'


@pytest.fixture
def host(db: None) -> Host:
    return make_host("web-01")


@pytest.fixture
def session(bob: User, host: Host) -> Session:
    session = make_session(bob, host)
    record_segments(
        session,
        [Output(0.5, "$ "), Input(1.0, f"{TYPED}\r"), HiddenInput(1.5, 12), Output(2.0, TRAP)],
        [Input(31.0, TYPED), Output(31.5, "caf\ufffd", exact=b"caf\xe9"), Marker(32.0, "m"), Exit(33.0, 0)],
    )
    return session


@pytest.fixture
def client(carol: User) -> Client:
    client = Client()
    client.force_login(carol)
    return client


def fetch(client: Client, session: Session, name: str) -> bytes:
    answer = client.get(f"/api/v1/sessions/{session.pk}/{name}")
    assert answer.status_code == 200, answer.content
    return answer.getvalue()


NAMES = ["recording.cast", "recording.cast?version=3", "segments/0.json?idle=keep", "segments/1.json?idle=keep"]


@pytest.mark.parametrize("name", NAMES)
def test_without_the_grant_nothing_that_was_typed_leaves(
    client: Client, session: Session, carol: User, host: Host, name: str
) -> None:
    make_grant(carol, host, Action.AUDIT)
    without = fetch(client, session, name)
    assert TYPED.encode() not in without
    make_grant(carol, host, Action.VIEW_INPUT)
    assert TYPED.encode() in fetch(client, session, name)


def codes(cast: bytes) -> list[str]:
    return [orjson.loads(line)[1] for line in cast.splitlines()[1:]]


def test_all_the_rest_stays_as_it_is(client: Client, session: Session, carol: User, host: Host) -> None:
    make_grant(carol, host, Action.AUDIT)
    without = {name: fetch(client, session, name) for name in NAMES[:2]}
    make_grant(carol, host, Action.VIEW_INPUT)
    for name, cast in without.items():
        whole = fetch(client, session, name)
        assert codes(whole) == ["o", "i", "h", "o", "i", "b", "o", "m", "x"]
        assert codes(cast) == ["o", "o", "b", "o", "m", "x"]
        texts = [orjson.loads(line)[2] for line in cast.splitlines()[1:]]
        assert texts[1] == TRAP
    kept = [line for line in fetch(client, session, "recording.cast").splitlines() if line[4:7] not in {b'"i"', b'"h"'}]
    assert set(without["recording.cast"].splitlines()) <= set(kept) | set(
        fetch(client, session, "recording.cast").splitlines()
    )
    # Without what was typed, the moments of v3 still add up to those of v2.
    times = [orjson.loads(line)[0] for line in without["recording.cast?version=3"].splitlines()[1:]]
    assert round(sum(times), 6) == 33.0


@pytest.mark.parametrize("way", ["browser", "token"])
@pytest.mark.parametrize("name", ["recording.raw", "replay.html"])
def test_exact_copies_need_the_grant_and_are_downloads(
    client: Client, session: Session, carol: User, host: Host, name: str, way: str
) -> None:
    headers = {"Authorization": f"Bearer {token_of(carol, 'read', 'audit')}"} if way == "token" else {}
    address = f"/api/v1/sessions/{session.pk}/{name}"
    make_grant(carol, host, Action.AUDIT, Action.VIEW_INPUT)
    assert client.get(address, headers=headers).status_code == 404
    assert not AuditEvent.objects.filter(action="recording.downloaded").exists()
    make_grant(carol, host, Action.EXPORT)
    assert client.head(address, headers=headers).status_code == 200
    assert not AuditEvent.objects.filter(action="recording.downloaded").exists()
    assert client.get(address, headers=headers).status_code == 200
    line = AuditEvent.objects.get(action="recording.downloaded")
    assert (line.actor_name, line.detail) == ("carol", {"file": name})


def test_the_grant_to_export_opens_no_recording_by_itself(
    client: Client, session: Session, carol: User, host: Host
) -> None:
    make_grant(carol, host, Action.EXPORT, Action.VIEW_INPUT)
    for name in ("recording.raw", "replay.html", "evidence.zip", "recording.cast"):
        assert client.get(f"/api/v1/sessions/{session.pk}/{name}").status_code == 404


def test_the_page_has_what_was_typed_only_with_the_grant(
    client: Client, session: Session, carol: User, host: Host
) -> None:
    make_grant(carol, host, Action.AUDIT, Action.EXPORT)
    assert TYPED.encode() not in fetch(client, session, "replay.html")
    make_grant(carol, host, Action.VIEW_INPUT)
    assert TYPED.encode() in fetch(client, session, "replay.html")
