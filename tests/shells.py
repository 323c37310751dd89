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
UP, LEFT = "\x1b[A", "\x1b[D"
CTRL_C, CTRL_D, CTRL_L, CTRL_R, ESCAPE, TAB = "\x03", "\x04", "\x0c", "\x12", "\x1b", "\t"

# A person sees the prompt before typing; and nothing takes so long that a loaded machine would not answer.
_QUIET = 0.13
_PATIENCE = 20.0


@dataclass
class Shell:
    """A running shell whose prompt ends in `prompt`. Every method that sends keys waits for what it causes."""

    argv: list[str]
    home: Path
    prompt: str
    environment: dict[str, str] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._started = time.monotonic()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._output = ""
        pid, master = pty.fork()
        if pid == 0:
            self._become_shell()
        self._pid, self._master = pid, master
        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLS, 0, 0))
        self.wait_for(self.prompt)

    def run(self, *keys: str, then: str = "") -> None:
        """Press keys and Enter, and wait for `then`: the next prompt, if nothing else is said."""
        for number, text in enumerate(keys, 1):
            self.press(text, is_last=number == len(keys))
        self._output = ""
        self._send("\r")
        self.wait_for(then or self.prompt)

    def press(self, text: str, *, is_last: bool = False) -> None:
        """Press the keys of a text (or one special key) and see their echo; unless it is the last, think a moment."""
        for key in [text] if text.startswith(ESCAPE) else text:
            self._send(key)
            self._read(0.03)
        if not is_last:
            self.settle()

    def interrupt(self) -> None:
        """Press Ctrl-C and wait for the prompt."""
        self._output = ""
        self._send(CTRL_C)
        self.wait_for(self.prompt)

    def press_ahead(self, text: str) -> None:
        """Press the keys of a text without waiting."""
        for key in text:
            self._send(key)
            self._read(0.001)

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + _PATIENCE
        while text not in self._output:
            if not self._read(0.2) and time.monotonic() > deadline:
                raise TimeoutError(f"no {text!r} in {self._output[-300:]!r}")
        self.settle()

    def settle(self) -> None:
        while self._read(_QUIET):
            pass

    def close(self) -> list[Event]:
        """End the shell and return what was recorded."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._master)
        return self.events

    def _become_shell(self) -> None:
        os.chdir(self.home)
        base = {"PATH": os.environ["PATH"], "HOME": str(self.home), "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
        program = shutil.which(self.argv[0]) or self.argv[0]
        os.execve(program, self.argv, {**base, **self.environment})  # noqa: S606 - a shell is what is tested

    def _now(self) -> float:
        return round(time.monotonic() - self._started, 6)

    def _send(self, key: str) -> None:
        self.events.append(Input(self._now(), key))
        os.write(self._master, key.encode())

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
            self._output += text
            self.events.append(Output(self._now(), text))
        return bool(chunk)
