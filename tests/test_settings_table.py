"""docs/operations.md and bastion/environment.py hold the same table."""

from __future__ import annotations

import re
from pathlib import Path

from bastion.environment import SETTINGS

OPERATIONS = Path(__file__).resolve().parent.parent / "docs" / "operations.md"
ROW = re.compile(r"^\| `(?P<name>[A-Z0-9_]+)` \| (?P<default>.*?) \| (?P<meaning>.*) \|$", re.MULTILINE)


def test_the_table_for_people_is_the_one_in_the_code() -> None:
    documented = [row.groups() for row in ROW.finditer(OPERATIONS.read_text())]
    expected = [
        (each.name, f"`{each.default}`" if each.default else "", each.meaning.replace("|", "\\|")) for each in SETTINGS
    ]
    assert documented == expected
