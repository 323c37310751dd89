"""The ledger over REST as something that can be proved, and who may see how it stands."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from pytest_django import Settings

from audit import ledger
from audit.access import listed_events
from audit.evidence.anchors import OpenAnchor, anchor_closed, anchor_open
from audit.evidence.checkpoints import make_checkpoint, parse_checkpoint
from audit.evidence.leaves import leaf_of, payload_of
from audit.evidence.signer import current_signer, known_vkeys
from audit.evidence.tree import leaf_hash, root_of_inclusion
from audit.ledger import Action
from audit.models import AuditEvent
from hosts import access
from tests.conftest import token_of
from tests.recordings import make_grant, make_host, make_session, web_login

LEDGER = "/api/v1/ledger/"
EVENTS = "/api/v1/audit-events/"


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def write(count: int = 1) -> AuditEvent:
    for _ in range(count):
        line = ledger.record(Action.SIGN_OUT, login=None, actor_name="bob")
    return line


def test_it_says_how_the_ledger_stands(alice: User) -> None:
    write(3)
    made = make_checkpoint()
    assert made is not None
    write(2)
    answer = signed_in(alice).get(LEDGER).json()
    assert answer.pop("at").endswith("Z")
    assert answer == {
        "size": 3,
        "root": made.root,
        "checkpoint": made.note,
        "pending": 2,
        "published_to": None,
        "problems": [],
    }


def test_before_the_first_line_there_is_nothing_to_say(alice: User) -> None:
    client = signed_in(alice)
    AuditEvent.objects.none()
    answer = client.get(LEDGER).json()
    assert (answer["size"], answer["root"], answer["checkpoint"], answer["at"]) == (0, "", "", None)
    assert client.get(f"{LEDGER}checkpoint").status_code == 404


def test_it_says_where_checkpoints_go(alice: User, settings: Settings) -> None:
    settings.CHECKPOINT_FILE = "/mnt/elsewhere/checkpoints"
    assert signed_in(alice).get(LEDGER).json()["published_to"] == "/mnt/elsewhere/checkpoints"


def test_the_checkpoint_is_a_signed_note(alice: User) -> None:
    write(3)
    make_checkpoint()
    answer = signed_in(alice).get(f"{LEDGER}checkpoint")
    assert answer["Content-Type"].startswith("text/plain")
    assert parse_checkpoint(answer.content, known_vkeys()).size == 3


def test_everybody_who_is_signed_in_gets_the_public_keys(mallory: User) -> None:
    vkey = current_signer().vkey()
    (row,) = signed_in(mallory).get(f"{LEDGER}keys/").json()["results"]
    assert (row["vkey"], row["retired_at"]) == (vkey, None)
    assert row["key_id"] in vkey


def test_a_proof_holds_for_the_line_that_it_was_asked_for(alice: User) -> None:
    write(6)
    line = write()
    write(4)
    answer = signed_in(alice).get(f"{LEDGER}proof?event={line.pk}")
    assert answer.status_code == 200
    head, _, note = answer.content.decode().partition("\n\n")
    name, extra, index, *path = head.split("\n")
    assert name == "c2sp.org/tlog-proof@v1"
    salt, _, payload = base64.b64decode(extra.removeprefix("extra ")).partition(b"\n")
    assert (bytes.fromhex(salt.decode()), payload) == (bytes(line.salt), payload_of(line))
    signed = parse_checkpoint(note.encode(), known_vkeys())
    hashes = [base64.b64decode(digest) for digest in path]
    position = int(index.removeprefix("index "))
    assert root_of_inclusion(leaf_hash(leaf_of(line)), position, signed.size, hashes) == signed.root


def test_a_proof_is_for_whoever_may_read_the_line(alice: User, carol: User, mallory: User) -> None:
    host = make_host("web-01")
    make_grant(carol, host, access.Action.AUDIT)
    make_grant(mallory, make_host("web-02"), access.Action.AUDIT)
    line = ledger.record(Action.SESSION_DENIED, login=None, host_id=host.pk)
    statuses = {
        person.username: signed_in(person).get(f"{LEDGER}proof?event={line.pk}").status_code
        for person in (alice, carol, mallory)
    }
    assert statuses == {"alice": 200, "carol": 200, "mallory": 404}


@pytest.mark.parametrize("path", ["", "checkpoint", "proof?event=1"])
def test_for_who_audits_nothing_there_is_no_ledger(path: str, bob: User, carol: User, mallory: User) -> None:
    write()
    make_checkpoint()
    make_grant(bob, make_host(), access.Action.CONNECT, access.Action.VIEW_OWN)
    make_grant(carol, make_host(), access.Action.AUDIT)
    for person in (bob, mallory):
        assert signed_in(person).get(LEDGER + path).status_code == 404
    if "proof" not in path:
        assert signed_in(carol).get(LEDGER + path).status_code == 200
    assert Client().get(LEDGER + path).status_code == 401


def test_tokens_need_the_scope(alice: User) -> None:
    def status(*scopes: str) -> int:
        return Client().get(LEDGER, headers={"Authorization": f"Bearer {token_of(alice, *scopes)}"}).status_code

    assert (status("read", "audit"), status("read")) == (200, 403)


@pytest.mark.parametrize("value", ["", "x", "-1", "1.5", "²", "9" * 30, "'"])
def test_what_is_no_id_of_a_line_is_refused(alice: User, value: str) -> None:
    answer = signed_in(alice).get(f"{LEDGER}proof", {"event": value})
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")


def test_parameters_that_mean_nothing_are_refused(alice: User) -> None:
    write()
    make_checkpoint()
    for path in ("", "checkpoint", "keys/", f"proof?event={write().pk}"):
        joined = f"{LEDGER}{path}{'&' if '?' in path else '?'}colour=red"
        assert signed_in(alice).get(joined).status_code == 400


def test_anchors_are_listed_only_where_they_are_asked_for(alice: User, bob: User) -> None:
    session = make_session(bob, make_host("web-01"))
    anchor_closed(session.pk, 0, "ab" * 32, "cd" * 32)
    anchor_open([OpenAnchor(session.pk, 1, 17, "ef" * 32)])
    anchor_open([])
    write()
    client = signed_in(alice)

    def listed(query: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = client.get(EVENTS + query).json()["results"]
        return rows

    assert [row["action"] for row in listed("")] == ["sign_out"]
    assert listed(f"?session={session.pk}") == []
    assert [row["detail"] for row in listed("?action=session.anchored")] == [
        {"open": [{"session": str(session.pk), "n": 1, "length": 17, "sha256": "ef" * 32}]},
        {"n": 0, "chain": "ab" * 32, "object_sha256": "cd" * 32},
    ]
    assert client.get(f"{EVENTS}?format=jsonl").getvalue().count(b"\n") == 1


def test_many_anchors_between_two_lines_do_not_slow_the_list_down(alice: User) -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            # Of a table with no rows it would read everything.
            cursor.execute(
                "SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off"
            )
    assert "event_listed" in listed_events(web_login(alice)).order_by("-at", "-id")[:51].explain()
