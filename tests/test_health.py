"""/healthz and /readyz: what load balancers and orchestrators go by."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from pytest_django import Settings

from bastion import health

pytestmark = pytest.mark.django_db


def test_a_process_that_answers_is_healthy_whatever_else_fails(client: Client, settings: Settings) -> None:
    settings.REDIS_URL = "unix:///nowhere/valkey.sock"
    response = client.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert "no-store" in response["Cache-Control"]


def test_everything_well_is_ready(client: Client, valkey: str) -> None:
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json()["status"] == "ready"
    assert {name for name, check in response.json()["checks"].items() if check["ok"]} == {
        "database",
        "recordings",
        "redis",
        "serving",
        "signing",
        "keys",
        "ledger",
        "checkpoints",
    }


def test_without_redis_it_is_degraded_but_serves(client: Client, settings: Settings) -> None:
    settings.REDIS_URL = "unix:///nowhere/valkey.sock"
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json()["status"] == "degraded"
    assert "recording does not" in response.json()["checks"]["redis"]["detail"]


def test_recordings_that_cannot_be_written_make_it_unready(client: Client, settings: Settings, valkey: str) -> None:
    settings.OPEN_DIR = Path("/proc/recordings")
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["status"] == "unready"
    assert not response.json()["checks"]["recordings"]["ok"]


def test_a_disk_that_is_nearly_full_makes_it_unready(client: Client, settings: Settings, valkey: str) -> None:
    settings.LEAST_FREE_BYTES = 2**60
    response = client.get("/readyz")
    assert response.status_code == 503
    assert "MB are free" in response.json()["checks"]["recordings"]["detail"]


def test_a_database_that_is_not_migrated_makes_it_unready(
    client: Client, monkeypatch: pytest.MonkeyPatch, valkey: str
) -> None:
    monkeypatch.setattr(health._Schema, "is_current", False)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'hosts'")
    response = client.get("/readyz")
    assert response.status_code == 503
    assert "manage.py prepare" in response.json()["checks"]["database"]["detail"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_they_are_for_reading_only(client: Client, path: str) -> None:
    assert client.post(path).status_code == 405
