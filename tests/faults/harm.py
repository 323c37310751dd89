"""Does what a schedule says to the processes of an installation and to the connections around it."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from tests.faults.checker import Revocation
from tests.faults.installation import Installation, Program, dice_of, pick
from tests.faults.proxy import Proxy
from tests.faults.schedule import Fault, Kind

# Longer than access may take to end (tests/faults/checker.py).
REVOKED_SECONDS = 8.0
STOP_SECONDS = 15.0

# Changes something through the API and returns what was answered, or None if it is not known whether it was done.
Change = Callable[[str, str, object], dict[str, Any] | None]


class Harm:
    """`do` harms; what lasts goes on beside it until `finish`. `troubles` is what should not have happened at once."""

    def __init__(self, installation: Installation, front: Proxy, back: Proxy, change: Change) -> None:
        self.done: Counter[str] = Counter()
        self.kills: Counter[str] = Counter()
        self.revocations: list[Revocation] = []
        self.troubles: list[str] = []
        self.grant: dict[str, object] = {}
        self._installation = installation
        self._front, self._back = front, back
        self._change = change
        self._is_revoking = False
        self._lasting: set[asyncio.Task[None]] = set()

    async def do(self, fault: Fault) -> None:
        self.done[fault.kind] += 1
        self._installation.note(f"{fault.kind}, {fault.seconds:.1f} s")
        if fault.kind.name.startswith("KILL"):
            await asyncio.to_thread(self._kill, fault)
        elif fault.kind is Kind.END_WEB:
            await asyncio.to_thread(self._end_web, fault)
        else:
            task = asyncio.ensure_future(self._harm(fault))
            self._lasting.add(task)
            task.add_done_callback(self._lasting.discard)

    async def finish(self) -> None:
        """Wait for what lasts, and bring up again what was killed."""
        await asyncio.gather(*self._lasting)
        await asyncio.to_thread(self._installation.restart_dead)

    def _victims(self, fault: Fault) -> list[Program]:
        programs = self._installation.programs
        match fault.kind:
            case Kind.KILL_WEB | Kind.STOP_WEB | Kind.END_WEB:
                return [pick(self._installation.webs, fault.which)]
            case Kind.KILL_VALKEY | Kind.STOP_VALKEY:
                return [programs["valkey"]]
            case Kind.KILL_SUPERVISOR:
                return [programs["supervisor"]]
            case Kind.KILL_ALL:
                return [*self._workers(), *programs.values()]
            case _:
                workers = self._workers()
                return [pick(workers, fault.which)] if workers else []

    def _workers(self) -> list[Program]:
        """Return what the supervisor runs, and what that runs: it starts them again itself."""
        return [Program("worker", int, pid) for pid in self._installation.worker_processes()]

    def _kill(self, fault: Fault) -> None:
        for program in self._victims(fault):
            if program.is_running:
                program.kill()
                self.kills[program.name.split()[0]] += 1
        self._installation.restart_dead()

    def _end_web(self, fault: Fault) -> None:
        for web in self._victims(fault):
            web.send(signal.SIGTERM)
            deadline = time.monotonic() + STOP_SECONDS
            while web.is_running and time.monotonic() < deadline:
                time.sleep(0.05)
            if web.is_running:
                self.troubles.append(f"a web process did not end within {STOP_SECONDS:.0f} s of SIGTERM")
                web.kill()
        self._installation.restart_dead()

    async def _harm(self, fault: Fault) -> None:
        dice = dice_of(fault.which)
        proxy = self._front if fault.which < 0.6 else self._back
        match fault.kind:
            case Kind.REVOKE:
                await self._revoke(fault.seconds)
            case Kind.DELAY:
                await proxy.hold_up(proxy.some(dice), fault.seconds * 2, delay=fault.seconds / 3)
            case Kind.FREEZE:
                await proxy.hold_up(proxy.some(dice), fault.seconds * 2, delay=0)
            case Kind.CUT | Kind.RESET | Kind.HALF_CLOSE:
                for link in proxy.some(dice):
                    if fault.kind is Kind.CUT:
                        link.abort()
                    elif fault.kind is Kind.RESET:
                        link.reset()
                    else:
                        link.close_half(towards_server=dice.random() < 0.5)
            case _:
                await self._stop_for(self._victims(fault), fault.seconds)

    async def _stop_for(self, programs: list[Program], seconds: float) -> None:
        pids = [program.pid for program in programs]
        for number in (signal.SIGSTOP, signal.SIGCONT):
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
            await asyncio.sleep(seconds)

    async def _revoke(self, seconds: float) -> None:
        """Take every grant away for longer than it may take to have an effect, and give one again."""
        if self._is_revoking:
            return
        self._is_revoking = True
        taken = await asyncio.to_thread(self._take_away)
        revocations = [Revocation(grant_id, time.time()) for grant_id in taken]
        self.revocations += revocations
        await asyncio.sleep(REVOKED_SECONDS + seconds)
        for revocation in revocations:
            revocation.granted_at = time.time()
        await asyncio.to_thread(self._give_again)
        self._is_revoking = False

    def _take_away(self) -> set[str]:
        """Revoke until nothing is left to revoke: of what is asked of a process that dies, nobody knows the outcome."""
        taken: set[str] = set()
        while True:
            found = self._change("GET", f"grants/?state=active&user={self.grant['user_id']}", None)
            if found is not None and not found["results"]:
                return taken
            for grant in found["results"] if found else []:
                taken.add(grant["id"])
                self._change("DELETE", f"grants/{grant['id']}/", None)
            time.sleep(0.1)

    def _give_again(self) -> None:
        while self._change("POST", "grants/", self.grant) is None:
            time.sleep(0.5)
