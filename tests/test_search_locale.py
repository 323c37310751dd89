"""A PostgreSQL database whose locale knows no letters but ASCII is refused before anything is kept in it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.peers import miss
from tests.postgres import MissingPostgresqlError, cluster


@pytest.mark.peer
@pytest.mark.parametrize(("locale", "is_refused"), [("C", True), ("C.UTF-8", False)])
def test_the_check_refuses_the_locale_c(tmp_path: Path, locale: str, is_refused: bool) -> None:
    try:
        with cluster(locale) as url:
            environment = {**os.environ, "DATABASE_URL": url, "BASTION_DATA_DIR": str(tmp_path)}
            checked = subprocess.run(
                [sys.executable, "manage.py", "check", "--database", "default"],
                cwd=Path(__file__).parent.parent,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
    except MissingPostgresqlError as error:
        miss(str(error))
    assert ("audit.E001" in checked.stderr) is is_refused, checked.stderr
    assert (checked.returncode != 0) is is_refused
