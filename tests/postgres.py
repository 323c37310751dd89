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


class Cluster:
    """A cluster in `directory` that listens on a unix socket only."""

    def __init__(self, directory: Path, locale: str) -> None:
        self._directory = directory
        self._data = directory / "data"
        self._identity: dict[str, Any] = {}
        self.url = f"postgres://postgres@{quote(str(directory), safe='')}/postgres"
        if owner := _owner():
            account = pwd.getpwnam(owner)
            os.chown(directory, account.pw_uid, account.pw_gid)
            self._identity = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        initdb = server_program("initdb")
        self._run(
            initdb, "-D", self._data, "-U", "postgres", "-A", "trust", "-E", "UTF8", f"--locale={locale}", "--no-sync"
        )

    def start(self) -> None:
        # What is lost in a power cut does not matter here; what was committed before `stop` does.
        options = f"-c listen_addresses= -c unix_socket_directories={self._directory} -c fsync=off"
        self._control("-l", self._directory / "log", "-w", "-o", options, "start")

    def stop(self) -> None:
        """End it as a crash does."""
        self._control("-m", "immediate", "-w", "stop")

    def _control(self, *arguments: str | Path) -> None:
        self._run(server_program("pg_ctl"), "-D", self._data, *arguments)

    def _run(self, *command: str | Path) -> None:
        subprocess.run(
            command,
            check=True,
            cwd=self._directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            **self._identity,
        )


@contextlib.contextmanager
def own_cluster(locale: str = "C.UTF-8") -> Iterator[Cluster]:
    """Run a cluster that a test may stop and start; it is taken away at the end."""
    server_program("initdb")
    directory = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        made = Cluster(directory, locale)
        made.start()
        yield made
    finally:
        with contextlib.suppress(subprocess.CalledProcessError, UnboundLocalError):
            made.stop()
        shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def cluster(locale: str = "C.UTF-8") -> Iterator[str]:
    """Run a cluster and yield its DATABASE_URL."""
    with own_cluster(locale) as made:
        yield made.url


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
