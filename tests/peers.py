"""Programs that tests drive for real and that a machine may not have.

A test that asks for a missing one is skipped with the reason; with REQUIRE_PEERS=1, as in CI, it fails instead.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

# Debian keeps these out of an ordinary user's PATH.
MORE_DIRECTORIES = ("/usr/sbin", "/usr/local/sbin", "/sbin")


def are_required() -> bool:
    return os.environ.get("REQUIRE_PEERS") == "1"


def find_program(name: str) -> str | None:
    """Return the path of a program, also from where servers are kept, or None."""
    postgresql = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    path = os.pathsep.join((os.environ.get("PATH", ""), *MORE_DIRECTORIES, *map(str, postgresql)))
    return shutil.which(name, path=path)


def require_program(*names: str) -> str:
    """Return the path of the first of these programs that is there; skip the test, or fail it, if none is."""
    path = next(filter(None, map(find_program, names)), None)
    return path or miss(f"{' or '.join(names)} is not installed")


def require_root() -> None:
    """Skip the test, or fail it, unless it may make users and become them."""
    if os.geteuid() != 0:
        miss("only root can do this")


def miss(reason: str) -> NoReturn:
    if are_required():
        pytest.fail(f"REQUIRE_PEERS=1, and {reason}")
    pytest.skip(reason)
