"""How long the first page of the list of sessions takes among a million, on PostgreSQL, for every filter.

    python -m bench.session_list [--quick]

Requests go through Django and the REST framework, in one process: no network, no server.
"""

from __future__ import annotations

import argparse
from typing import Any

from bench.in_product import answer, call, note, prepare, scratch_product
from tests.postgres import cluster


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="200,000 sessions, fewer requests")
    is_quick = parser.parse_args().quick
    with scratch_product() as directory, cluster() as url:
        prepare(directory, DATABASE_URL=url)
        count = call(directory, "bench.many_sessions.fill", 200_000 if is_quick else 1_000_000, DATABASE_URL=url)
        note(f"{count} sessions")
        times: dict[str, Any] = call(directory, "bench.many_sessions.measure", 10 if is_quick else 40, DATABASE_URL=url)
    worst = max((taken["p95"], role, name) for role, filters in times.items() for name, taken in filters.items())
    answer({"sessions": count, "worst_p95_ms": worst[0], "worst": f"{worst[1]}: {worst[2]}", "ms": times})


if __name__ == "__main__":
    main()
