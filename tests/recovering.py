"""Recovery in a process of its own: `python -m tests.recovering <database> <times>` waits for a line on stdin."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import django
from django.conf import settings
from django.db import connection
from django.utils.module_loading import import_string

ROOT = Path(__file__).resolve().parent.parent


class RecoveryProcess:
    """A process that is ready to recover what is in the data directory and the database of this test."""

    def __init__(self, times: int = 1) -> None:
        database = str(connection.settings_dict["NAME"])
        environment = os.environ | {"BASTION_LOG_LEVEL": "error"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.recovering", database, str(times)],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout
        assert self._process.stdout.readline() == b"ready\n"

    def begin(self) -> None:
        assert self._process.stdin
        self._process.stdin.write(b"go\n")
        self._process.stdin.flush()

    def wait(self, seconds: float = 120) -> int:
        try:
            return self._process.wait(seconds)
        finally:
            self.kill()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe
            pipe.close()


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bastion.settings")
    settings.DATABASES["default"]["NAME"] = sys.argv[1]
    django.setup()
    recover_all = import_string("audit.recording.recovery.recover_all")
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    for _ in range(int(sys.argv[2])):
        recover_all()


if __name__ == "__main__":
    main()
