"""`make soak`: people type, processes are killed and connections break, and afterwards everything has to be there.

SOAK_SECONDS and SOAK_KILLS say how long (whichever comes first), SEED repeats the faults of an earlier run.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from uuid import UUID

from tests.faults.checker import SETTLED, Evidence, Recorded, Violation, check, read_heard
from tests.faults.clients import Client, Visit
from tests.faults.gateway import Gateway
from tests.faults.harm import Harm
from tests.faults.installation import ADMIN_PASSWORD, HOST, Installation, installed
from tests.faults.proxy import Proxy
from tests.faults.schedule import faults

CLIENTS = 5
# The last of them is the one whose grant comes and goes.
REVOCABLE = "bob"
BATCH_SECONDS = 40.0
SETTLE_SECONDS = 60.0
# Most kills wait until so many people are at their terminals.
PEOPLE = 3
PEOPLE_SECONDS = 5.0
# How the verifier ends: intact, or intact but recovered or not sealed.
GOOD = frozenset({0, 2})
TOKEN = {"name": "soak", "scopes": ["read", "connect", "audit"]}
LEDGER = "session.started,session.ended,recording.sealed,recording.recovered,grant.revoked"


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - a command


@dataclass
class Tally:
    """What a run did and found."""

    seed: int
    harm: Harm
    sessions: int = 0
    recovered: int = 0
    heard: int = 0
    sockets: int = 0
    seen_bytes: int = 0
    slowest: float = 0.0
    violations: list[Violation] = field(default_factory=list)

    @property
    def kills(self) -> int:
        return sum(self.harm.kills.values())

    def line(self) -> str:
        return (
            f"{self.kills} kills, {self.sessions} sessions ({self.recovered} recovered), settled within"
            f" {self.slowest:.1f} s, {len(self.violations)} violations"
        )

    def summary(self) -> str:
        killed = ", ".join(f"{name} {count}" for name, count in sorted(self.harm.kills.items()))
        done = ", ".join(f"{kind} {count}" for kind, count in self.harm.done.most_common())
        seen = f"{self.heard} sessions typed at, {self.sockets} sockets, {self.seen_bytes / 2**20:.1f} MiB seen"
        return "\n".join([self.line(), f"Killed: {killed}", f"Faults: {done}", seen, *map(str, self.violations[:50])])


class Run:
    """One installation, its clients and its faults, batch by batch."""

    def __init__(self, installation: Installation, seed: int) -> None:
        self._installation = installation
        self._faults = faults(seed)
        self._batch = 0
        self._checked: set[str] = set()
        self._front, self._back = Proxy(installation.port), Proxy(installation.target.port)
        self._harm = Harm(installation, self._front, self._back, self._change)
        self.tally = Tally(seed, self._harm)

    async def prepare(self) -> None:
        """Add the host, behind a proxy, and the people."""
        await self._front.start()
        await self._back.start()
        await asyncio.to_thread(self._add_people)

    def _add_people(self) -> None:
        manage, target = self._installation.manage, self._installation.target
        key = target.directory / "client_ed25519"
        login = ("--user", target.user, "--key-file", str(key), "--pin", target.fingerprint)
        manage("add_host", HOST, "127.0.0.1", "--port", str(self._back.port), *login)
        self._browser, bob = Gateway(self._installation.port), Gateway(self._installation.port)
        self._browser.sign_in("admin", ADMIN_PASSWORD)
        password = secrets.token_hex(16)
        user = self._browser.change("POST", "users/", {"name": REVOCABLE, "password": password})
        bob.sign_in(REVOCABLE, password)
        self._host_id = UUID(self._browser.change("GET", "hosts/")["results"][0]["id"])
        me = {"user_id": self._browser.change("GET", "me/")["id"], "host_id": str(self._host_id)}
        self._browser.change("POST", "grants/", {**me, "actions": ["connect", "audit", "export", "view_input"]})
        self._harm.grant = {"user_id": user["id"], "host_id": str(self._host_id), "actions": ["connect"]}
        self._browser.change("POST", "grants/", self._harm.grant)
        token, of_bob = (browser.change("POST", "tokens/", TOKEN)["token"] for browser in (self._browser, bob))
        self._reader = Gateway(self._installation.port, token)
        self._tokens = {f"admin {number}": token for number in range(1, CLIENTS)} | {REVOCABLE: of_bob}

    async def stop(self) -> None:
        await self._front.stop()
        await self._back.stop()

    async def batch(self, seconds: float, most_kills: int) -> None:
        """Let people type and faults happen for a while; then stop both, wait, and check everything."""
        self._batch += 1
        is_over = asyncio.Event()
        clients = [
            Client(name, self._front.port, self._host_id, token, f"{self.tally.seed}/{self._batch}/{name}")
            for name, token in self._tokens.items()
        ]
        typing = [asyncio.ensure_future(client.run(is_over)) for client in clients]
        deadline, most = time.monotonic() + seconds, self.tally.kills + most_kills
        while time.monotonic() < deadline and self.tally.kills < most:
            fault = next(self._faults)
            if fault.waits_for_people:
                await self._people(clients)
            await asyncio.sleep(fault.pause)
            await self._harm.do(fault)
        await self._harm.finish()
        is_over.set()
        await asyncio.gather(*typing)
        self._installation.note("people went home")
        await asyncio.to_thread(self._check, clients)

    async def _people(self, clients: Sequence[Client]) -> None:
        """Wait, but not for ever, until somebody has something to lose."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PEOPLE_SECONDS):
                while sum(client.is_attached for client in clients) < PEOPLE:  # noqa: ASYNC110 - of several clients
                    await asyncio.sleep(0.02)

    def _change(self, method: str, path: str, body: object) -> dict[str, Any] | None:
        """Return what was answered; None if nobody knows whether it was done."""
        try:
            return self._browser.change(method, path, body) or {}
        except OSError:
            return None

    def _check(self, clients: Sequence[Client]) -> None:
        visits = [visit for client in clients for visit in client.visits]
        of_bob = frozenset(visit.session for client in clients if client.name == REVOCABLE for visit in client.visits)
        begun = time.monotonic()
        sessions = self._settled()
        self.tally.slowest = max(self.tally.slowest, time.monotonic() - begun)
        recorded = [self._fetch(session) for session in sessions]
        ledger = list(self._reader.lines(f"audit-events/?format=jsonl&action={LEDGER}"))
        heard = read_heard(self._installation.host_files)
        found = check(Evidence(recorded, visits, ledger, heard, tuple(self._harm.revocations), of_bob))
        self.tally.heard += len(heard.keys() & {one.id for one in recorded})
        self._note(recorded, visits, [*found, *self._verify(), *self._troubles()])

    def _settled(self) -> list[dict[str, Any]]:
        """Wait until all sessions are over and sealed, as long as that may take; return those of this batch."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while True:
            sessions = [one for one in self._reader.lines("sessions/?format=jsonl") if one["id"] not in self._checked]
            is_settled = all(one["state"] in SETTLED for one in sessions)
            if not is_settled and time.monotonic() > deadline:
                self._installation.ask_where()
                self._installation.note(f"left open: front {self._front.links()}, back {self._back.links()}")
            if is_settled or time.monotonic() > deadline:
                self._checked |= {one["id"] for one in sessions}
                return sessions
            time.sleep(0.5)

    def _fetch(self, session: dict[str, Any]) -> Recorded:
        path = f"sessions/{session['id']}"
        try:
            report = self._reader.json(f"{path}/verify")
            verdict = report["verdict"] if report["ok"] else f"{report['verdict']}: {report['problems']}"
            events = [json.loads(line) for line in self._reader.read(f"{path}/recording.cast").splitlines()[1:]]
            return Recorded(session, events, self._reader.read(f"{path}/recording.raw"), verdict)
        except HTTPError as error:
            return Recorded(session, [], b"", f"{error.url} is answered with {error.code}: {error.read()[:500]!r}")
        except HTTPException as error:
            return Recorded(session, [], b"", f"{path} breaks off while it is sent: {error!r:.200}")

    def _verify(self) -> list[Violation]:
        keys = self._installation.directory / "keys"
        keys.write_text("".join(f"{key['vkey']}\n" for key in self._reader.json("ledger/keys/")["results"]))
        status, text = self._installation.verify(keys)
        return [] if status in GOOD else [Violation("I5", f"bastion-verify ends with {status}: {text[-2000:]}")]

    def _troubles(self) -> list[Violation]:
        troubles, self._harm.troubles = self._harm.troubles, []
        return [Violation("end", trouble) for trouble in troubles]

    def _note(self, recorded: Sequence[Recorded], visits: Sequence[Visit], found: list[Violation]) -> None:
        tally = self.tally
        tally.sessions += len(recorded)
        tally.recovered += sum(one.session["state"] == "recovered" for one in recorded)
        tally.sockets += len(visits)
        tally.seen_bytes += sum(len(visit.seen) for visit in visits)
        tally.violations += found
        say("\n".join([tally.line(), *map(str, found)]))


async def soak(
    directory: Path, seed: int, *, seconds: float, kills: int, batch_seconds: float = BATCH_SECONDS
) -> Tally:
    """Run until `seconds` are over or `kills` processes were killed, in an empty directory with a short path."""
    with installed(directory) as installation:
        run = Run(installation, seed)
        await run.prepare()
        deadline = time.monotonic() + seconds
        try:
            while (left := deadline - time.monotonic()) > 0 and run.tally.kills < kills:
                await run.batch(min(batch_seconds, left), kills - run.tally.kills)
        finally:
            await run.stop()
        return run.tally


def main() -> int:
    seconds, kills = float(os.environ.get("SOAK_SECONDS") or 3600), int(os.environ.get("SOAK_KILLS") or 10**6)
    seed = int(os.environ.get("SEED") or secrets.randbelow(10**9))
    again = f"Again with the same faults: make soak SEED={seed} SOAK_SECONDS={seconds:.0f} SOAK_KILLS={kills}"
    say(again)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="soak-", ignore_cleanup_errors=True) as name:
        tally = asyncio.run(soak(Path(name), seed, seconds=seconds, kills=kills))
        is_good = not tally.violations
        if not is_good and (kept := os.environ.get("SOAK_KEEP")):
            Path(name).rename(kept)
    say(f"\n{tally.summary()}\n{again}")
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
