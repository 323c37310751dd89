"""A whole installation whose processes are started, and killed, one by one: web, worker, beat, Valkey, and a host."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import psutil

from bastion import embedded_valkey
from bastion.web import listen
from tests.polling import eventually
from tests.running_product import ROOT
from tests.sshd import SshServer, start_sshd

ADMIN_PASSWORD = "correct horse battery staple"
HOST = "target"
WEB_PROCESSES = 2
START_SECONDS = 60.0
SETTINGS = {
    "BASTION_BIND": "127.0.0.1",
    "BASTION_ADMIN_PASSWORD": ADMIN_PASSWORD,
    "BASTION_ALLOWED_ADDRESSES": "127.0.0.0/8",
    "BASTION_DETACH_GRACE": "3",
    "BASTION_SESSIONS_PER_USER": "1000",
    "BASTION_DRAIN_SECONDS": "1",
    "BASTION_SEGMENT_SECONDS": "2",
    "BASTION_LOG_LEVEL": "warning",
    "BASTION_STREAM_BYTES": "1048576",
}


@dataclass
class Program:
    """Something that runs, how it is started (which returns its pid), and how often it was killed."""

    name: str
    begin: Callable[[], int]
    pid: int = 0
    kills: int = 0

    def start(self) -> None:
        self.pid = self.begin()

    @property
    def is_running(self) -> bool:
        with suppress(psutil.NoSuchProcess):
            return self.pid > 0 and psutil.Process(self.pid).status() != psutil.STATUS_ZOMBIE
        return False

    def send(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            if self.pid:
                os.kill(self.pid, number)

    def kill(self) -> None:
        """Send SIGKILL if it runs, and wait for the end. Whoever comes next has what is on disk, and no more."""
        if self.is_running:
            self.kills += 1
            self.send(signal.SIGKILL)
            eventually(lambda: not self.is_running, 10)


@dataclass
class Installation:
    """`port` is where web processes listen. What is printed goes to `directory`/output."""

    directory: Path
    target: SshServer
    programs: dict[str, Program] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.data = self.directory / "data"
        self.host_files = self.directory / "host"
        self.output = (self.directory / "output").open("ab")
        self._listener = listen("127.0.0.1", 0)
        os.set_inheritable(self._listener.fileno(), True)
        self.port: int = self._listener.getsockname()[1]
        self._socket = self.directory / "valkey.sock"
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("BASTION_", "REDIS_", "DATABASE_"))}
        self._environment = inherited | SETTINGS
        self._environment |= {"BASTION_DATA_DIR": str(self.data), "BASTION_PORT": str(self.port)}
        self._environment |= {"REDIS_URL": f"unix://{self._socket}", "DATABASE_URL": "", "PYTHONUNBUFFERED": "1"}
        self._children: list[subprocess.Popen[str]] = []
        self._preloaded: subprocess.Popen[str] | None = None

    @property
    def webs(self) -> list[Program]:
        return [self.programs[f"web {number}"] for number in range(WEB_PROCESSES)]

    def start(self) -> None:
        self.data.mkdir(mode=0o700, exist_ok=True)
        self._add("valkey", lambda: self._spawn(*embedded_valkey.command(self._socket, self.directory)).pid)
        eventually(lambda: embedded_valkey.answers(self._socket), START_SECONDS)
        self.manage("prepare")
        self._preloaded = self._spawn(
            *(sys.executable, "-m", "tests.faults.preloaded_web", str(self._listener.fileno())),
            fds=(self._listener.fileno(),),
        )
        for number in range(WEB_PROCESSES):
            self._add(f"web {number}", self._fork_web)
        self._add("supervisor", lambda: self._spawn(sys.executable, "-m", "bastion.supervisor", "worker", "beat").pid)

    def manage(self, *arguments: str) -> str:
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(
            command, cwd=ROOT, env=self._environment, check=True, stdout=subprocess.PIPE, stderr=self.output, text=True
        ).stdout.strip()

    def verify(self, keys: Path) -> tuple[int, str]:
        """Run the stand-alone verifier over the whole installation; return its exit status and what it said."""
        done = subprocess.run(
            [
                *(
                    sys.executable,
                    "tools/bastion-verify",
                    "--key",
                    str(keys),
                    "--open",
                    str(self.data / "recordings/open"),
                ),
                *("--db", str(self.data / "bastion.sqlite3"), str(self.data / "recordings/objects")),
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def worker_processes(self) -> list[int]:
        """Return the pids of what the supervisor runs, and of what that runs."""
        with suppress(psutil.NoSuchProcess):
            return [child.pid for child in psutil.Process(self.programs["supervisor"].pid).children(recursive=True)]
        return []

    def note(self, text: str) -> None:
        """Write a line among what the processes print."""
        running = ", ".join(f"{program.name} {program.pid}" for program in self.programs.values())
        self.output.write(f"{datetime.now(UTC).isoformat()} --- {text} ({running})\n".encode())
        self.output.flush()

    def ask_where(self) -> None:
        """Let the web processes write down what they are doing."""
        self.note("the web processes are asked what they do")
        for web in self.webs:
            web.send(signal.SIGUSR2)

    def restart_dead(self) -> None:
        """Start what does not run."""
        for program in self.programs.values():
            program.send(signal.SIGCONT)
            if not program.is_running:
                program.start()
        for pid in self.worker_processes():
            os.kill(pid, signal.SIGCONT)

    def stop(self) -> None:
        for program in reversed(list(self.programs.values())):
            program.send(signal.SIGCONT)
            program.send(signal.SIGTERM if program.name == "supervisor" else signal.SIGKILL)
        for child in self._children:
            with suppress(subprocess.TimeoutExpired):
                child.wait(20)
            child.kill()
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe:
                    pipe.close()
        self._listener.close()
        self.output.close()

    def _add(self, name: str, begin: Callable[[], int]) -> None:
        self.programs[name] = Program(name, begin)
        self.programs[name].start()

    def _fork_web(self) -> int:
        assert self._preloaded
        assert self._preloaded.stdin
        assert self._preloaded.stdout
        self._preloaded.stdin.write("\n")
        self._preloaded.stdin.flush()
        return int(self._preloaded.stdout.readline())

    def _spawn(self, *command: str, fds: tuple[int, ...] = ()) -> subprocess.Popen[str]:
        is_web = bool(fds)
        child = subprocess.Popen(
            command,
            cwd=ROOT,
            env=self._environment,
            pass_fds=fds,
            stdin=subprocess.PIPE if is_web else subprocess.DEVNULL,
            stdout=subprocess.PIPE if is_web else self.output,
            stderr=self.output,
            text=True,
        )
        self._children = [other for other in self._children if other.poll() is None]
        self._children.append(child)
        return child


@contextmanager
def installed(directory: Path) -> Iterator[Installation]:
    """Start an installation in an empty directory, with a host that runs tests/faults/target.py; end it all."""
    for name in ("host", "sshd"):
        (directory / name).mkdir()
    program = f"{sys.executable} -I {ROOT / 'tests/faults/target.py'} {directory / 'host'}"
    target = start_sshd(directory / "sshd", more=f"ForceCommand exec {program}")
    installation = Installation(directory, target)
    try:
        installation.start()
        yield installation
    finally:
        installation.stop()
        target.stop()


def pick(programs: list[Program], which: float) -> Program:
    return programs[min(int(which * len(programs)), len(programs) - 1)]


def dice_of(*words: object) -> Random:
    return Random("/".join(map(str, words)))  # noqa: S311 - has to be repeatable
