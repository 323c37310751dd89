"""Insert into the search index, and search, on one database, through the product's own backend.

    python -m bench.search --database sqlite --megabytes 500 --commands 1000000 [--gigabytes 5]

The text is made once and kept in bench/data/. Prints one JSON object (bench/search_run.py says what is in it).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Final

import orjson
import zstandard

from bench.search_text import RecordedText, record_text
from tests.postgres import cluster

ROOT: Final = Path(__file__).resolve().parent.parent
DATA: Final = ROOT / "bench" / "data"
# Django must be set up before anything imports its models.
_RUN: Final = """
import pathlib, sys, django
django.setup()
from bench.search_run import main
main(pathlib.Path(sys.argv[1]), int(sys.argv[2]))
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--megabytes", type=int, default=500)
    parser.add_argument("--commands", type=int, default=1_000_000)
    parser.add_argument("--gigabytes", type=int, default=0, help="index the text again and again, up to so much")
    options = parser.parse_args()
    text = kept_text(options.megabytes, options.commands)
    copies = max(1, options.gigabytes * 1000 // options.megabytes)
    with ExitStack() as stack:
        environment = os.environ | {"DJANGO_SETTINGS_MODULE": "bastion.settings", "BASTION_LOG_LEVEL": "error"}
        environment["BASTION_DATA_DIR"] = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-search-"))
        environment["DATABASE_URL"] = stack.enter_context(cluster()) if options.database == "postgresql" else ""
        for command in (["manage.py", "migrate", "-v", "0"], ["-c", _RUN, str(text), str(copies)]):
            status = subprocess.run([sys.executable, *command], cwd=ROOT, env=environment, check=False).returncode
            if status:
                return status
    return 0


def kept_text(megabytes: int, commands: int) -> Path:
    """Return a compressed file with a session in each line, as JSON."""
    path = DATA / f"search-{megabytes}-{commands}.jsonl.zst"
    if not path.exists():
        DATA.mkdir(exist_ok=True)
        unfinished = path.with_suffix(".part")
        with unfinished.open("wb") as file, zstandard.ZstdCompressor().stream_writer(file) as writer:
            for session in record_text(megabytes * 1_000_000, commands):
                writer.write(orjson.dumps(asdict(session)) + b"\n")
        unfinished.rename(path)
    return path


def read_text(path: Path) -> Iterator[RecordedText]:
    with zstandard.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield RecordedText(**orjson.loads(line))


if __name__ == "__main__":
    sys.exit(main())
