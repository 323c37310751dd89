"""Whatever process is killed at whatever moment: the ledger has one history, and every checkpoint is a part of it."""

from __future__ import annotations

import base64
import hashlib
import os
import random
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from audit.evidence.notes import parse_note, verify
from tests.postgres import postgresql_url  # noqa: F401 a fixture
from tests.test_merkle_tree import naive_split

ROUNDS = 25
NOTE = re.compile(r"(?m)^[^\n]+\n(\d+)\n([A-Za-z0-9+/]{43}=)\n\n(?:— \S+ \S+\n)+")
Query = Callable[[str], list[Any]]


def run_and_kill(data_dir: Path, database_url: str) -> None:
    seed = random.randrange(2**32)  # noqa: S311 a schedule, not a secret
    print(f"seed {seed}")  # noqa: T201 shown when the test fails
    environment = {
        **os.environ,
        "BASTION_DATA_DIR": str(data_dir),
        "BASTION_CHECKPOINT_FILE": str(data_dir / "checkpoints"),
        "DATABASE_URL": database_url,
        "DJANGO_SETTINGS_MODULE": "bastion.settings",
    }
    migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(migrate, env=environment, check=True, timeout=120)
    command = [sys.executable, "-m", "tests.faults.signing_processes", str(ROUNDS), str(seed)]
    subprocess.run(command, env=environment, check=True, timeout=150)


def roots_of(leaf_hashes: list[bytes], sizes: set[int]) -> dict[int, bytes]:
    """MTH of RFC 6962 over the first `size` leaves, for each of `sizes`."""
    known: dict[tuple[int, int], bytes] = {}

    def root(begin: int, end: int) -> bytes:
        if end - begin == 1:
            return leaf_hashes[begin]
        if (begin, end) not in known:
            middle = begin + naive_split(end - begin)
            known[begin, end] = hashlib.sha256(b"\x01" + root(begin, middle) + root(middle, end)).digest()
        return known[begin, end]

    return {size: root(0, size) for size in sizes}


def assert_one_history(query: Query, published: str) -> None:
    positions = [position for (position,) in query("SELECT position FROM audit_ledgerleaf ORDER BY position")]
    assert positions == list(range(len(positions)))
    assert query("SELECT count(DISTINCT event_id) FROM audit_ledgerleaf") == [(len(positions),)]
    assert query("SELECT count(*) FROM audit_auditevent") == [(len(positions),)]
    assert query("SELECT count(*) FROM audit_pendingleaf") == [(0,)]

    nodes = query("SELECT hash FROM audit_ledgernode WHERE level = 0 ORDER BY position")
    assert len(nodes) == len(positions)
    checkpoints = dict(query("SELECT size, root FROM audit_checkpoint"))
    assert max(checkpoints) == len(positions)
    assert len(checkpoints) >= ROUNDS
    roots = roots_of([bytes(digest) for (digest,) in nodes], set(checkpoints))
    assert {size: root.hex() for size, root in roots.items()} == checkpoints

    vkeys = [vkey for (vkey,) in query("SELECT vkey FROM audit_verificationkey")]
    for (note,) in query("SELECT note FROM audit_checkpoint"):
        assert verify(parse_note(note.encode()), vkeys)
    assert query("SELECT count(*) FROM audit_verificationkey WHERE retired_at IS NULL") == [(1,)]

    left = [(int(found[1]), base64.b64decode(found[2])) for found in NOTE.finditer(published)]
    assert {size for size, _ in left} == set(checkpoints)
    assert all(roots[size] == root for size, root in left)


@pytest.mark.timeout(300)
def test_killed_processes_leave_one_history_on_sqlite(tmp_path: Path) -> None:
    run_and_kill(tmp_path, "")
    with closing(sqlite3.connect(tmp_path / "bastion.sqlite3")) as connection:
        assert_one_history(lambda sql: connection.execute(sql).fetchall(), (tmp_path / "checkpoints").read_text())


@pytest.mark.timeout(300)
@pytest.mark.peer
def test_killed_processes_leave_one_history_on_postgresql(tmp_path: Path, postgresql_url: str) -> None:  # noqa: F811
    run_and_kill(tmp_path, postgresql_url)
    server = re.sub(r"//(\w+)@([^/]+)/(\w+)", r"///\3?user=\1&host=\2", postgresql_url)
    with psycopg.connect(server) as connection:
        assert_one_history(
            lambda sql: connection.cursor().execute(sql.encode()).fetchall(), (tmp_path / "checkpoints").read_text()
        )
