"""Which resting places of the cursor are a shell's prompt: learned from the recording itself."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from audit.indexing.observations import Observation, Rest, Submission

# What one rest says for its text being a prompt, by how it came about.
_WEIGHTS: Final[Mapping[str, float]] = {"mark": 10.0, "paste": 3.0, "key": 1.5, "quiet": 1.0}
# Text that streams in small pieces looks like this too, however often.
_ECHOED: Final = 1.0
_LOOKS_LIKE_PROMPT: Final = 2.0
_IS_FIRST: Final = 2.0
_WAS_TYPED_AT: Final = 0.5
_AFTER_LAUNCHER: Final = 2.0
ENOUGH: Final = 4.0
# A prompt of so many characters is known also where it does not begin the row.
TELLING: Final = 4
# Longer texts are no prompts; looking at them closely would only take time.
_LONGEST: Final = 200

_ENDS: Final = "$#%>❯❱›»⟩➤➜→⇒▶►λ𝝺✗✘✔⚡♥●○◆Δ∴\ue0b0\ue0b1\ue0b4\ue0bc\ue0c6"
# After these, a text does not end as prompts do.
_NO_ENDS: Final = frozenset(string.ascii_letters + string.digits + string.punctuation) - frozenset(_ENDS)
# A shell's colour sequences are shorter than this.
_LONGEST_CONTROL: Final = 64
_END: Final = re.compile(rf"[{re.escape(_ENDS)}] ")
# A prompt of several parts has as many ends, and one of them is the real one.
_MOST_ENDS: Final = 8
_ENDS_LIKE_PROMPT: Final = re.compile(rf"(?:^|.)[{re.escape(_ENDS)}] ?$|^[➜❯→λ»] .* $")
_IS_QUESTION: Final = re.compile(r"(?:[?:：？]|\]|\))\s*$|\.\.\.\s*$|password", re.IGNORECASE)

# Prompts of programs that read commands but are not shells.
_INNER: Final = re.compile(
    r"""^\s*(?:
        >>>|\.\.\.|>>|\?>                                                # Python, Ruby's pry, PHP
      | (?:In|Out)\s*\[\d+\]:                                            # IPython
      | \((?:gdb|lldb|pdb|Pdb\+*|ipdb|rdb[^)]*|dlv|udb|cmd|jdb|debugger)\)
      | (?:i?pdb|irb|pry|julia|ghci|Prelude.*|scala|jshell|mysql|mariadb|sqlite|ftp|sftp|lftp|telnet|redis|hive|cqlsh
         |cqlsh:\w+|spark-sql|grub|grub\ rescue|ncftp|nslookup|octave:\d+|php|bc|sbt:.*|mongo|test|admin|swipl|erl|lua
         |debugfs|parted|bluetoothctl|\[bluetooth\].*|nmcli|virsh|minicom|DISKPART|SQL|ldb|node|deno|tclsh|read|rails.*
         |iex\(\d+\)|irb\(.*\).*|\[\d+\]\ pry\(.*\)|MariaDB\ \[.*\]|mysql\ .*|smb:\ .*|127\.0\.0\.1:\d+.*
         |(?:\d+\.){3}\d+:\d+(?:\[\d+\])?|localhost:\d+|not\ connected|\d+)\s?[>#]\s*$
      | [\w.-]+[=\-*('"!^]+[>#]\s*$                                      # psql
      | \d+\s\?-\s*$ | \|\s?\?-\s*$ | \?-\s*$
    )""",
    re.VERBOSE,
)
_CONTINUATION: Final = re.compile(
    r"^(?:> ?|(?:(?:quote|[db]quote|heredocd?|for|foreach|while|until|if|then|else|elif|elif-then|case|select|repeat"
    r"|function|subsh|cursh|cmdsubst|cmdand|cmdor|pipe|errpipe|math|mathsubst|braceparam|array|cond|always) ?)+> ?"
    r"|\s*[.·∙…]+ ?)$"
)


def looks_like_prompt(before: str) -> bool:
    """Whether a text ends as prompts do."""
    return _ENDS_LIKE_PROMPT.search(before) is not None


def may_end_prompt(text: str) -> bool:
    """Whether the cursor may stand behind a prompt after this output; cheap, and certain only where it says no."""
    return text[-1:] not in _NO_ENDS or "\x1b" in text[-_LONGEST_CONTROL:]


def is_doubtful(before: str) -> bool:
    """Whether a text may be a prompt, but as well that of a program which is no shell."""
    return before.rstrip().endswith(">") or not looks_like_prompt(before)


def is_continuation(before: str) -> bool:
    """Whether a text is what shells print when a command goes on in the next line."""
    return _CONTINUATION.match(before) is not None


def style_of(before: str) -> str:
    """Return what stays the same of a prompt when directories, branches, times and counters in it change."""
    text = before[-_LONGEST:]
    text = re.sub(r"^\s*(?:\([\w .:/-]+\) ?)+", "", text)  # (venv)
    text = re.sub(r"\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\}", "()", text)
    text = re.sub(r"[\w.+-]+@[\w.-]+", "user@host", text)
    text = re.sub(r"(?:~|/|\.\./|…)[^\s:>$#%\])]*|\S+/\S*[^\s:>$#%]", "path", text)
    text = re.sub(r"\d+(?:[.,]\d+)*", "0", text)
    if looks_like_prompt(text):
        text = re.sub(r"[^\W\d_]\w*[*+!?]*", "w", text)
        text = re.sub(r"w(?:[\s.:|-]*w)+", "w", text)
    return re.sub(r"\s+", " ", text)


@dataclass
class _Evidence:
    """All that was seen of one style."""

    score: float = 0.0
    is_asked_for: bool = False
    is_only_echoed: bool = True
    was_typed_at: bool = False
    texts: set[str] = field(default_factory=set)

    def add(self, rest: Rest) -> None:
        if not self.texts:
            self.score += _LOOKS_LIKE_PROMPT * looks_like_prompt(rest.before) + _ECHOED * (rest.how == "echo")
        self.score += _WEIGHTS.get(rest.how, 0.0)
        self.is_asked_for |= rest.how in {"paste", "mark"}
        self.is_only_echoed &= rest.how == "echo"
        self.texts.add(rest.before)


@dataclass(frozen=True)
class Prompts:
    """The prompts of a recording: their styles with how sure they are, and the texts that they were seen as."""

    styles: Mapping[str, float]
    texts: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.styles)

    def length_in(self, line: str) -> int | None:
        """Return how many characters of `line` are prompt, or nothing if it does not begin with one."""
        for text in self.texts:
            if line.startswith(text) or line == text.rstrip():
                return len(text)
        for match in islice(_END.finditer(line[:_LONGEST]), _MOST_ENDS):
            if style_of(line[: match.end()]) in self.styles:
                return match.end()
        return None

    def length_at(self, rest: Rest) -> int | None:
        """Return how many characters before the cursor are a prompt and what an unfinished line left before it.

        A shell that reads an Enter pressed ahead of its prompt prints the prompt twice in a row.
        """
        if any(len(text) and rest.before == text * (len(rest.before) // len(text)) for text in self.texts):
            return len(rest.before)
        length = self.length_in(rest.before)
        if length is not None:
            return length
        if len(rest.before) > _LONGEST or _INNER.match(rest.before):
            return None
        for text in self.texts:
            is_telling = len(text.strip()) >= TELLING or rest.how in {"key", "paste"}
            if is_telling and rest.before.endswith(text) and rest.before[-len(text) - 1] != text[0]:
                return len(rest.before)
        return None

    def is_prompt(self, rest: Rest) -> bool:
        """Whether the cursor rested behind a prompt, with or without a text that was already put there."""
        return self.length_at(rest) is not None


def learn(observations: Iterable[Observation], believed: Iterable[Rest] = (), doubted: Iterable[Rest] = ()) -> Prompts:
    """Tell the prompts of a recording.

    `believed` are rests that deserve extra belief, as those after `ssh`; `doubted` are such as appeared while a
    program ran that is no shell.
    """
    evidence = _gather(observations)
    for rest in believed:
        evidence.setdefault(style_of(rest.before), _Evidence()).score += _AFTER_LAUNCHER
    refused = {style_of(rest.before) for rest in doubted}
    scores = {
        style: found.score
        for style, found in evidence.items()
        if _may_be(style, found) and (style not in refused or found.is_asked_for)
    }
    return _accepted(scores, evidence)


def guess(observations: Iterable[Observation]) -> Prompts:
    """Tell the most likely prompts where none could be learned: what was typed at and looks like one.

    If nothing looks like one, it is the first place of all where somebody typed.
    """
    evidence = _gather(observations)
    possible = {
        style: found
        for style, found in evidence.items()
        if not any(len(text) > _LONGEST or _INNER.match(text) for text in found.texts)
    }
    likely = {s: f for s, f in possible.items() if any(looks_like_prompt(text) for text in f.texts)}
    if not likely:
        typed_at = [style for style, found in possible.items() if found.was_typed_at]
        likely = {style: possible[style] for style in typed_at[:1] if style.endswith(" ")}
    return _accepted({style: found.score + ENOUGH for style, found in likely.items()}, evidence)


def _gather(observations: Iterable[Observation]) -> dict[str, _Evidence]:
    evidence: dict[str, _Evidence] = {}
    rest: Rest | None = None
    last: Submission | None = None
    for observation in observations:
        if isinstance(observation, Rest):
            rest = observation
            if last is not None and rest.row == last.row + 1 and is_continuation(rest.before):
                continue
            found = evidence.setdefault(style_of(rest.before), _Evidence())
            found.score += 0 if len(evidence) > 1 or found.texts else _IS_FIRST
            found.add(rest)
        elif isinstance(observation, Submission):
            last = observation
            found = evidence.get(style_of(rest.before), _Evidence()) if rest is not None else _Evidence()
            if observation.anchored and observation.steps and not found.is_only_echoed:
                found.score += _WAS_TYPED_AT
                found.was_typed_at = True
            rest = None
    return evidence


def _may_be(style: str, found: _Evidence) -> bool:
    texts = {text for text in found.texts if len(text) <= _LONGEST}
    if not texts or any(_INNER.match(text) for text in texts):
        return False
    if found.is_asked_for:
        return True
    if any(looks_like_prompt(text) for text in texts):
        return True
    return style.endswith(" ") and not any(_IS_QUESTION.search(text) for text in texts)


def _accepted(scores: Mapping[str, float], evidence: Mapping[str, _Evidence]) -> Prompts:
    styles: dict[str, float] = {}
    texts: set[str] = set()
    for style, score in sorted(scores.items(), key=lambda item: (-item[1], len(item[0]))):
        fresh = {text for text in evidence[style].texts if not _is_prompt_and_more(text, texts)}
        if score >= ENOUGH and fresh:
            styles[style] = score
            texts |= fresh
    likely = set(filter(looks_like_prompt, texts))
    texts = likely | {text for text in texts - likely if not _is_prompt_and_more(text, likely)}
    return Prompts(styles, tuple(sorted(texts, key=lambda text: (-len(text), text))))


def _is_prompt_and_more(text: str, prompts: set[str]) -> bool:
    """Whether a text is a prompt that something was already typed at."""
    return any(text != prompt and text.startswith(prompt) for prompt in prompts)
