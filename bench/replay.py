"""Seeking in a recording of 1 GB: what the server takes for it, and with --chromium, what a person waits.

    python -m bench.replay [--quick] [--chromium]

The recording is made by the product's own recorder and indexer, once, and kept in bench/data/. `segments` stands for
one that is cut into thousands of parts, as a session of many hours is. Requests go through Django and the REST
framework in one process; in the browser it is the player of the product that plays.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from bench.in_product import DATA, answer, call, note, prepare


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="100 MB in place of 1 GB")
    parser.add_argument("--chromium", action="store_true", help="play it in a browser, too")
    options = parser.parse_args()
    megabytes = 100 if options.quick else 1000
    results: dict[str, Any] = {"recording_MB": megabytes}
    directory, session = recording(f"replay-{megabytes}", megabytes)
    results["server"] = call(directory, "bench.replaying.serve", session, 40)
    note(f"server: {results['server']}")
    if options.chromium:
        results["chromium"] = call(directory, "bench.replaying.play", session, 10)
        note(f"chromium: {results['chromium']}")
    # At 16 KiB a segment: 3,000 of them take no more room than they have to.
    directory, session = recording("replay-segments", 50, at_once=1, BASTION_SEGMENT_BYTES="16384")
    results["segments"] = call(directory, "bench.replaying.serve", session, 40)
    answer(results)


def recording(name: str, megabytes: int, at_once: int = 8, **environment: str) -> tuple[Path, str]:
    """Return the data directory and the id of a recording of that size, made unless it is there."""
    directory = DATA / name
    kept = directory / "session.json"
    directory.mkdir(parents=True, exist_ok=True)
    prepare(directory)
    if not kept.exists():
        note(f"recording {megabytes} MB …")
        made = call(directory, "bench.recorded.record", "scrolling", megabytes * 1_000_000, at_once, **environment)
        note("indexing …")
        call(directory, "bench.recorded.index", made["session"], "off")
        kept.write_text(json.dumps(made))
    return directory, json.loads(kept.read_text())["session"]


if __name__ == "__main__":
    main()
