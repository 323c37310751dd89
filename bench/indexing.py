"""What it takes to index recordings: commands, text and screens, with the insert into the search index apart.

    python -m bench.indexing [--quick]

Each material is recorded by the product's own recorder and indexed in a process of its own, as a worker does it.
Figures are CPU seconds; memory is the most that the process ever had. `growth` is the cost of a byte of a long
recording over that of a short one.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from bench.in_product import answer, call, note, scratch_product

# Megabytes of output: (quick, full).
MATERIALS = {"scrolling": (24, 200), "small_events": (4, 24), "full_screen": (16, 100)}
UNKIND = {"one_line": (16, 64), "titles": (4, 16), "tiny_events": (1, 4), "line_feeds": (4, 16)}
GROWTH = {"quick": (10, 100), "full": (10, 1000)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    is_quick = parser.parse_args().quick
    with scratch_product() as directory:
        results: dict[str, Any] = {}
        for name, sizes in (MATERIALS | UNKIND).items():
            results[name] = measure(directory, name, sizes[not is_quick])
            note(f"{name}: {results[name]}")
        results["growth"] = measure_growth(directory, *GROWTH["quick" if is_quick else "full"])
    answer(results)


def measure(directory: Path, material: str, megabytes: int) -> dict[str, Any]:
    recorded = call(directory, "bench.recorded.record", material, megabytes * 1_000_000)
    result: dict[str, Any] = call(directory, "bench.recorded.index", recorded["session"], "on")
    return result


def measure_growth(directory: Path, short: int, long: int) -> dict[str, Any]:
    """Record and index a short and a long session, the short one before and after."""
    first, last, again = (cost(directory, megabytes) for megabytes in (short, long, short))
    ratios = {
        f"{what}_ratio": round(2 * last[what] / (first[what] + again[what]), 3) for what in ("record", "index", "both")
    }
    memory = {"peak_rss_short_MB": first["peak_rss_MB"], "peak_rss_long_MB": last["peak_rss_MB"]}
    return {"short_MB": short, "long_MB": long, **ratios, **memory}


def cost(directory: Path, megabytes: int) -> dict[str, float]:
    """Return CPU seconds per MB."""
    recorded = call(directory, "bench.recorded.record", "scrolling", megabytes * 1_000_000)
    indexed = call(directory, "bench.recorded.index", recorded["session"], "off")
    size = recorded["bytes"] / 1e6
    record, index = recorded["cpu_s"] / size, indexed["cpu_s"] / size
    note(f"{megabytes} MB: record {record:.4f}, index {index:.4f} CPU s/MB, {indexed['peak_rss_MB']} MB")
    return {"record": record, "index": index, "both": record + index, "peak_rss_MB": indexed["peak_rss_MB"]}


if __name__ == "__main__":
    main()
