"""As much of the shells' grammar as is needed to tell whether a command is complete, and what it starts."""

from __future__ import annotations

import re
from typing import Final

_HEREDOC: Final = re.compile(r"<<-?\s*(?P<quote>['\"]?)(?P<word>[^\s'\"<>|&;()]+)(?P=quote)")
# Of a longer command it is taken for granted that a continuation line belongs to it.
_LONGEST: Final = 8192
_GOES_ON: Final = re.compile(r"(?:\\|\||&&)\s*$")
# Programs that give a shell of their own, on this machine or on another.
_LAUNCHERS: Final = frozenset(
    """
    ssh mosh telnet rlogin autossh sshpass tsh teleport gcloud aws az heroku fly ssm adb virsh minicom picocom expect
    su sudo doas pkexec login runuser newgrp sg machinectl systemd-nspawn nsenter unshare chroot exec env
    bash zsh fish sh dash ksh ash csh tcsh rbash pwsh nu xonsh elvish busybox
    docker podman nerdctl kubectl oc crictl k9s lxc lxc-attach incus vagrant multipass distrobox toolbox wsl
    script asciinema tmux screen zellij make nix nix-shell guix conda poetry pipenv workon direnv
    source . cd pushd popd activate deactivate export set unset clear reset
    """.split()  # noqa: SIM905 - a list of words reads best as words
)
_KEYWORD: Final = re.compile(r"(?:^|(?<=[\s;&|(]))(?:for|while|until|if|case|select|done|fi|esac|[{}])(?=[\s;&|)]|$)")


def is_incomplete(command: str) -> bool:
    """Whether a shell would ask for another line: an open quote, here document, block, pipe or a trailing backslash."""
    if len(command) > _LONGEST or _open_heredoc(command):
        return True
    stripped, is_open = _without_quoted(command)
    if is_open:
        return True
    stripped = re.sub(r"(?:^|\s)#.*", " ", stripped)
    return bool(_GOES_ON.search(stripped)) or _has_open_block(stripped)


def starts_shell(command: str) -> bool:
    """Whether what runs may show a prompt of another kind, because it is a shell or changes the shell's prompt."""
    for word in re.split(r"[\s;&|()]+", command.strip()):
        if not word or re.match(r"^(?!PS1)\w+=", word):
            continue
        return word.rsplit("/", 1)[-1] in _LAUNCHERS or word.startswith("PS1")
    return False


def _open_heredoc(command: str) -> bool:
    lines = command.split("\n")
    for number, line in enumerate(lines):
        for match in _HEREDOC.finditer(line):
            if match["word"] not in (later.strip() for later in lines[number + 1 :]) and "<<<" not in line:
                return True
    return False


def _without_quoted(command: str) -> tuple[str, bool]:
    """Return the command without what is quoted, and whether a quote is still open."""
    kept: list[str] = []
    quote, position = "", 0
    while position < len(command):
        char = command[position]
        if char == "\\" and quote != "'":
            kept.append(char if position + 1 >= len(command) or command[position + 1] == "\n" else " ")
            position += 2
            continue
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"`":
            quote = char
        elif char == "#" and (position == 0 or command[position - 1].isspace()):
            end_of_line = command.find("\n", position)
            position = end_of_line if end_of_line >= 0 else len(command)
            continue
        else:
            kept.append(char)
        position += 1
    return "".join(kept), bool(quote)


def _has_open_block(command: str) -> bool:
    if command.count("(") > command.count(")"):
        return True
    words = _KEYWORD.findall(command)
    opened = sum(word in {"for", "while", "until", "if", "case", "select", "{"} for word in words)
    closed = sum(word in {"done", "fi", "esac", "}"} for word in words)
    return opened > closed
