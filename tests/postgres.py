"""A throw-away PostgreSQL, for running the tests against it.

    python -m tests.postgres pytest tests/test_ledger.py

starts a cluster in a temporary directory, runs the command with DATABASE_URL pointing at it, and takes it away.
The fixture `postgresql_url` does the same for one test session.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.peers import find_program, miss


class MissingPostgresqlError(Exception):
    """There is no PostgreSQL server on this machine."""


def server_program(name: str) -> str:
    """Return the path of the newest server program of that name. Raises MissingPostgresqlError."""
    path = find_program(name)
    if path is None:
        raise MissingPostgresqlError(f"{name} is not installed (Debian: apt-get install postgresql)")
    return path


def _owner() -> str | None:
    """Return who must own the cluster: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


@contextlib.contextmanager
def cluster(locale: str = "C.UTF-8") -> Iterator[str]:
    """Run a cluster that listens on a unix socket only; yield its DATABASE_URL."""
    initdb, pg_ctl = server_program("initdb"), server_program("pg_ctl")
    directory = Path(tempfile.mkdtemp(prefix="pg-"))
    owner = _owner()
    identity: dict[str, Any] = {}
    if owner:
        account = pwd.getpwnam(owner)
        os.chown(directory, account.pw_uid, account.pw_gid)
        identity = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}

    def run(*command: str | Path) -> None:
        subprocess.run(
            command, check=True, cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **identity
        )

    data = directory / "data"
    # What is lost in a power cut does not matter here.
    options = f"-c listen_addresses= -c unix_socket_directories={directory} -c fsync=off -c synchronous_commit=off"
    try:
        run(initdb, "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", f"--locale={locale}", "--no-sync")
        run(pg_ctl, "-D", data, "-l", directory / "log", "-w", "-o", options, "start")
        yield f"postgres://postgres@{quote(str(directory), safe='')}/postgres"
    finally:
        with contextlib.suppress(subprocess.CalledProcessError):
            run(pg_ctl, "-D", data, "-m", "immediate", "-w", "stop")
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """The DATABASE_URL of a real PostgreSQL. Without one the test is skipped, or fails if REQUIRE_PEERS is 1."""
    try:
        with cluster() as url:
            yield url
    except MissingPostgresqlError as error:
        miss(str(error))


def main(command: Sequence[str]) -> int:
    """Run `command` with DATABASE_URL set; return its exit status."""
    with cluster() as url:
        return subprocess.run(command, check=False, env={**os.environ, "DATABASE_URL": url}).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
