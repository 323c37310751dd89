"""The frontend's types are those of the API's schema: whoever changes one, generates the other (`npm run types`)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from django.conf import settings
from django.core.management import call_command

from tests.peers import find_program, miss

FRONTEND = settings.BASE_DIR / "frontend"
GENERATOR = FRONTEND / "node_modules" / "openapi-typescript" / "bin" / "cli.js"


def test_the_committed_types_are_those_of_the_schema(tmp_path: Path) -> None:
    beside_python = Path(sys.executable).with_name("node")
    node = str(beside_python) if beside_python.exists() else find_program("node") or miss("node is not installed")
    if not GENERATOR.exists():
        miss("the frontend's packages are not installed")
    schema, generated = tmp_path / "schema.yaml", tmp_path / "schema.d.ts"
    call_command("spectacular", file=str(schema))
    subprocess.run(
        [node, str(GENERATOR), str(schema), "-o", str(generated)],
        check=True,
        cwd=FRONTEND,
        env=os.environ | {"NO_COLOR": "1"},
        stdout=subprocess.DEVNULL,
        timeout=120,
    )
    committed = (FRONTEND / "src" / "api" / "schema.d.ts").read_text()
    assert generated.read_text() == committed, "run `npm run types` in frontend/"
