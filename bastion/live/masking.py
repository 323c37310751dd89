"""What may be kept of the input: what the terminal showed back, and of the rest only how much there was."""

from __future__ import annotations

import codecs
import re

from audit.events import Event, HiddenInput, Input
from hosts.models import InputPolicy

# Typed characters that did not come back as output within this time were not echoed. Longer than the way to most
# hosts and back, shorter than a person's pause before the Enter that ends a password.
ECHO_SECONDS = 0.5
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_=>])")
# A cursor line that asks for a secret: what is typed there is not kept even where the host echoes it.
_SECRET_PROMPT = re.compile(
    r"(?:pass(?:word|phrase|code)|\bPIN\b|one-time|OTP|verification code|contrase\S+|passwort|mot de passe"
    r"|密码|口令|驗證碼|验证码)"
    r"[^\r\n]{0,80}[:：?>]\s*$",
    re.IGNORECASE,
)
_LINE_KEPT = 400


class InputKeeper:
    """Turns typed bytes into events under a host's policy. `typed` and `shown` are told in the order of time."""

    def __init__(self, policy: InputPolicy) -> None:
        self._policy = policy
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        # Typed, and not yet known to be echoed: (text, time).
        self._waiting: list[tuple[str, float]] = []
        self._is_secret_line = False
        self._cursor_line = ""

    @property
    def is_waiting(self) -> bool:
        return bool(self._waiting)

    def typed(self, data: bytes, t: float) -> list[Event]:
        """Take what was typed at `t` and return what is certain."""
        text = self._decode(data)
        if self._policy == InputPolicy.OFF or not text:
            return []
        if self._policy == InputPolicy.FULL:
            return [Input(t, text)]
        if not self._waiting:
            self._is_secret_line = bool(_SECRET_PROMPT.search(self._cursor_line))
        self._waiting += [(char, t) for char in _keys(text)]
        return self._settle(t)

    def shown(self, text: str, t: float) -> list[Event]:
        """Take output of `t`: what it repeats of the waiting input was echoed."""
        if self._policy != InputPolicy.MASKED:
            return []
        plain = _ESCAPES.sub("", text)
        self._follow_cursor_line(plain)
        if not self._waiting:
            return []
        echoed = 0 if self._is_secret_line else max(self._count_repeated(plain), self._count_on_line(plain))
        return [*self._release(echoed, t), *self._settle(t)]

    def settle(self, t: float) -> list[Event]:
        """Return what waited too long for its echo as a count."""
        return self._settle(t)

    def flush(self, t: float) -> list[Event]:
        """The session ends: nothing more will be echoed."""
        return self._hide(len(self._waiting), t)

    def _count_repeated(self, plain: str) -> int:
        """Return how many of the waiting keys the output begins with; control keys among them need no echo."""
        position = count = 0
        for index, (key, _) in enumerate(self._waiting):
            if _is_control(key):
                continue
            if not plain.startswith(key, position):
                break
            position += len(key)
            count = index + 1
        return count

    def _count_on_line(self, plain: str) -> int:
        """Return how many of the waiting keys the line before the cursor ends with, where the output redrew it.

        Shells that colour what is typed go back and print the word again, so the output does not begin with the key.
        """
        if "\b" not in plain and "\r" not in plain:
            return 0
        count, typed = 0, ""
        for number, (key, _) in enumerate(self._waiting, 1):
            if not _is_control(key):
                typed += key
            if len(typed) > _LINE_KEPT:
                break
            if typed and self._cursor_line.endswith(typed):
                count = number
        return count

    def _settle(self, t: float) -> list[Event]:
        events: list[Event] = []
        while self._waiting:
            key, typed_at = self._waiting[0]
            if _is_control(key):
                events += self._release(self._count_controls(), t)
            elif t - typed_at >= ECHO_SECONDS or self._is_secret_line:
                events += self._hide(self._hideable(t), t)
            else:
                break
        return events

    def _count_controls(self) -> int:
        """Return how many control keys are at the front; one that ends a line ends the secret on it."""
        count = 0
        for key, _ in self._waiting:
            if not _is_control(key):
                break
            self._is_secret_line = self._is_secret_line and key not in "\r\n\x03\x04"
            count += 1
        return count

    def _hideable(self, t: float) -> int:
        """Return how many keys at the front, up to the next control key, were not echoed in time."""
        count = 0
        for key, typed_at in self._waiting:
            if _is_control(key) or not (self._is_secret_line or t - typed_at >= ECHO_SECONDS):
                break
            count += 1
        return count

    def _release(self, count: int, t: float) -> list[Event]:
        text = "".join(key for key, _ in self._waiting[:count])
        del self._waiting[:count]
        return [Input(t, text)] if text else []

    def _hide(self, count: int, t: float) -> list[Event]:
        del self._waiting[:count]
        return [HiddenInput(t, count)] if count else []

    def _follow_cursor_line(self, plain: str) -> None:
        line = self._cursor_line
        for part in re.findall(r"[\r\n\b]|[^\r\n\b]+", plain[-_LINE_KEPT:]):
            if part in "\r\n":
                line = ""
            elif part == "\b":
                line = line[:-1]
            else:
                line += part
        self._cursor_line = line[-_LINE_KEPT:]


def _keys(text: str) -> list[str]:
    """Split typed text into characters and whole escape sequences (arrows, function keys, paste brackets)."""
    keys: list[str] = []
    position = 0
    for match in _ESCAPES.finditer(text):
        keys += text[position : match.start()]
        keys.append(match.group())
        position = match.end()
    return [*keys, *text[position:]]


def _is_control(key: str) -> bool:
    return key < " " or key.startswith("\x1b") or key == "\x7f"
