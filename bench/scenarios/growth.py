"""Whether a long session gets dearer: CPU of the first and of the last megabytes of one, and memory meanwhile."""

from __future__ import annotations

from bench.figures import PRODUCT, Figure, Goal
from bench.measuring import show
from bench.processes import memory_megabytes
from bench.surroundings import Surroundings, text_of

PIECE_MEGABYTES = 10
# Pieces at either end that are compared. One alone takes less CPU than its clock can tell.
PIECES_AT_END = 3
FIRST = "its first megabytes"


async def run(surroundings: Surroundings) -> list[Figure]:
    sizes = surroundings.sizes
    text, product = text_of(PIECE_MEGABYTES), surroundings.product
    pieces = sizes.growth_megabytes // PIECE_MEGABYTES
    cpu: dict[str, list[float]] = {PRODUCT: [], FIRST: []}
    grown: list[float] = []
    for _ in range(1 if sizes.is_quick else min(sizes.rounds, 3)):
        session = await product.open()
        costs, memory = [], []
        for _ in range(pieces):
            costs.append((await show(session, text, product.servers())).cpu_per_100_megabytes)
            memory.append(memory_megabytes(product.servers()))
        await session.close()
        cpu[FIRST].append(sum(costs[:PIECES_AT_END]) / PIECES_AT_END)
        cpu[PRODUCT].append(sum(costs[-PIECES_AT_END:]) / PIECES_AT_END)
        # The first pieces fill buffers and caches that stay.
        grown.append(max(memory[-PIECES_AT_END:]) - max(memory[:PIECES_AT_END]))
    return [
        Figure(f"CPU for 100 MB at the end of a session of {sizes.growth_megabytes} MB", "s", cpu, (Goal(1.1, FIRST),)),
        Figure(
            f"memory that the web process gained over {sizes.growth_megabytes} MB of one session",
            "MB",
            {PRODUCT: grown},
            (Goal(10),),
        ),
    ]
