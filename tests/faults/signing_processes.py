"""Processes that write to the ledger, sign it and rotate keys, and are killed: `python -m … <rounds> <seed>`.

Django is set up once; each process is a fork of it, as each has its own connection and its own file locks.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time

import django

django.setup()

from django.db import DatabaseError  # noqa: E402

from audit import ledger  # noqa: E402
from audit.evidence.checkpoints import make_checkpoint  # noqa: E402
from audit.evidence.publishing import publish_checkpoints  # noqa: E402
from audit.evidence.rotation import rotate_signing_key  # noqa: E402

PROCESSES = 2
LONGEST_WORK_SECONDS = 0.25
ROTATIONS = 0.05


def work(seed: int, at_work: int) -> None:
    """Write and sign until killed; write to the descriptor `at_work` when both went well once."""
    chance = random.Random(seed)  # noqa: S311 a schedule, not a secret
    while True:
        try:
            for _ in range(chance.randint(1, 5)):
                ledger.record(ledger.Action.SIGN_OUT, login=None, actor_name="bob")
            made = make_checkpoint()
            publish_checkpoints()
            if made:
                os.write(at_work, b".")
            if chance.random() < ROTATIONS:
                rotate_signing_key("bob")
        except DatabaseError as error:
            # Two writers on SQLite: the later one tries again.
            if "locked" not in str(error):
                raise


def fork(seed: int, at_work: int) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            work(seed, at_work)
        finally:
            os._exit(1)
    return pid


def main(rounds: int, seed: int) -> int:
    """Kill all processes at a random moment, `rounds` times; return how many ended by themselves, which none should."""
    chance = random.Random(seed)  # noqa: S311
    failed = 0
    for _ in range(rounds):
        from_them, at_work = os.pipe()
        pids = [fork(chance.randrange(2**32), at_work) for _ in range(PROCESSES)]
        os.close(at_work)
        # The first of them: the other may be anywhere. If both end, there is nothing to wait for.
        os.read(from_them, 1)
        time.sleep(chance.uniform(0, LONGEST_WORK_SECONDS))
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        os.close(from_them)
        failed += sum(os.WTERMSIG(os.waitpid(pid, 0)[1]) != signal.SIGKILL for pid in pids)
    # What the last ones left behind is taken up by somebody who lives.
    make_checkpoint(5)
    publish_checkpoints()
    return failed


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
