"""A key comes back through the product in a few times what plain ssh takes: nothing slow is in its way.

Both are measured in the same rounds, key by key in turns, and the best of some rounds counts, so that a busy machine
does not decide it. How fast it is exactly, `make bench` says.
"""

from __future__ import annotations

import asyncio

import uvloop

from bench.figures import PRODUCT, SSH, percentile
from bench.measuring import prepare_echo, press_keys
from bench.sizes import QUICK
from bench.surroundings import Surroundings, surroundings

ROUNDS = 4
KEYS = 60
# The product's own echo is about twice that of ssh; a timer or a queue in the way of each key makes it ten times.
MOST_TIMES_SSH = 6.0


async def ratios_of_echo(everything: Surroundings) -> list[float]:
    """Return the product's median divided by that of ssh, for each round."""
    sessions = {contestant.name: await contestant.open() for contestant in everything.contestants}
    for session in sessions.values():
        await prepare_echo(session)
    found = []
    for _ in range(ROUNDS):
        pressed = await press_keys(sessions, KEYS)
        found.append(percentile(pressed[PRODUCT], 50) / percentile(pressed[SSH], 50))
    for session in sessions.values():
        await session.close()
    return found


def test_a_key_takes_at_most_a_few_times_as_long_as_with_plain_ssh() -> None:
    with (
        surroundings(QUICK, with_webssh=False) as everything,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        ratios = runner.run(ratios_of_echo(everything))

    assert min(ratios) <= MOST_TIMES_SSH, f"echo ÷ ssh in each round: {', '.join(f'{each:.1f}' for each in ratios)}"
