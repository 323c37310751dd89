"""/metrics: what is there, and who may read it."""

from __future__ import annotations

import secrets
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from audit.models import Segment, Session
from bastion.metrics import BYTES_RECORDED, RECORDER_LAG, SESSIONS_LIVE
from hosts.models import Host
from hosts.tokens import create_token

pytestmark = pytest.mark.django_db


def scrape(client: Client, **headers: str) -> dict[str, float]:
    response = client.get("/metrics", headers=headers)
    assert response.status_code == 200
    families = text_string_to_metric_families(response.content.decode())
    return {sample.name: sample.value for family in families for sample in family.samples}


def bearer(user: User, *scopes: str) -> dict[str, str]:
    _, text = create_token(user, "prometheus", scopes, 1)
    return {"Authorization": f"Bearer {text.reveal().decode()}"}


def test_live_counters_are_there(client: Client, valkey: str) -> None:
    before = scrape(client)
    SESSIONS_LIVE.set(3)
    BYTES_RECORDED.inc(1000)
    RECORDER_LAG.observe(0.002)
    after = scrape(client)
    SESSIONS_LIVE.set(0)
    assert after["bastion_sessions_live"] == 3
    assert after["bastion_recorded_bytes_total"] - before["bastion_recorded_bytes_total"] == 1000
    assert after["bastion_recorder_lag_seconds_count"] - before["bastion_recorder_lag_seconds_count"] == 1


def test_a_segment_that_waits_for_the_index_shows_as_lag(client: Client, bob: User, valkey: str) -> None:
    host = Host.objects.create(name="web-01", address="192.0.2.1")
    now = timezone.now()
    session = Session.objects.create(
        user=bob, user_name="bob", host=host, host_name="web-01", started_at=now, cols=80, rows=24
    )
    Segment.objects.create(
        session=session, n=0, start=0, end=1, cols=80, rows=24, plain_bytes=1, stored_bytes=1, output_bytes=1, events=1,
        closed_at=now - timedelta(seconds=90),
    )  # fmt: skip
    metrics = scrape(client)
    assert 90 <= metrics["bastion_index_lag_seconds"] < 120
    assert metrics["bastion_index_segments_waiting"] == 1
    assert metrics["bastion_sessions_running"] == 1


def test_what_the_store_has_not_got_shows(client: Client, settings: Settings, tmp_path: Path, valkey: str) -> None:
    settings.OPEN_DIR = tmp_path
    assert scrape(client)["bastion_store_segments_waiting"] == 0
    directory = tmp_path / "a session"
    directory.mkdir()
    for name, size in (("0.cast", 1000), ("0.object", 300), ("1.cast", 7), ("lock", 50), ("reserve", 5000)):
        (directory / name).write_bytes(bytes(size))
    (tmp_path / "a file").touch()
    metrics = scrape(client)
    assert (metrics["bastion_store_segments_waiting"], metrics["bastion_store_bytes_waiting"]) == (2, 1307)
    settings.OPEN_DIR = tmp_path / "not there"
    assert scrape(client)["bastion_store_bytes_waiting"] == 0


def test_without_redis_the_rest_is_still_there(client: Client, settings: Settings) -> None:
    settings.REDIS_URL = "unix:///nowhere/valkey.sock"
    metrics = scrape(client)
    assert metrics["bastion_redis_up"] == 0
    assert "bastion_queue_depth" not in metrics
    assert metrics["bastion_index_lag_seconds"] == 0


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"])
def test_a_request_that_came_through_a_proxy_needs_a_token(client: Client, header: str) -> None:
    assert client.get("/metrics", headers={header: "127.0.0.1"}).status_code == 403


def test_other_machines_need_a_token(client: Client) -> None:
    assert client.get("/metrics", REMOTE_ADDR="192.0.2.9").status_code == 403


def test_an_instance_that_others_reach_asks_this_machine_for_a_token_too(client: Client, settings: Settings) -> None:
    settings.IS_LOCAL_ONLY = False
    assert client.get("/metrics").status_code == 403


def test_an_administrators_token_with_the_scope_reads_from_anywhere(
    client: Client, settings: Settings, alice: User, valkey: str
) -> None:
    settings.IS_LOCAL_ONLY = False
    assert "bastion_sessions_live" in scrape(client, **bearer(alice, "metrics"))


def test_a_token_without_the_scope_is_refused(client: Client, alice: User) -> None:
    assert client.get("/metrics", headers=bearer(alice, "read", "audit")).status_code == 403


def test_an_unknown_token_is_refused_even_here(client: Client) -> None:
    headers = {"Authorization": f"Bearer bst_{secrets.token_urlsafe(32)}"}
    assert client.get("/metrics", headers=headers).status_code == 403
