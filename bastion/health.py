"""Whether the process is up (/healthz) and whether it can do its work (/readyz). Both are open and name no secrets."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from audit.evidence.checkpoints import why_inconsistent, why_late
from audit.evidence.publishing import why_not_published
from audit.evidence.signer import why_not_signing
from audit.recording.key import why_not_wrapping

REDIS_TIMEOUT_SECONDS = 2


class _Schema:
    """Remembers that the database was migrated: that does not become untrue while this code runs."""

    is_current = False


def check_database() -> str:
    """Return what is wrong with the database, or nothing."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        if not _Schema.is_current:
            executor = MigrationExecutor(connection)
            _Schema.is_current = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError:
        return "The database cannot be reached."
    return "" if _Schema.is_current else "The database is not migrated: run `manage.py prepare`."


def check_redis() -> str:
    """Return what is wrong with Redis, or nothing."""
    try:
        with redis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=REDIS_TIMEOUT_SECONDS, socket_connect_timeout=REDIS_TIMEOUT_SECONDS
        ) as client:
            client.ping()
    except (redis.RedisError, OSError):
        return "Redis cannot be reached: live viewing, jobs and control wait for it; recording does not."
    return ""


def check_recordings() -> str:
    """Return what keeps recordings from being written, or nothing."""
    try:
        settings.OPEN_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=settings.OPEN_DIR) as file:
            file.write(b"\0" * 4096)
        free = shutil.disk_usage(settings.OPEN_DIR).free
    except OSError as error:
        return f"Recordings cannot be written: {error.strerror}."
    if free < settings.LEAST_FREE_BYTES:
        least = settings.LEAST_FREE_BYTES // 2**20
        return f"Only {free // 2**20} MB are free for recordings, expected at least {least} MB."
    return ""


def check_keys() -> str:
    """Return why the keys of recordings cannot be wrapped for those who read, or nothing."""
    return _ask_database(why_not_wrapping)


def check_signing() -> str:
    """Return why seals and checkpoints cannot be signed, or nothing."""
    return _ask_database(why_not_signing)


def check_ledger() -> str:
    """Return how the ledger contradicts what was signed before, or nothing."""
    return _ask_database(why_inconsistent)


def check_checkpoints() -> str:
    """Return why checkpoints are late or do not leave this machine as they are meant to, or nothing."""
    return _ask_database(why_late) or why_not_published()


def _ask_database(check: Callable[[], str]) -> str:
    try:
        return check()
    except DatabaseError:
        return "The database cannot be reached."


class _Draining:
    """Remembers that this process was asked to stop."""

    has_begun = False


def note_draining() -> None:
    """From here on nobody is to be sent to this process."""
    _Draining.has_begun = True


def check_draining() -> str:
    return "The server is shutting down." if _Draining.has_begun else ""


# What must hold before people are sent here, and what may fail for a while.
REQUIRED: dict[str, Callable[[], str]] = {
    "database": check_database,
    "recordings": check_recordings,
    "keys": check_keys,
    "signing": check_signing,
    "ledger": check_ledger,
    "serving": check_draining,
}
WANTED: dict[str, Callable[[], str]] = {"redis": check_redis, "checkpoints": check_checkpoints}


@require_safe
@never_cache
def healthz(_request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def readyz(_request: HttpRequest) -> JsonResponse:
    """Answer 200 with "ready" or "degraded", or 503 with "unready", and every check with what is wrong."""
    failures = {name: check() for name, check in (REQUIRED | WANTED).items()}
    checks: dict[str, Any] = {name: {"ok": not failure, "detail": failure} for name, failure in failures.items()}
    if any(failures[name] for name in REQUIRED):
        return JsonResponse({"status": "unready", "checks": checks}, status=HTTPStatus.SERVICE_UNAVAILABLE)
    return JsonResponse({"status": "degraded" if any(failures.values()) else "ready", "checks": checks})


urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
]
