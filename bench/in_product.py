"""Calls functions in processes that have the product set up on a data directory of their own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

ROOT = Path(__file__).absolute().parent.parent
DATA = ROOT / "bench" / "data"


class ProductFailedError(Exception):
    """A process ended with an error, which it has told on its standard error."""


@contextmanager
def scratch_product() -> Iterator[Path]:
    """Yield the data directory of an empty product, which is taken away at the end."""
    directory = Path(mkdtemp(prefix="bench-"))
    try:
        prepare(directory)
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def prepare(directory: Path, **environment: str) -> None:
    """Make the database, or bring it up to date."""
    _manage(directory, environment, "migrate", "--verbosity", "0")


def call(directory: Path, function: str, *arguments: object, **environment: str) -> Any:
    """Call `function` (module and name) with plain arguments; return what it returns, which must be JSON."""
    module, _, name = function.rpartition(".")
    script = f"import json; from {module} import {name}; print(json.dumps({name}(*{arguments!r})))"
    printed = _manage(directory, environment, "shell", "--no-imports", "--command", script)
    return json.loads(printed.splitlines()[-1])


def _manage(directory: Path, environment: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, str(ROOT / "manage.py"), *arguments]
    surroundings = os.environ | {"BASTION_DATA_DIR": str(directory), "BASTION_LOG_LEVEL": "error"} | environment
    ended = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=surroundings)
    if ended.returncode:
        raise ProductFailedError(f"{arguments[-1][:200]}: status {ended.returncode}")
    return ended.stdout


def note(text: str) -> None:
    """Tell how far it is."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - a command


def answer(results: object) -> None:
    """Print what was measured, for the program that collects it."""
    print(json.dumps(results, indent=2), flush=True)  # noqa: T201 - a command
