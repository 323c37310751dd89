"""Starts, watches and stops everything: `python -m bastion.supervisor [--demo-host] [web] [worker] [beat]`.

Without a role it runs the whole product: the embedded Valkey unless REDIS_URL is set, the database's preparation, web,
worker and beat. With roles it runs just these, for sites that spread them over machines. Exit status: 0 after SIGINT,
SIGTERM or SIGHUP, 1 when something kept it from starting.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from dotenv import load_dotenv
from prometheus_client import multiprocess

from bastion import demo_host, embedded_valkey, preflight, probe
from bastion.environment import Environment, SettingError
from bastion.preflight import StartError
from bastion.processes import BASE_DIRECTORY, Haste, Process, Program, describe, run_to_end, stop
from bastion.web import SHUTDOWN_SECONDS

ROLES = ("web", "worker", "beat")
READY_SECONDS = 90.0
VALKEY_SECONDS = 30.0
# Asking twice, by Ctrl-C, means "at once"; the same signal by two ways (make and its process group) does not.
IMPATIENCE_SECONDS = 1.0


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - the supervisor talks to the person who started it


class StopRequestedError(Exception):
    """A signal asked to stop while things were still starting."""


class Signals:
    """Turns SIGINT, SIGTERM, SIGHUP and the end of a child into something that a loop can wait for."""

    def __init__(self) -> None:
        self.stop_requested_at: float | None = None
        self.haste = Haste.NONE
        self._reader, writer = os.pipe()
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # `nohup` ignores SIGHUP on purpose.
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._ask_to_stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def _ask_to_stop(self, number: int, _frame: FrameType | None) -> None:
        """SIGTERM lets people finish; a person at the keyboard waits for nobody, and asking again waits for nothing."""
        now = time.monotonic()
        is_again = self.stop_requested_at is not None and now - self.stop_requested_at > IMPATIENCE_SECONDS
        self.stop_requested_at = self.stop_requested_at or now
        if number == signal.SIGTERM:
            return
        if self.haste is Haste.NONE:
            self.haste = Haste.URGENT
        elif is_again and number == signal.SIGINT:
            self.haste = Haste.AT_ONCE

    def wait(self, seconds: float) -> None:
        """Sleep until a signal comes, at most so long."""
        if select.select([self._reader], [], [], seconds)[0]:
            os.read(self._reader, 512)


class Supervisor:
    """Owns the children. `run` returns when everything has stopped, and raises StartError when it cannot start."""

    def __init__(self, roles: Sequence[str], *, with_demo_host: bool) -> None:
        self._roles = tuple(roles) or ROLES
        self._is_whole = not roles
        self._with_demo_host = with_demo_host
        self._environment = Environment()
        self._signals = Signals()
        # In the order of their start; they stop in groups, the other way round.
        self._groups: list[list[Process]] = []
        self._children_lock = -1
        self._listener: socket.socket | None = None
        self._ready_file: Path | None = None

    def run(self) -> None:
        try:
            self._check()
            password = self._prepare()
            self._start_programs()
            self._announce(password)
            self._watch()
        except StopRequestedError:
            pass
        finally:
            self._stop()

    def _check(self) -> None:
        # A port that is chosen here has to be known before the settings are read: addresses are made from it.
        if "web" in self._roles:
            bind, port = self._environment.text("BASTION_BIND"), self._environment.number("BASTION_PORT", 0, 65535)
            self._listener = preflight.open_port(bind, port)
            os.environ["BASTION_PORT"] = str(self._listener.getsockname()[1])
        preflight.check_data_directory(settings.DATA_DIR)
        if "web" in self._roles:
            preflight.check_frontend(settings.FRONTEND_DIST)
        # Several machines may share the data directory, each with its own part of the work.
        name = "supervisor" if self._is_whole else "-".join((*self._roles, settings.NODE))
        preflight.claim(settings.RUN_DIR, name)
        if ready_file := self._environment.text("BASTION_READY_FILE"):
            # Left by a supervisor that was killed, it would promise too much.
            self._ready_file = preflight.clear_file(Path(ready_file).expanduser().absolute())
        self._children_lock = preflight.await_remains(settings.RUN_DIR, name, say)

    def _prepare(self) -> str:
        """Bring up what the others need. Return the first administrator's password if one was made."""
        if not self._is_whole:
            return ""
        if settings.IS_REDIS_EMBEDDED:
            self._start_valkey()
        say("Preparing the database …")
        arguments = ["--demo-host"] if self._with_demo_host else []
        command = [sys.executable, str(BASE_DIRECTORY / "manage.py"), "prepare", *arguments]
        prepared = run_to_end(Program("preparation", command, pass_fds=(self._children_lock,)))
        self._stop_if_asked()
        if prepared.returncode:
            raise StartError(
                f"The database could not be prepared (ended with {describe(prepared.returncode)}); see the lines above."
            )
        return prepared.stdout.strip()

    def _start_valkey(self) -> None:
        unix_socket = Path(settings.REDIS_URL.removeprefix("unix://"))
        directory = settings.DATA_DIR / "valkey"
        directory.mkdir(mode=0o700, exist_ok=True)
        try:
            embedded_valkey.make_private(unix_socket.parent)
            embedded_valkey.discard_kept(directory)
            command = embedded_valkey.command(unix_socket, directory)
        except (embedded_valkey.PrivateDirectoryError, embedded_valkey.ValkeyBinaryNotFoundError, OSError) as error:
            raise StartError(f"The embedded Valkey cannot run: {error}. Or set REDIS_URL.") from error
        self._start([Program("embedded Valkey", command, pass_fds=(self._children_lock,))])
        log = directory / embedded_valkey.LOG_NAME
        self._await(lambda: embedded_valkey.answers(unix_socket), VALKEY_SECONDS, "The embedded Valkey", str(log))

    def _start_programs(self) -> None:
        programs = {"worker": self._worker, "beat": self._beat, "web": self._web}
        if plan := demo_host.read_plan() if self._with_demo_host and self._is_whole else None:
            # Recordings end before the host that they come from does.
            self._start([demo_host.program(plan)])
        for role in (role for role in programs if role in self._roles):
            self._start(programs[role]())

    def _web(self) -> list[Program]:
        count = self._environment.number("BASTION_WEB_PROCESSES", 1, 64)
        assert self._listener is not None
        environment = dict(os.environ)
        if count > 1:
            environment["PROMETHEUS_MULTIPROC_DIR"] = str(self._empty_metrics_directory())
        descriptor = self._listener.fileno()
        return [
            Program(
                name="web process" if count == 1 else f"web process {n}",
                command=[sys.executable, "-m", "bastion.web", "--fd", str(descriptor)],
                stop_seconds=settings.DRAIN_SECONDS + SHUTDOWN_SECONDS + 10,
                urgent_signal=signal.SIGUSR1,
                pass_fds=(descriptor, self._children_lock),
                environment=environment,
            )
            for n in range(1, count + 1)
        ]

    def _worker(self) -> list[Program]:
        count = self._environment.number("BASTION_WORKER_PROCESSES", 1, 64)
        return [self._celery("worker", "worker", "--concurrency", str(count), "--without-gossip", "--without-mingle")]

    def _beat(self) -> list[Program]:
        schedule = settings.RUN_DIR / f"beat-{settings.NODE}"
        return [self._celery("scheduler", "beat", "--schedule", str(schedule), "--pidfile", "")]

    def _celery(self, name: str, *arguments: str) -> Program:
        # Celery reports every job at "info": four lines a minute about nothing.
        level = "debug" if self._environment.text("BASTION_LOG_LEVEL") == "debug" else "warning"
        return Program(
            name=name,
            command=[sys.executable, "-m", "celery", "--quiet", "-A", "celery_app", *arguments, "--loglevel", level],
            pass_fds=(self._children_lock,),
        )

    def _empty_metrics_directory(self) -> Path:
        directory: Path = settings.RUN_DIR / "metrics"
        directory.mkdir(mode=0o700, exist_ok=True)
        for left_over in directory.glob("*.db"):
            left_over.unlink()
        return directory

    def _start(self, programs: Sequence[Program]) -> None:
        group = [Process(program, say) for program in programs]
        self._groups.append(group)
        for process in group:
            try:
                process.start()
            except OSError as error:
                raise StartError(f"The {process.program.name} cannot be started: {error}.") from error

    def _await(self, is_up: Callable[[], bool], seconds: float, what: str, where: str = "the lines above") -> None:
        """Wait until something is up. Raises StartError when it takes too long, or when a process ends meanwhile."""
        deadline = time.monotonic() + seconds
        while not is_up():
            self._stop_if_asked()
            for process in self._processes():
                status = process.exit_status()
                if status is not None and not process.program.is_optional:
                    raise StartError(
                        f"The {process.program.name} ended with {describe(status)} while starting; see {where}."
                    )
            if time.monotonic() > deadline:
                raise StartError(f"{what} did not come up within {seconds:.0f} s; see {where}.")
            self._signals.wait(0.1)

    def _stop_if_asked(self) -> None:
        if self._signals.stop_requested_at is not None:
            raise StopRequestedError

    def _processes(self) -> list[Process]:
        return [process for group in self._groups for process in group]

    def _announce(self, password: str) -> None:
        if "web" in self._roles:
            self._await(self._is_ready, READY_SECONDS, "The web server")
            say(f"\n  Bastion is ready at {settings.PUBLIC_URL}")
        else:
            say(f"Running: {', '.join(self._roles)}.")
        if password:
            say(f"  Sign in as admin with the password {password}")
            say("  It is shown only this once; change it under Settings.")
        if probe.WILDCARDS.get(settings.BIND) and not self._environment.text("BASTION_PUBLIC_URL"):
            say("  Set BASTION_PUBLIC_URL to the address that people type: requests by any other name are refused.")
        if self._is_whole:
            say("  Ctrl-C stops it.\n")
        self._write_ready_file()

    def _is_ready(self) -> bool:
        try:
            return probe.status_of("/readyz")[0] == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False

    def _write_ready_file(self) -> None:
        if self._ready_file is None:
            return
        draft = self._ready_file.with_name(f".{self._ready_file.name}.{os.getpid()}")
        draft.write_text(json.dumps({"url": settings.PUBLIC_URL, "pid": os.getpid()}))
        draft.replace(self._ready_file)

    def _watch(self) -> None:
        while self._signals.stop_requested_at is None:
            for process in self._processes():
                try:
                    ended = process.tend()
                except OSError as error:
                    raise StartError(f"The {process.program.name} cannot be started again: {error}.") from error
                directory = process.program.environment.get("PROMETHEUS_MULTIPROC_DIR")
                if ended and directory:
                    # Its sessions are over: its gauges must not count for ever.
                    multiprocess.mark_process_dead(ended, directory)  # type: ignore[no-untyped-call]
            self._signals.wait(1.0)

    def _stop(self) -> None:
        if self._ready_file:
            self._ready_file.unlink(missing_ok=True)
        if self._groups:
            say("Stopping …")
        for group in reversed(self._groups):
            stop(group, say, haste=lambda: self._signals.haste)
        if self._groups:
            say("Stopped.")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bastion.supervisor", description="Starts and watches Bastion.")
    parser.add_argument("roles", nargs="*", metavar="ROLE", help=f"of {', '.join(ROLES)}; none: everything")
    parser.add_argument(
        "--demo-host", action="store_true", help="offer this machine as a host, while bound to loopback"
    )
    options = parser.parse_args(arguments)
    if wrong := set(options.roles) - set(ROLES):
        parser.error(f"role: expected one of {', '.join(ROLES)}, got {', '.join(sorted(wrong))}")
    load_dotenv(BASE_DIRECTORY / ".env")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bastion.settings")
    try:
        Supervisor(options.roles, with_demo_host=options.demo_host).run()
    except (StartError, SettingError, ImproperlyConfigured) as error:
        return refuse(str(error))
    except OSError as error:
        return refuse(f"{error.filename or 'The system'}: {error.strerror}.")
    return 0


def refuse(reason: str) -> int:
    print(f"Bastion did not start. {reason}", file=sys.stderr, flush=True)  # noqa: T201 - see say
    return 1


if __name__ == "__main__":
    sys.exit(main())
