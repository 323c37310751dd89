"""An upgrade to the index with signatures leaves nothing of the former one, and has everything indexed again."""

from __future__ import annotations

import importlib
import sqlite3
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings

from audit.events import Output
from audit.indexing.indexer import find_unindexed, index_session
from audit.models import Session
from tests.recordings import make_host, make_session, record_segments

migration = importlib.import_module("audit.migrations.0006_search_signatures")
ON_SQLITE = SimpleNamespace(connection=SimpleNamespace(vendor="sqlite"))


def make_index_file(path: Path, version: int) -> None:
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {version}")
    connection.close()


@pytest.mark.django_db
@pytest.mark.parametrize(("version", "stays"), [(1, False), (2, True)])
def test_only_a_file_of_the_former_index_is_removed(
    tmp_path: Path, settings: Settings, version: int, stays: bool
) -> None:
    settings.SEARCH_INDEX_FILE = tmp_path / "search.sqlite3"
    migration.create(apps, ON_SQLITE)
    make_index_file(settings.SEARCH_INDEX_FILE, version)
    migration.create(apps, ON_SQLITE)
    assert settings.SEARCH_INDEX_FILE.exists() is stays


def test_what_was_recorded_before_is_waiting_to_be_indexed(bob: User, tmp_path: Path, settings: Settings) -> None:
    settings.SEARCH_INDEX_FILE = tmp_path / "search.sqlite3"
    kept, deleted = (make_session(bob, make_host(), state=Session.State.SEALED) for _ in range(2))
    for session in (kept, deleted):
        record_segments(session, [Output(1.0, "needle\r\n")])
        index_session(session.pk)
    Session.objects.filter(pk=deleted.pk).update(deleted_at=timezone.now())
    assert find_unindexed() == []
    migration.create(apps, ON_SQLITE)
    assert find_unindexed() == [kept.pk]
