"""How commands are told from a screen: marks, bracketed paste, learned prompts, and what is no command."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest

from audit.events import Event
from audit.indexing.commands import derive
from audit.indexing.observations import Observation, pack, unpack
from audit.indexing.observe import Observer
from audit.indexing.prompts import is_continuation, looks_like_prompt, style_of
from audit.indexing.screen import Screen
from audit.indexing.shell_syntax import is_incomplete, starts_shell
from tests.scripted import OFF, ON, PROMPT, Recording, at_prompt

# Prompts


@pytest.mark.parametrize(
    "prompt",
    [
        *("$ ", "# ", "% ", "> ", "❯ ", "λ ", "me@box:~$ ", "[root@box etc]# ", "bash-5.2$ ", "/ # ", "PS C:\\> "),
        *("(venv) me@box ~/src (main)* $ ", "➜  src git:(main) ✗ ", "~/src main* ❯ ", "me@box ~/src> ", " ╰─λ "),
        "box#",
    ],
)
def test_prompts_of_all_kinds_are_learned(prompt: str) -> None:
    recording = at_prompt("ls -la", "pwd", "echo hello", prompt=prompt)
    assert recording.commands() == ["ls -la", "pwd", "echo hello"]
    assert recording.found().overall == "learned"


def test_a_prompt_may_change_with_the_directory_the_branch_and_the_clock() -> None:
    recording = Recording()
    for number, (directory, command) in enumerate([("~", "cd src"), ("~/src", "git checkout x"), ("~/src (x)", "ls")]):
        recording.prints(f"[12:0{number}] me@box:{directory}$ ").types(command)
    assert recording.commands() == ["cd src", "git checkout x", "ls"]


def test_the_lower_line_of_a_prompt_is_enough() -> None:
    recording = Recording()
    for command in ("ls", "pwd", "id"):
        recording.prints("\r\n~/src on main\r\n❯ ").types(command)
    assert recording.commands() == ["ls", "pwd", "id"]


def test_a_right_prompt_is_no_part_of_the_command() -> None:
    recording = Recording()
    for second, command in enumerate(("ls", "echo 中文", "id")):
        recording.prints(f"\r~ % \x1b7\x1b[1;1H\x1b8\x1b[{40}C12:00:0{second}\r\x1b[4C").types(command)
    assert recording.commands(cols=60) == ["ls", "echo 中文", "id"]


def test_where_no_prompt_can_be_learned_the_likeliest_is_guessed() -> None:
    found = Recording().prints("Welcome\r\n", pause=0.01).prints("starting up").prints("\r\n$ ").types("ls").found()
    assert ([c.command for c in found.commands], found.overall) == (["ls"], "guessed")
    assert found.commands[0].confidence <= 0.5


def test_where_there_is_nothing_like_a_prompt_commands_are_unknown() -> None:
    found = Recording().prints("building\r\n").prints("done in 3 s\r\n").found()
    assert (found.commands, found.overall) == ((), "not_found")


def test_text_that_streams_in_small_pieces_is_no_prompt() -> None:
    recording = Recording().prints(PROMPT).types("ask-model")
    for line in ("# one", "# two", "$ three", "# four", "# five", "# six"):
        for char in f"    {line}\r\n":
            recording.prints(char, pause=0.02)
    recording.prints(PROMPT).types("exit")
    assert recording.commands() == ["ask-model", "exit"]


def test_answers_to_questions_are_no_commands() -> None:
    recording = at_prompt("ls").types("install")
    for _ in range(5):
        recording.prints("Continue? [y/n] ").types("y").prints("Password: ").prints("\r\n", pause=0)
    recording.prints(PROMPT).types("pwd")
    assert recording.commands() == ["ls", "install", "pwd"]


@pytest.mark.parametrize(
    "inner", [">>> ", "In [1]: ", "mysql> ", "(gdb) ", "sqlite> ", "postgres=# ", "Board / Card> "]
)
def test_lines_for_programs_that_are_no_shells_are_no_commands(inner: str) -> None:
    recording = at_prompt("ls", "pwd").types("program")
    for line in ("one", "two", "three"):
        recording.prints(inner).types(line)
    recording.prints(PROMPT).types("exit")
    assert recording.commands() == ["ls", "pwd", "program", "exit"]


def test_a_shell_inside_is_believed_sooner() -> None:
    recording = at_prompt("ls", "pwd").types("ssh web-1").prints("Welcome\r\nuser@web-1 ~> ").types("uptime")
    recording.prints("user@web-1 ~> ").types("exit").prints(PROMPT).types("id")
    assert recording.commands() == ["ls", "pwd", "ssh web-1", "uptime", "exit", "id"]


# Lines


def test_a_wrapped_command_is_one() -> None:
    command = "echo " + "word " * 30 + "end"
    assert at_prompt("ls", command).commands(cols=40) == ["ls", command]


def test_lines_that_go_on_are_one_command() -> None:
    recording = at_prompt("ls").types("for i in 1 2; do").prints("> ").types("echo $i").prints("> ").types("done")
    recording.prints("1\r\n2\r\n" + PROMPT).types("pwd")
    assert recording.commands() == ["ls", "for i in 1 2; do\necho $i\ndone", "pwd"]


def test_a_line_given_up_is_no_command() -> None:
    recording = at_prompt("ls").types("echo never^C").prints(PROMPT).types("grep '^C' file").prints(PROMPT)
    assert recording.commands() == ["ls", "grep '^C' file"]


def test_a_line_given_up_without_a_sign_is_told_by_the_key() -> None:
    recording = Recording()
    for command, key in (("ls", "\r"), ("never", "\x03"), ("pwd", "\r")):
        recording.prints("box% ")
        for char in command:
            recording.presses(char).prints(char, pause=0.1)
        recording.presses(key).prints("\r\n", pause=0)
    assert recording.commands() == ["ls", "pwd"]


def test_a_completion_list_is_no_run() -> None:
    recording = at_prompt("ls").types("cat no").prints("notes.txt  november\r\n", f"{PROMPT}cat no", pause=0.3)
    recording.types("tes.txt").prints(PROMPT)
    assert recording.commands() == ["ls", "cat notes.txt"]


def test_what_shells_write_at_their_end_is_no_command() -> None:
    assert at_prompt("ls", "pwd").prints("exit\r\n").commands() == ["ls", "pwd"]


def test_a_prompt_behind_an_unfinished_line_is_a_prompt() -> None:
    recording = at_prompt("ls", "pwd").types("printf abc").prints(f"abc{PROMPT}").types("id").prints(PROMPT)
    assert recording.commands() == ["ls", "pwd", "printf abc", "id"]


def test_what_is_typed_ahead_is_read_at_the_prompt() -> None:
    recording = at_prompt("ls", "sleep 1").types("make").prints("make\r\n", pause=0.4)
    recording.prints(f"{PROMPT}id\r\nme\r\n{PROMPT}").types("exit")
    assert recording.commands() == ["ls", "sleep 1", "make", "id", "exit"]


def test_full_screen_programs_have_no_commands() -> None:
    recording = at_prompt("ls", "pwd").types("vim").prints("\x1b[?1049h\x1b[2J$ ").types("not a command")
    recording.prints("\x1b[?1049l", PROMPT).types("id")
    assert recording.commands() == ["ls", "pwd", "vim", "id"]


def test_output_that_looks_like_a_prompt_needs_a_key() -> None:
    recording = Recording()
    for command in ("ls", "cat log"):
        recording.prints(PROMPT)
        for char in command:
            recording.presses(char).prints(char, pause=0.1)
        recording.presses("\r").prints("\r\n", pause=0)
    recording.prints(PROMPT).types("rm -rf /").prints(PROMPT)
    assert recording.commands() == ["ls", "cat log"]


def test_a_window_that_changes_its_size_does_not_confuse() -> None:
    recording = at_prompt("ls")
    recording.resizes(40, 10).prints(f"\r\x1b[K{PROMPT}").types("pwd").prints(PROMPT).types("id")
    assert recording.commands() == ["ls", "pwd", "id"]


# Shells that say more


def test_a_line_editor_that_switches_paste_on_and_off_is_believed() -> None:
    recording = Recording()
    for command in ("ls", "pwd"):
        recording.prints(f"{ON}weird: ").types(command, f"\r\n{OFF}\r").prints("listing\r\n", pause=0)
    found = recording.found()
    assert [c.command for c in found.commands] == ["ls", "pwd"]
    assert found.commands[0].confidence == pytest.approx(0.95)


def test_paste_switched_off_before_the_line_feed_is_as_good() -> None:
    recording = Recording()
    for command in ("ls", "pwd"):
        recording.prints(f"~ % {ON}").types(command, f"{OFF}\r\r\n")
    assert recording.commands() == ["ls", "pwd"]


def test_a_list_in_the_middle_of_a_line_is_no_submission_there() -> None:
    recording = Recording().prints(f"{ON}{PROMPT}").types("cat no", "\r\n").prints(f"notes  north\r\n{PROMPT}cat no")
    recording.types("tes", f"\r\n{OFF}\r").prints(f"{ON}{PROMPT}")
    assert recording.commands() == ["cat notes"]


def test_a_program_that_asks_on_an_unfinished_line_does_not_hide_the_prompt() -> None:
    recording = Recording()
    for command in ("ls", "read -s code"):
        recording.prints(f"{ON}{PROMPT}").types(command, f"\r\n{OFF}\r")
    recording.prints("Code: ").prints(f"{ON}{PROMPT}").types("id", f"\r\n{OFF}\r")
    assert recording.commands() == ["ls", "read -s code", "id"]


def marked(command: str, status: int) -> list[str]:
    return [f"\x1b]133;A\x07any thing \x1b]133;B\x07{command}\r\n\x1b]133;C\x07out\r\n\x1b]133;D;{status}\x07"]


def test_marks_tell_commands_and_how_they_ended() -> None:
    found = Recording().prints(*marked("true", 0), *marked("false", 1)).found()
    assert [(c.command, c.exit_status, c.source) for c in found.commands] == [
        ("true", 0, "shell-mark"),
        ("false", 1, "shell-mark"),
    ]
    assert found.overall == "marked"
    assert all(c.end_t is not None for c in found.commands)


def test_a_marked_line_that_was_given_up_is_no_command() -> None:
    recording = Recording().prints(*marked("true", 0)).prints(f"\x1b]133;A\x07% \x1b]133;B\x07{ON}")
    recording.types("never", f"{OFF}\r\r\n").prints(f"\x1b]133;A\x07% \x1b]133;B\x07{ON}").types("ls", f"{OFF}\r\r\n")
    recording.prints("\x1b]133;C\x07")
    assert recording.commands() == ["true", "ls"]


@pytest.mark.parametrize(
    "told", ["\x1b]133;C;cmdline_url=echo%20%E4%B8%AD\x07", "\x1b]633;E;echo \\x0a\\\\;nonce\x07\x1b]633;C\x07"]
)
def test_a_command_line_that_the_shell_tells_is_taken_as_it_is(told: str) -> None:
    recording = Recording().prints(f"\x1b]133;A\x07$ \x1b]133;B\x07echo x\r\n{told}")
    [command] = recording.commands()
    assert command in {"echo 中", "echo \n\\"}


# One pass, in parts


def observed(events: Iterable[Event], cut_at: frozenset[int] = frozenset()) -> list[Observation]:
    """Observe events, and at each cut go on from what was stored, as in another process."""
    observer, found = Observer(Screen(80, 24)), []
    for number, event in enumerate(events):
        if number in cut_at:
            found += observer.take()
            observer = Observer.restore(json.loads(json.dumps(observer.state())))
        observer.feed(event)
    return found + observer.take()


def test_a_pass_that_is_cut_anywhere_sees_the_same() -> None:
    recording = at_prompt("ls -la", "echo " + "word " * 30).prints(f"{ON}{PROMPT}").types("pwd", f"\r\n{OFF}\r")
    recording.prints(*marked("true", 0)).types("cat <<E").prints("> ").types("E")
    recording.prints(PROMPT).enters("git log").presses("s").prints("s", PROMPT).types("ud").resizes(70, 24)
    recording.prints(f"\r{PROMPT}sud").enters("o id").prints(PROMPT)
    whole = observed(recording.events)
    assert whole
    assert observed(recording.events, frozenset(range(len(recording.events)))) == whole


def test_observations_survive_being_stored() -> None:
    observations = observed(at_prompt("ls", "pwd").presses("\r").prints(*marked("true", 0)).events)
    stored = unpack(json.loads(json.dumps(pack(observations))))
    assert stored == observations
    assert derive(stored) == derive(observations)


# Words


@pytest.mark.parametrize(
    "command",
    [
        "echo 'a",
        'echo "a',
        "ls |",
        "ls &&",
        "echo \\",
        "for i in 1; do",
        "if x; then",
        "cat <<EOF\na",
        "f() {",
        "echo $(ls",
    ],
)
def test_a_shell_would_ask_for_more(command: str) -> None:
    assert is_incomplete(command)


@pytest.mark.parametrize(
    "command",
    [
        "ls",
        "echo 'a\nb'",
        "for i in 1; do\nls\ndone",
        "cat <<EOF\na\nEOF",
        "# it's",
        "echo don\\'t",
        "cat <<<x",
        "ls # '",
    ],
)
def test_a_shell_would_run_this(command: str) -> None:
    assert not is_incomplete(command)


@pytest.mark.parametrize(
    "command", ["ssh a", "sudo -i", "/bin/bash", "PS1='x' dash", "A=1 docker exec x sh", "export PS1=x"]
)
def test_what_starts_a_shell(command: str) -> None:
    assert starts_shell(command)
    assert not starts_shell(f"echo {command}")


def test_styles_forget_what_changes() -> None:
    assert style_of("(venv) me@box:~/src (main)$ ") == style_of("root@other:/etc (x)$ ")
    assert style_of("[12:01] ❯ ") == style_of("[09:59] ❯ ")
    assert style_of("me@box:~$ ") != style_of("me@box:~> ")


def test_what_looks_like_a_prompt() -> None:
    assert all(map(looks_like_prompt, ["$ ", "box> ", "~ ❯ "]))
    assert not any(map(looks_like_prompt, ["Password: ", "hello ", ""]))
    assert all(map(is_continuation, ["> ", "quote> ", "for while> ", "dquote cmdsubst> "]))
    assert not is_continuation("box> ")
