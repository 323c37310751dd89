"""A pytest plugin (`-p tests.on_postgresql`) for the second run: only tests that touch the database.

Those with a browser or a web server of their own stay out: they take long, and do not change with the database.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection, connections
from pytest_django import DjangoDbBlocker

DATABASE_FIXTURES = {"db", "transactional_db"}
END_TO_END_FIXTURES = {"server", "sshd"}
END_TO_END_MARKERS = {"browser", "peer"}


def pytest_configure() -> None:
    # Threads that outlive a test must not keep connections to a database that is about to be dropped.
    connections.settings["default"]["CONN_MAX_AGE"] = 0


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    kept = [item for item in items if depends_on_the_database(item)]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


def depends_on_the_database(item: pytest.Item) -> bool:
    fixtures = set(getattr(item, "fixturenames", ()))
    if fixtures & END_TO_END_FIXTURES or any(item.get_closest_marker(name) for name in END_TO_END_MARKERS):
        return False
    return bool(fixtures & DATABASE_FIXTURES or item.get_closest_marker("django_db"))


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Let go of what is still connected, before pytest-django drops the database."""
    yield
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
