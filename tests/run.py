"""`make test`: frontend, then the database tests on PostgreSQL, then everything on SQLite, whose summary comes last."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests import peers, postgres

ROOT = Path(__file__).resolve().parent.parent
PYTEST = [sys.executable, "-m", "pytest", "-n", os.environ.get("TEST_PROCESSES", "2"), "--dist", "loadgroup"]


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - a command


def run(title: str, command: list[str], **environment: str) -> bool:
    say(f"\n=== {title}")
    return subprocess.run(command, cwd=ROOT, env=os.environ | environment, check=False).returncode == 0


def run_frontend_tests() -> bool:
    return run("Frontend", ["npm", "--prefix", "frontend", "--no-update-notifier", "--silent", "test"])


def run_on_postgresql() -> bool:
    title = "Database tests on PostgreSQL"
    try:
        with postgres.cluster() as url:
            return run(title, [*PYTEST, "-p", "tests.on_postgresql"], DATABASE_URL=url)
    except postgres.MissingPostgresqlError as error:
        say(f"\n=== {title}\n{'FAILED, REQUIRE_PEERS=1' if peers.are_required() else 'SKIPPED'}: {error}")
        return not peers.are_required()


def main() -> int:
    # A shell that starts this in the background has it ignore Ctrl-C, and so would every shell under test.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    failed = []
    if not run_frontend_tests():
        failed.append("the frontend's tests")
    if not run_on_postgresql():
        failed.append("the database tests on PostgreSQL")
    # Exit status 5, no test collected, is a failure like any other.
    if not run("All tests on SQLite", [*PYTEST, *sys.argv[1:]]):
        failed.append("the tests on SQLite")
    if failed:
        say(f"\nFailed: {', '.join(failed)}. See above.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
