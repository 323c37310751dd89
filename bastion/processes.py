"""Child processes that end with their parent, start again with a growing pause, and stop within a limit."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

BASE_DIRECTORY = Path(__file__).resolve().parent.parent
PR_SET_PDEATHSIG = 1
LONGEST_PAUSE = 30.0
# A process that ran this long was healthy: its next end counts as the first.
HEALTHY_SECONDS = 60.0

# Loaded before any fork: the child may only call it.
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True, slots=True)
class Program:
    """What to run. `stop_seconds` is how long it may take to end after SIGTERM before it is killed."""

    name: str
    command: Sequence[str]
    stop_seconds: float = 10.0
    pass_fds: tuple[int, ...] = ()
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    # Whether people's shells inherit from it. Then Ctrl-C must reach it, and files get the umask that they expect.
    serves_shells: bool = False
    # What asks it to end at once, where SIGTERM leaves it the time to finish what it does.
    urgent_signal: signal.Signals = signal.SIGTERM
    # Whether the rest may start without it.
    is_optional: bool = False


def run_to_end(program: Program) -> subprocess.CompletedProcess[str]:
    """Run a program once and return its exit status and standard output. It ends with its parent, not by Ctrl-C."""
    return subprocess.run(  # noqa: S603 - the supervisor's own list of programs
        program.command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        cwd=BASE_DIRECTORY,
        env=dict(program.environment),
        pass_fds=program.pass_fds,
        preexec_fn=_tie_to_parent(program),
    )


class Process:
    """A program that is kept running. Not thread-safe; `report` gets one line for people whenever it ends."""

    def __init__(self, program: Program, report: Callable[[str], None]) -> None:
        self.program = program
        self._report = report
        self._popen: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._start_again_at = 0.0
        self._ends_in_a_row = 0

    @property
    def pid(self) -> int | None:
        return self._popen.pid if self._popen else None

    def start(self) -> None:
        """Start the program. Raises OSError when it cannot be run."""
        program = self.program
        self._popen = subprocess.Popen(  # noqa: S603 - the supervisor's own list of programs
            program.command,
            stdin=subprocess.DEVNULL,
            cwd=BASE_DIRECTORY,
            env=dict(program.environment),
            pass_fds=program.pass_fds,
            preexec_fn=_tie_to_parent(program),  # noqa: PLW1509 - one thread here
        )
        self._started_at = time.monotonic()

    def exit_status(self) -> int | None:
        """Return the exit status (negative: the signal), or None while it runs or waits to start again."""
        return self._popen.poll() if self._popen else None

    def tend(self) -> int | None:
        """Start the program again if it ended and its pause is over. Return the pid of a process that just ended."""
        now = time.monotonic()
        if self._popen is None:
            if now >= self._start_again_at:
                self.start()
            return None
        status = self._popen.poll()
        if status is None:
            return None
        ended = self._popen.pid
        self._popen = None
        self._ends_in_a_row = 1 if now - self._started_at > HEALTHY_SECONDS else self._ends_in_a_row + 1
        pause = min(LONGEST_PAUSE, 2.0 ** (self._ends_in_a_row - 1))
        self._start_again_at = now + pause
        self._report(f"The {self.program.name} ended ({describe(status)}); it starts again in {pause:.0f} s.")
        return ended

    def send(self, number: signal.Signals) -> None:
        if self._popen and self._popen.poll() is None:
            self._popen.send_signal(number)


def _tie_to_parent(program: Program) -> Callable[[], None]:
    """Return what a child does before it becomes its program. It allocates nothing that could be locked."""
    parent = os.getpid()
    terminal_signals = {signal.SIGINT, signal.SIGHUP}
    serves_shells, at_parents_death = program.serves_shells, int(program.urgent_signal)

    def tie() -> None:
        if not serves_shells:
            os.umask(0o077)
            # Ctrl-C is for the supervisor alone, which stops its children in order. Blocked, not ignored: programs
            # install handlers of their own, which would end an ignored signal's peace.
            signal.pthread_sigmask(signal.SIG_BLOCK, terminal_signals)
        if _libc is not None:
            _libc.prctl(PR_SET_PDEATHSIG, at_parents_death)
            if os.getppid() != parent:
                os._exit(1)

    return tie


def describe(status: int) -> str:
    """Return an exit status in words, e.g. "status 1" or "SIGKILL"."""
    if status >= 0:
        return f"status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"


class Haste(IntEnum):
    """How soon everything is to have ended."""

    NONE = 0
    URGENT = 1
    AT_ONCE = 2


def stop(
    processes: Sequence[Process], report: Callable[[str], None], haste: Callable[[], Haste] = lambda: Haste.NONE
) -> None:
    """End these processes at the same time, each within its limit, and wait until they are gone."""
    is_urgent = haste() >= Haste.URGENT
    for process in processes:
        process.send(process.program.urgent_signal if is_urgent else signal.SIGTERM)
    started = time.monotonic()
    killed: set[str] = set()
    while running := [process for process in processes if process.pid and process.exit_status() is None]:
        if not is_urgent and haste() >= Haste.URGENT:
            is_urgent = True
            for process in running:
                process.send(process.program.urgent_signal)
        for process in running:
            program = process.program
            waited = time.monotonic() - started
            if (waited > program.stop_seconds or haste() is Haste.AT_ONCE) and program.name not in killed:
                killed.add(program.name)
                report(f"The {program.name} did not end within {waited:.0f} s and is killed.")
                process.send(signal.SIGKILL)
        time.sleep(0.02)
