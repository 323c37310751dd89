"""`make` on machines that lack something: one line that says what, and how to get it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.peers import require_program

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """As much of a fresh checkout as these lines need, and a PATH without uv."""
    make = require_program("make")
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    (tmp_path / "bin").mkdir()
    for name in (make, "sh", "find", "rm", "touch"):
        program = shutil.which(name)
        assert program
        (tmp_path / "bin" / Path(program).name).symlink_to(program)
    return tmp_path


def run(checkout: Path, python: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "run", f"PYTHON={python}"],
        cwd=checkout,
        env={"PATH": str(checkout / "bin"), "HOME": str(checkout)},
        check=False,
        capture_output=True,
        text=True,
    )


def write_python(checkout: Path, script: str) -> str:
    path = checkout / "bin" / "python3"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_a_missing_python_is_named(checkout: Path) -> None:
    result = run(checkout, "python9")
    assert result.returncode
    assert "Bastion needs Python 3.11 or later, and there is no python9." in result.stderr


def test_a_python_that_is_too_old_is_named_with_its_version(checkout: Path) -> None:
    python = write_python(checkout, 'case "$1" in -V) echo "Python 3.9.2";; *) exit 1;; esac')
    result = run(checkout, python)
    assert result.returncode
    assert f"Bastion needs Python 3.11 or later; {python} is Python 3.9.2." in result.stderr


def test_a_python_without_venv_says_which_package_is_missing(checkout: Path) -> None:
    python = write_python(checkout, 'case "$2" in venv) exit 1;; esac')
    result = run(checkout, python)
    assert result.returncode
    assert "apt-get install python3-venv" in result.stderr
    assert not (checkout / ".venv").exists()


def test_the_makefile_offers_what_the_documents_name() -> None:
    targets = (ROOT / "Makefile").read_text()
    for target in ("run", "test", "check", "format", "types", "frontend", "requirements", "clean"):
        assert f"\n{target}:" in targets


def test_no_file_of_requirements_names_a_registry() -> None:
    for path in (ROOT / "requirements").iterdir():
        assert "://" not in path.read_text(), path


def test_this_python_is_one_that_make_accepts() -> None:
    assert sys.version_info >= (3, 11)
