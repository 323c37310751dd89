"""What of a command line was typed: by what was there before, and by the keys where they were recorded."""

from __future__ import annotations

import pytest

from audit.events import HiddenInput
from tests.scripted import OFF, ON, PROMPT, Recording, at_prompt

# What was there before anything was typed


def over_an_old_row(old: str, command: str) -> Recording:
    """A prompt that is printed over an old row of the main screen, which came back after the window was resized."""
    recording = Recording().prints(PROMPT).enters("id").prints(PROMPT).enters("vim")
    recording.prints(f"{old}\r\x1b[?1049h\x1b[2Jtext").presses("q").resizes(100, 30).prints(f"\x1b[?1049l{PROMPT}")
    return recording.enters(command)


@pytest.mark.parametrize("old", ["/usr/bin/env -S cat < /etc/services", "me@box:~$ ls -lc . /etc/services", "x" * 60])
@pytest.mark.parametrize("command", ["exit 0", "ls", "cat s"])
def test_an_old_text_right_of_the_prompt_was_not_typed(old: str, command: str) -> None:
    recording = over_an_old_row(old, command)
    assert recording.commands(cols=100) == ["id", "vim", command]
    assert recording.without_keys().commands(cols=100) == ["id", "vim", command]


def test_a_line_that_is_drawn_again_with_the_cursor_in_it_is_whole() -> None:
    recording = at_prompt("ls", "pwd").prints(*"echo hello", pause=0.2).prints("\x1b[5D", pause=0.2).resizes(70, 24)
    recording.prints(f"\r\x1b[K{PROMPT}echo hello\x1b[5D").prints("\r\n", pause=0)
    assert recording.commands() == ["ls", "pwd", "echo hello"]


# What the keys tell


def at_keys(prompt: str = PROMPT) -> Recording:
    """A session with its keys at its third prompt."""
    return Recording().prints(prompt).enters("ls").prints(prompt).enters("pwd").prints(prompt)


def test_a_prompt_printed_twice_in_a_row_is_a_prompt() -> None:
    recording = at_prompt("ls", "pwd", prompt="box$ ").types("echo never^C").prints("box$ box$ ").types("sleep 30")
    assert recording.commands() == ["ls", "pwd", "sleep 30"]


def test_what_is_printed_between_the_prompt_and_the_line_was_not_typed() -> None:
    recording = at_keys().prints("[1]+ Done: make ").enters("git log").prints(PROMPT)
    assert recording.commands() == ["ls", "pwd", "git log"]


def test_what_is_printed_behind_the_line_was_not_typed() -> None:
    recording = at_keys().enters("git log", enter=" --oneline\r\n").prints(PROMPT)
    assert recording.commands() == ["ls", "pwd", "git log"]


@pytest.mark.parametrize("prompt", [PROMPT, "$ "])
def test_a_key_that_a_line_editor_shows_behind_the_prompt_is_part_of_the_line(prompt: str) -> None:
    recording = Recording().presses("s").prints(f"s\r{ON}{prompt}s").enters("eq 1 20 | tail", enter=f"\r\n{OFF}\r")
    recording.prints(f"{ON}{prompt}").enters("id", enter=f"\r\n{OFF}\r").prints(f"{ON}{prompt}")
    assert recording.commands() == ["seq 1 20 | tail", "id"]
    assert recording.without_keys().commands() == ["seq 1 20 | tail", "id"]


@pytest.mark.parametrize("shown", ["se{}", "se\r\n{}"])
def test_keys_that_the_terminal_shows_before_the_prompt_are_part_of_the_line(shown: str) -> None:
    recording = at_keys("box$ ").enters("true").presses("s").prints("s", pause=0).presses("e")
    recording.prints(shown.removeprefix("s").format("box$ ")).enters("q 1 20").prints("box$ ")
    assert recording.commands() == ["ls", "pwd", "true", "seq 1 20"]


def test_a_key_shown_only_before_the_prompt_of_a_line_editor_is_part_of_the_line() -> None:
    recording = Recording().prints(f"{ON}{PROMPT}").enters("true", enter=f"\r\n{OFF}\r")
    recording.presses("s").prints("s", f"{ON}{PROMPT}").enters("eq 1 20", enter=f"\r\n{OFF}\r").prints(f"{ON}{PROMPT}")
    assert recording.commands() == ["true", "seq 1 20"]


def test_a_first_line_that_was_typed_ahead_is_whole() -> None:
    recording = Recording().presses("s").prints("s", f"\r{ON}\x1b[K{PROMPT}s")
    recording.enters("eq 1 20", enter=f"\r\n{OFF}\r").prints(f"{ON}{PROMPT}")
    assert recording.commands() == ["seq 1 20"]
    assert recording.without_keys().commands() == ["seq 1 20"]


def test_a_key_for_the_program_that_ran_is_no_part_of_the_line() -> None:
    pager = at_keys().enters("less x").prints("page\r\n:").presses("q").prints(f"\r\x1b[K{PROMPT}").enters("ls -l")
    assert pager.prints(PROMPT).commands() == ["ls", "pwd", "less x", "ls -l"]
    question = at_keys().enters("ask").prints("Continue? ").presses("y").prints("y\r\n", PROMPT).enters("ls -l")
    assert question.prints(PROMPT).commands() == ["ls", "pwd", "ask", "ls -l"]


@pytest.mark.parametrize("key", ["\x7f", "\t", "\x1b[A", "\x15", "\x12"])
def test_keys_that_edit_leave_the_line_to_the_screen(key: str) -> None:
    recording = at_keys().presses(key).prints("git ", pause=0.2).enters("log -p")
    assert recording.prints(PROMPT).commands() == ["ls", "pwd", "git log -p"]


def test_a_hidden_input_leaves_the_line_to_the_screen() -> None:
    recording = at_keys()
    recording.events.append(HiddenInput(recording.t, 3))
    recording.prints("git ", pause=0.2).enters("log -p").prints(PROMPT)
    assert recording.commands() == ["ls", "pwd", "git log -p"]


def test_a_line_that_the_shell_put_there_is_whole() -> None:
    recording = at_keys().enters("!!").prints(f"{PROMPT}git log").enters(" -p now").prints(PROMPT)
    assert recording.commands()[-1] == "git log -p now"


@pytest.mark.parametrize(("typed", "ran"), [("g", "git"), ("l", "ls -l"), ("echo (a", "echo (a)")])
def test_what_a_line_editor_writes_out_is_run(typed: str, ran: str) -> None:
    recording = at_keys().enters(typed, enter=f"\r\x1b[K{PROMPT}{ran}\r\n").prints(PROMPT)
    assert recording.commands() == ["ls", "pwd", ran]


def test_lines_that_go_on_are_left_to_the_screen() -> None:
    recording = at_keys().enters("cat <<E").prints("> ").enters("one two", echo="one three"[:7])
    recording.prints("> ").enters("E").prints(PROMPT)
    assert recording.commands() == ["ls", "pwd", "cat <<E\none thr\nE"]
