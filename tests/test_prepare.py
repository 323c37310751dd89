"""`manage.py prepare` on an empty data directory, and again on one that is in use."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def prepare(directory: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    cleared = {"BASTION_ADMIN_PASSWORD": "", "BASTION_PUBLIC_URL": "", "DATABASE_URL": "", "REDIS_URL": ""}
    return subprocess.run(
        [sys.executable, "manage.py", "prepare", *arguments],
        cwd=ROOT,
        env=os.environ | cleared | {"BASTION_DATA_DIR": str(directory)} | environment,
        check=False,
        capture_output=True,
        text=True,
    )


def rows(directory: Path, query: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(directory / "bastion.sqlite3") as database:
        return database.execute(query).fetchall()


def test_an_empty_directory_becomes_an_instance_and_stays_one(tmp_path: Path) -> None:
    first = prepare(tmp_path)
    assert first.returncode == 0, first.stderr
    assert len(first.stdout.strip()) >= 16
    again = prepare(tmp_path)
    assert (again.returncode, again.stdout) == (0, ""), again.stderr
    assert rows(tmp_path, "SELECT username, is_superuser FROM auth_user") == [("admin", 1)]
    assert rows(tmp_path, "SELECT count(*) FROM bastion_cache") == [(0,)]
    assert rows(tmp_path, "SELECT count(*) FROM hosts_host") == [(0,)]


def test_the_demo_host_is_for_instances_that_only_this_machine_reaches(tmp_path: Path) -> None:
    public = {"BASTION_PUBLIC_URL": "https://bastion.example.org"}
    states = []
    for environment in ({}, public, {}):
        result = prepare(tmp_path, "--demo-host", BASTION_ADMIN_PASSWORD="a password of my own", **environment)
        assert (result.returncode, result.stdout) == (0, ""), result.stderr
        states.append(rows(tmp_path, "SELECT name, is_demo, enabled FROM hosts_host"))
    assert states == [[("demo", 1, 1)], [("demo", 1, 0)], [("demo", 1, 1)]]


def test_a_weak_password_for_a_public_instance_is_one_line(tmp_path: Path) -> None:
    result = prepare(tmp_path, BASTION_PUBLIC_URL="https://bastion.example.org", BASTION_ADMIN_PASSWORD="admin")
    assert result.returncode == 1
    assert "BASTION_ADMIN_PASSWORD is too weak" in result.stderr
    assert "Traceback" not in result.stderr
