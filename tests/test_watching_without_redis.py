"""Redis goes away in the middle of a session: typing goes on, watching pauses and says so, and then misses nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from audit.indexing.screen import Screen
from audit.models import Session
from bastion.live import live_view
from hosts.models import Grant, Host
from tests.conftest import give, token_of
from tests.crashes import shown_in
from tests.fragile_valkey import FragileValkey, fragile_valkey
from tests.polling import eventually
from tests.running_product import short_directory
from tests.terminal import Terminal, open_terminal
from tests.watcher import Watcher, watching
from tests.web import running_server


@pytest.fixture
def redis(settings: Settings) -> Iterator[FragileValkey]:
    with short_directory() as directory, fragile_valkey(directory) as server:
        settings.REDIS_URL = server.url
        settings.SEGMENT_SECONDS = 2
        yield server


@pytest.fixture
def port(transactional_db: None, valkey: str, redis: FragileValkey) -> Iterator[int]:
    with running_server() as port:
        yield port


@pytest.fixture
def audited(web_01: Host, bob: User, carol: User) -> Host:
    give(bob, web_01, "connect")
    give(carol, web_01, "audit")
    return web_01


def echo(terminal: Terminal, words: str) -> None:
    """Type a command and wait for what it prints; the words must not be in the command as they are."""
    terminal.type(f"echo '{words[:2]}''{words[2:]}'\r")
    terminal.wait_for(words)


def screen_of(terminal: Terminal) -> str:
    screen = Screen(80, 24)
    screen.feed(bytes(terminal.shown).decode())
    return screen.dump()


def assert_sees_the_same(watcher: Watcher, terminal: Terminal, timeout: float = 40) -> None:
    deadline = time.monotonic() + timeout
    while watcher.text != screen_of(terminal):
        assert time.monotonic() < deadline, f"{watcher.text!r} is not {screen_of(terminal)!r}"
        watcher.look()
        with suppress(TimeoutError):
            terminal.read_one(0.1)


def end(terminal: Terminal, session_id: UUID) -> None:
    terminal.type("exit\r")
    terminal.wait_closed()
    eventually(lambda: Session.objects.get(pk=session_id).state == Session.State.SEALED)
    assert shown_in(session_id).encode() == bytes(terminal.shown)


@pytest.mark.parametrize("is_empty_after", [True, False])
def test_redis_that_dies_or_hangs_pauses_the_view(
    port: int, audited: Host, bob: User, carol: User, redis: FragileValkey, *, is_empty_after: bool
) -> None:
    with open_terminal(port, audited.pk, token_of(bob)) as terminal:
        session_id = terminal.wait_ready()
        with watching(port, session_id, token_of(carol, "read", "audit")) as watcher:
            echo(terminal, "before")
            watcher.wait_for("before")
            if is_empty_after:
                redis.kill()
            else:
                redis.freeze()
            began = time.monotonic()
            echo(terminal, "during")
            assert time.monotonic() - began < 5
            watcher.wait_for(live_view.AWAY)
            echo(terminal, "still-during")
            if is_empty_after:
                redis.start()
            else:
                redis.thaw()
            echo(terminal, "after")
            watcher.wait_for("after")
            assert_sees_the_same(watcher, terminal)
            assert watcher.resets > 1
            resets = watcher.resets
            echo(terminal, "live-again")
            watcher.wait_for("live-again")
            assert_sees_the_same(watcher, terminal)
            assert watcher.resets <= resets + 1
        end(terminal, session_id)


def test_redis_that_is_full_pauses_the_view(
    port: int, audited: Host, bob: User, carol: User, redis: FragileValkey
) -> None:
    with open_terminal(port, audited.pk, token_of(bob)) as terminal, redis.client() as client:
        session_id = terminal.wait_ready()
        with watching(port, session_id, token_of(carol, "read", "audit")) as watcher:
            echo(terminal, "before")
            watcher.wait_for("before")
            client.config_set("maxmemory", "1mb")
            echo(terminal, "during")
            watcher.wait_for(live_view.AWAY)
            client.config_set("maxmemory", "0")
            echo(terminal, "after")
            watcher.wait_for("after")
            assert_sees_the_same(watcher, terminal)
        end(terminal, session_id)


def test_redis_that_was_emptied_costs_nothing(
    port: int, audited: Host, bob: User, carol: User, redis: FragileValkey
) -> None:
    with open_terminal(port, audited.pk, token_of(bob)) as terminal, redis.client() as client:
        session_id = terminal.wait_ready()
        with watching(port, session_id, token_of(carol, "read", "audit")) as watcher:
            for number in range(5):
                echo(terminal, f"number-{number}")
                client.flushall()
            watcher.wait_for("number-4")
            assert_sees_the_same(watcher, terminal)
            with watching(port, session_id, token_of(carol, "read", "audit")) as late:
                late.wait_for("number-4")
                assert_sees_the_same(late, terminal)
        end(terminal, session_id)


def test_who_begins_to_watch_while_redis_is_away_sees_what_is_stored(
    port: int, audited: Host, bob: User, carol: User, redis: FragileValkey
) -> None:
    with open_terminal(port, audited.pk, token_of(bob)) as terminal:
        session_id = terminal.wait_ready()
        echo(terminal, "stored")
        eventually(lambda: "stored" in shown_in(session_id))
        redis.freeze()
        with watching(port, session_id, token_of(carol, "read", "audit")) as watcher:
            began = time.monotonic()
            watcher.wait_for(live_view.AWAY)
            assert time.monotonic() - began < 4, "the player gives up after five seconds"
            assert "stored" in watcher.text
            redis.thaw()
            echo(terminal, "after")
            watcher.wait_for("after")
            assert_sees_the_same(watcher, terminal)
        end(terminal, session_id)


def test_a_session_that_ends_while_redis_is_away_is_seen_to_its_end(
    port: int, audited: Host, bob: User, carol: User, redis: FragileValkey
) -> None:
    with open_terminal(port, audited.pk, token_of(bob)) as terminal:
        session_id = terminal.wait_ready()
        with watching(port, session_id, token_of(carol, "read", "audit")) as watcher:
            redis.kill()
            echo(terminal, "the-last-words")
            end(terminal, session_id)
            watcher.wait_for("the-last-words")
            deadline = time.monotonic() + 20
            while not watcher.ended and time.monotonic() < deadline:
                watcher.look()
            assert watcher.ended


@pytest.mark.parametrize("fault", ["kill", "freeze"])
def test_access_that_is_withdrawn_still_ends_sessions_within_five_seconds(
    port: int, audited: Host, bob: User, carol: User, redis: FragileValkey, fault: str
) -> None:
    with open_terminal(port, audited.pk, token_of(bob)) as terminal:
        session_id = terminal.wait_ready()
        with watching(port, session_id, token_of(carol, "read", "audit")) as watcher:
            echo(terminal, "before")
            getattr(redis, fault)()
            Grant.objects.filter(host=audited).update(revoked_at=Session.objects.get(pk=session_id).started_at)
            began = time.monotonic()
            assert terminal.wait_closed() == 4411
            assert time.monotonic() - began < 5
            watcher.look(5)
            assert watcher.socket.close_code == 4003
        redis.thaw() if fault == "freeze" else None


@pytest.mark.parametrize("fault", ["kill", "freeze"])
def test_sessions_begin_while_redis_is_away(
    port: int, audited: Host, bob: User, redis: FragileValkey, fault: str
) -> None:
    getattr(redis, fault)()
    began = time.monotonic()
    with open_terminal(port, audited.pk, token_of(bob)) as terminal:
        session_id = terminal.wait_ready()
        assert time.monotonic() - began < 5
        echo(terminal, "without-redis")
        end(terminal, session_id)
