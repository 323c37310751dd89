"""How commands are told from a screen: marks, bracketed paste, learned prompts, and what is no command."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest

from audit.asciicast import Header
from audit.events import Event, HiddenInput, Input, Output, Resize
from audit.indexing.commands import Findings, derive
from audit.indexing.extraction import extract
from audit.indexing.observations import Observation, pack, unpack
from audit.indexing.observe import Observer
from audit.indexing.prompts import is_continuation, looks_like_prompt, style_of
from audit.indexing.screen import Screen
from audit.indexing.shell_syntax import is_incomplete, starts_shell

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
