"""The commands that real shells ran are told from what was on their screens, with and without the keys."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from audit.asciicast import Header
from audit.events import Input
from audit.indexing.extraction import extract
from tests.peers import are_required, find_program, require_program
from tests.shells import COLS, CTRL_L, CTRL_R, ESCAPE, LEFT, ROWS, TAB, UP, Shell

LONG = "echo " + " ".join(f"word{number}" for number in range(16))
ZSHRC = "PROMPT='%n@box %~ %# '\nRPROMPT='%D{%H:%M:%S}'\nunsetopt beep\nautoload -U compinit\ncompinit -u -D\n"


@dataclass
class Script:
    """Types at a shell and keeps the list of what is really run."""

    shell: Shell
    ran: list[str] = field(default_factory=list)

    def run(self, command: str, *keys: str, then: str = "") -> None:
        """Run a command, typed as it is or by other `keys`."""
        self.shell.run(*(keys or [command]), then=then)
        self.ran.append(command)


def start(name: str, home: Path) -> Shell:
    match name:
        case "bash":
            return Shell(["bash", "--norc", "--noprofile", "-i"], home, "$ ", {"PS1": r"me@box:\w$ "})
        case "bash without bracketed paste":
            (home / "rc").write_text("PS1='\\n[\\t] \\w\\n-> '\nbind 'set enable-bracketed-paste off'\n")
            return Shell(["bash", "--noprofile", "--rcfile", "rc", "-i"], home, "-> ")
        case "zsh":
            (home / ".zshrc").write_text(ZSHRC)
            return Shell(["zsh", "-d", "-i"], home, "@box ~")
        case "fish":
            return Shell(["fish", "-i"], home, "~", {"fish_greeting": ""})
        case _:
            return Shell(["dash", "-i"], home, "box$ ", {"PS1": "box$ "})


def plain_commands(script: Script) -> None:
    script.run("printf 'no newline'")
    script.run("pwd")
    script.run("echo 中文 測試 🎉")
    script.run(LONG)


def give_up_lines(script: Script) -> None:
    script.shell.press("echo never run")
    script.shell.interrupt()
    script.shell.run("")
    # Ctrl-C before the program runs would reach nobody.
    script.run("sh -c 'echo $((40 + 2)); sleep 30'", then="42\r\n")
    script.shell.interrupt()


def ask_for_secrets(script: Script) -> None:
    """A hidden answer is no command, nor is an answer that was echoed."""
    script.run("printf 'Name: '; read name; stty -echo; printf 'Code: '; read code; stty echo", then="Name: ")
    script.shell.run("somebody", then="Code: ")
    script.shell.run("hidden")


def is_expected(program: str) -> bool:
    """Whether a part of a test can be played. Where peers are required, a missing program fails the test."""
    return find_program(program) is not None or (are_required() and bool(require_program(program)))


def full_screen_programs(script: Script) -> None:
    if is_expected("vim"):
        script.run("vim -u NONE notes.txt", then="notes.txt")
        script.shell.press("ihello there")
        script.shell.press(ESCAPE)
        script.shell.run(":wq", then="?1049l")
        script.shell.settle()
    if is_expected("less"):
        script.run("less notes.txt", then="?1049h")
        script.shell.press("q")
        script.shell.settle()


def line_editing(script: Script) -> None:
    script.run("echo world", "echo wrld", LEFT, LEFT, LEFT, "o")
    script.run("echo world", UP)
    script.run("touch file_one other")
    script.run("ls file_one", "ls file_", TAB)
    script.run("echo cleared", "echo cle", CTRL_L, "ared")


def completion_list(script: Script) -> None:
    script.run("touch file_two")
    script.run("ls file_two", "ls file_", TAB, TAB, "t", TAB)


def history_search(script: Script) -> None:
    script.run("touch file_one other", CTRL_R, "one o")


def several_lines(script: Script) -> None:
    shell = script.shell
    shell.run("for i in 1 2; do", then="> ")
    shell.run("echo n$i", then="> ")
    shell.run("done")
    script.ran.append("for i in 1 2; do\necho n$i\ndone")
    shell.run("cat <<EOF", then="> ")
    shell.run("line one", then="> ")
    shell.run("EOF")
    script.ran.append("cat <<EOF\nline one\nEOF")


def several_lines_in_fish(script: Script) -> None:
    script.shell.press("for i in 1 2\r")
    script.shell.press("echo n$i\r")
    script.shell.run("end")
    script.ran.append("for i in 1 2\necho n$i\nend")


def type_ahead(script: Script) -> None:
    script.shell.press_ahead("sleep 0.5\r")
    script.shell.run("echo ahead", then="ahead\r\n")
    time.sleep(0.6)
    script.shell.settle()
    script.ran += ["sleep 0.5", "echo ahead"]


def other_prompts(script: Script) -> None:
    script.run("PS1='inner$ ' dash" if script.shell.argv[0] != "fish" else "env PS1='inner$ ' dash", then="inner$ ")
    script.run("echo in dash", then="inner$ ")
    script.run("exit")
    script.run("python3 -q", then=">>> ")
    script.shell.run("1+1", then=">>> ")
    script.shell.run("quit()")
    script.run("echo last")


SHELLS: dict[str, list[Callable[[Script], None]]] = {
    "bash": [
        *(plain_commands, give_up_lines, ask_for_secrets, full_screen_programs, line_editing, completion_list),
        *(history_search, several_lines, type_ahead, other_prompts),
    ],
    "bash without bracketed paste": [
        *(plain_commands, give_up_lines, line_editing, completion_list, history_search, several_lines, other_prompts),
    ],
    "zsh": [
        *(plain_commands, give_up_lines, ask_for_secrets, full_screen_programs, line_editing, history_search),
        *(several_lines, other_prompts),
    ],
    "fish": [plain_commands, give_up_lines, full_screen_programs, line_editing, several_lines_in_fish, other_prompts],
    "dash": [plain_commands, give_up_lines, ask_for_secrets, full_screen_programs, several_lines, other_prompts],
}


def f1_of(ran: list[str], found: list[str]) -> tuple[float, str]:
    """Return the F1 of what was found, in order, and what went wrong."""
    truth, got = [" ".join(text.split()) for text in ran], [" ".join(text.split()) for text in found]
    lengths = [[0] * (len(got) + 1) for _ in range(len(truth) + 1)]
    for i, wanted in enumerate(truth):
        for j, text in enumerate(got):
            lengths[i + 1][j + 1] = lengths[i][j] + 1 if wanted == text else max(lengths[i][j + 1], lengths[i + 1][j])
    missing, extra = [text for text in truth if text not in got], [text for text in got if text not in truth]
    return 2 * lengths[-1][-1] / (len(truth) + len(got)), f"missing {missing}, extra {extra}"


@pytest.mark.parametrize("name", SHELLS)
def test_commands_of_a_real_shell_are_told(name: str, tmp_path: Path) -> None:
    require_program(name.split(maxsplit=1)[0])
    script = Script(start(name, tmp_path))
    try:
        for part in SHELLS[name]:
            part(script)
    finally:
        events = script.shell.close()
    header = Header(cols=COLS, rows=ROWS)
    with_keys = extract(header, events)
    f1, wrong = f1_of(script.ran, [found.command for found in with_keys.commands])
    assert with_keys.overall == "learned"
    assert f1 >= 0.97, wrong
    without_keys = extract(header, [event for event in events if not isinstance(event, Input)])
    f1, wrong = f1_of(script.ran, [found.command for found in without_keys.commands])
    assert f1 >= 0.93, wrong
