"""Tests that commit empty their database afterwards (`flush`), which the ledger's triggers rightly refuse."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management.commands.flush import Command as Flush
from django.db import connections

from audit import append_only
from audit.evidence import checkpoints, publishing


@pytest.fixture(scope="session", autouse=True)
def ledger_can_be_flushed() -> Iterator[None]:
    """Take the triggers away around `flush`, and only there."""
    flush = Flush.handle

    def handle(command: Flush, **options: Any) -> None:
        connection = connections[options["database"]]
        append_only.remove(connection)
        try:
            flush(command, **options)
        finally:
            append_only.install(connection)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Flush, "handle", handle)
        yield


@pytest.fixture(autouse=True)
def nothing_was_signed_before() -> None:
    """Each test's ledger begins anew, which the machine's memory of the last checkpoint would rightly object to."""
    for name in (checkpoints.STATE, publishing.STATE):
        (Path(settings.DATA_DIR) / name).unlink(missing_ok=True)
