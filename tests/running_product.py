"""The whole product as its own processes, on a free port and a private data directory."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests.polling import eventually

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 120.0


def still_running(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Return those that have not ended. One that nobody has waited for yet has."""
    return [each for each in processes if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]


class Product:
    """A supervisor and what it says. `directory` is its data directory."""

    def __init__(self, directory: Path, *arguments: str, **environment: str) -> None:
        self.directory = directory
        self.ready_file = directory / "ready.json"
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("BASTION_", "REDIS_", "DATABASE_"))
        }
        self._popen = subprocess.Popen(
            [sys.executable, "-m", "bastion.supervisor", *arguments],
            cwd=ROOT,
            # A .env of the person who runs the tests must not count: what is set here wins, empty or not.
            env=inherited
            | {
                "BASTION_BIND": "127.0.0.1",
                "BASTION_PORT": "0",
                "BASTION_DATA_DIR": str(directory),
                "BASTION_PUBLIC_URL": "",
            }
            | {"BASTION_READY_FILE": str(self.ready_file), "REDIS_URL": "", "DATABASE_URL": "", "PYTHONUNBUFFERED": "1"}
            # Nobody wants to wait for sessions that a test left open.
            | {"BASTION_DRAIN_SECONDS": "0"}
            | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            process_group=0,
        )
        self._lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def output(self) -> str:
        return "".join(self._lines)

    @property
    def url(self) -> str:
        return str(json.loads(self.ready_file.read_text())["url"])

    def wait_until_ready(self) -> None:
        def is_ready() -> bool:
            assert self._popen.poll() is None, self.output
            try:
                return bool(json.loads(self.ready_file.read_text())["pid"] == self.pid)
            except FileNotFoundError:
                return False

        eventually(is_ready, START_SECONDS)

    def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        request = urllib.request.Request(self.url + path, headers=headers)  # noqa: S310 - loopback
        try:
            with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def manage(self, *arguments: str) -> str:
        """Run a management command on the data directory and return what it says."""
        environment = os.environ | {"BASTION_DATA_DIR": str(self.directory)}
        command = [sys.executable, str(ROOT / "manage.py"), *arguments]
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip()

    def children(self) -> list[psutil.Process]:
        try:
            return psutil.Process(self.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def child(self, *words: str) -> psutil.Process:
        """Return the supervisor's child whose command line has all these words."""
        found = [
            process
            for process in psutil.Process(self.pid).children()
            if all(word in " ".join(process.cmdline()) for word in words)
        ]
        assert len(found) == 1, f"expected one process with {words}, got {found}"
        return found[0]

    def interrupt(self) -> int:
        """Do what Ctrl-C does: SIGINT to the whole process group. Return the exit status."""
        os.killpg(self.pid, signal.SIGINT)
        return self.wait()

    def wait(self, seconds: float = 60) -> int:
        status = self._popen.wait(seconds)
        self._reader.join(5)
        return status

    def end(self) -> None:
        """Leave nothing running, whatever happened."""
        if self._popen.poll() is None:
            self._popen.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(45)
        left = self.children()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        psutil.wait_procs(left, timeout=5)
        self._popen.wait(5)
        self._reader.join(5)
        assert self._popen.stdout
        self._popen.stdout.close()

    def _read(self) -> None:
        assert self._popen.stdout
        self._lines.extend(self._popen.stdout)


@contextlib.contextmanager
def product(directory: Path, *arguments: str, **environment: str) -> Iterator[Product]:
    """Start a supervisor and end it, whatever the test does to it."""
    started = Product(directory, *arguments, **environment)
    try:
        yield started
    finally:
        started.end()
        # Shown with a test that fails.
        print(started.output)  # noqa: T201 - what pytest shows


@contextlib.contextmanager
def short_directory() -> Iterator[Path]:
    """A data directory whose path is short enough for unix sockets, which pytest's own is not always."""
    with tempfile.TemporaryDirectory(prefix="bst-", ignore_cleanup_errors=True) as name:
        yield Path(name)
