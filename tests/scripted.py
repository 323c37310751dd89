"""Recordings of somebody at a shell, written down event by event: the same every time."""

from __future__ import annotations

from audit.asciicast import Header
from audit.events import Event, HiddenInput, Input, Output, Resize
from audit.indexing.commands import Findings
from audit.indexing.extraction import extract

PROMPT = "me@box:~$ "
ON, OFF = "\x1b[?2004h", "\x1b[?2004l"


class Recording:
    """Events of somebody at a shell. A pause is a person thinking."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.t = 0.0

    def prints(self, *texts: str, pause: float = 0.5) -> Recording:
        for text in texts:
            self.events.append(Output(round(self.t, 3), text))
            self.t += 0.01
        self.t += pause
        return self

    def types(self, text: str, enter: str = "\r\n") -> Recording:
        for char in text:
            self.events.append(Output(round(self.t, 3), char))
            self.t += 0.1
        return self.prints(enter, pause=0)

    def presses(self, key: str) -> Recording:
        self.events.append(Input(round(self.t, 3), key))
        self.t += 0.01
        return self

    def enters(self, keys: str, echo: str | None = None, enter: str = "\r\n") -> Recording:
        """Type keys one by one and Enter, with the keys recorded; the terminal shows them, or `echo` instead."""
        for position, key in enumerate(keys):
            self.presses(key).prints(key if echo is None else echo[position : position + 1], pause=0.1)
        return self.presses("\r").prints(enter, pause=0)

    def resizes(self, cols: int, rows: int) -> Recording:
        self.events.append(Resize(round(self.t, 3), cols, rows))
        return self

    def without_keys(self) -> Recording:
        self.events = [event for event in self.events if not isinstance(event, Input | HiddenInput)]
        return self

    def found(self, cols: int = 80, rows: int = 24) -> Findings:
        return extract(Header(cols=cols, rows=rows), self.events)

    def commands(self, cols: int = 80) -> list[str]:
        return [found.command for found in self.found(cols).commands]


def at_prompt(*commands: str, prompt: str = PROMPT) -> Recording:
    recording = Recording()
    for command in commands:
        recording.prints(prompt).types(command)
    return recording.prints(prompt)
