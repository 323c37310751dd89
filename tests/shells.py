"""Real shells in a real pty, driven by scripted keys, as events: what a recording of a person's session holds."""

from __future__ import annotations

import codecs
import contextlib
import fcntl
import os
import pty
import select
import shutil
import signal
import struct
import termios
import time
from dataclasses import dataclass, field
from pathlib import Path

from audit.events import Event, Input, Output

COLS, ROWS = 80, 24
# A person sees the prompt before typing: silence that ends a wait.
_QUIET = 0.16


@dataclass
class Shell:
    """A running shell. `type` and `press` send keys one by one, `settle` waits until it is quiet."""

    argv: list[str]
    home: Path
    environment: dict[str, str] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._started = time.monotonic()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        pid, master = pty.fork()
        if pid == 0:
            self._become_shell()
        self._pid, self._master = pid, master
        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLS, 0, 0))
        self.settle(first=5.0)

    def type(self, text: str) -> Shell:
        """Type text as a person does, key by key, then Enter."""
        return self.press(*text).press("\r").settle()

    def press(self, *keys: str) -> Shell:
        for key in keys:
            self.events.append(Input(self._now(), key))
            os.write(self._master, key.encode())
            self._read(0.02)
        return self

    def settle(self, first: float = 1.0) -> Shell:
        """Wait until something came and then nothing more for a moment."""
        if self._read(first):
            while self._read(_QUIET):
                pass
        return self

    def close(self) -> list[Event]:
        """End the shell and return what was recorded."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._master)
        return self.events

    def _become_shell(self) -> None:
        os.chdir(self.home)
        kept = {name: os.environ[name] for name in ("PATH", "LC_ALL") if name in os.environ}
        base = {"HOME": str(self.home), "TERM": "xterm-256color", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "HISTFILE": ""}
        program = shutil.which(self.argv[0]) or self.argv[0]
        os.execve(program, self.argv, {**kept, **base, **self.environment})  # noqa: S606 - a shell is what is tested

    def _now(self) -> float:
        return round(time.monotonic() - self._started, 6)

    def _read(self, timeout: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], timeout)
        if not ready:
            return False
        try:
            chunk = os.read(self._master, 65536)
        except OSError:
            return False
        text = self._decoder.decode(chunk)
        if text:
            self.events.append(Output(self._now(), text))
        return bool(chunk)
