"""What was typed and not echoed is kept as a count, never as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from audit.events import Event, HiddenInput, Input
from bastion.live.masking import ECHO_SECONDS, InputKeeper
from hosts.models import InputPolicy


def kept(*steps: tuple[str, str], policy: InputPolicy = InputPolicy.MASKED, pause: float = 0.05) -> list[Event]:
    """Return the events of steps ("typed" or "shown", text), each `pause` seconds after the one before."""
    keeper = InputKeeper(policy)
    events: list[Event] = []
    t = 0.0
    for kind, text in steps:
        events += keeper.typed(text.encode(), t) if kind == "typed" else keeper.shown(text, t)
        t += pause
    return [*events, *keeper.settle(t + ECHO_SECONDS), *keeper.flush(t + ECHO_SECONDS)]


def text_of(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Input))


def hidden_in(events: list[Event]) -> int:
    return sum(event.count for event in events if isinstance(event, HiddenInput))


def test_echoed_keys_are_kept() -> None:
    events = kept(
        ("typed", "l"), ("shown", "l"), ("typed", "s"), ("shown", "s"), ("typed", "\r"), ("shown", "\r\nbin\r\n")
    )

    assert (text_of(events), hidden_in(events)) == ("ls\r", 0)


def test_keys_typed_faster_than_their_echo_are_kept() -> None:
    events = kept(("typed", "ec"), ("typed", "ho"), ("shown", "e"), ("shown", "cho"))

    assert (text_of(events), hidden_in(events)) == ("echo", 0)


def test_a_password_is_only_counted() -> None:
    events = kept(("shown", "Password: "), ("typed", "hunter2"), ("typed", "\r"), ("shown", "\r\nWelcome\r\n$ "))

    assert (text_of(events), hidden_in(events)) == ("\r", 7)


def test_a_secret_without_a_prompt_that_says_so_is_only_counted() -> None:
    events = kept(("shown", "> "), ("typed", "hunter2"), ("typed", "\r"), pause=0.3)

    assert (text_of(events), hidden_in(events)) == ("\r", 7)


def test_a_password_that_comes_back_at_once_is_still_not_kept() -> None:
    events = kept(("shown", "Enter PIN: "), ("typed", "1234"), ("shown", "1234"), ("typed", "\r"), ("shown", "\r\n"))

    assert (text_of(events), hidden_in(events)) == ("\r", 4)


def test_prompts_in_other_languages_ask_for_secrets_too() -> None:
    for prompt in ("密码：", "Contraseña: ", "[sudo] Passwort für bob: ", "Enter passphrase for key '/k': "):
        events = kept(("shown", prompt), ("typed", "geheim"), ("shown", "geheim"))

        assert (text_of(events), hidden_in(events)) == ("", 6), prompt


def test_after_a_password_keys_are_kept_again() -> None:
    events = kept(
        ("shown", "Password: "), ("typed", "x"), ("typed", "\r"), ("shown", "\r\n$ "), ("typed", "w"), ("shown", "w")
    )

    assert text_of(events).endswith("w")


def test_a_shell_that_colours_what_is_typed_echoes_it() -> None:
    events = kept(
        ("shown", "% "),
        ("typed", "l"),
        ("shown", "\x1b[4ml\x1b[24m"),
        ("typed", "s"),
        ("shown", "\b\x1b[32ml\x1b[32ms\x1b[39m"),
    )

    assert (text_of(events), hidden_in(events)) == ("ls", 0)


def test_arrow_keys_and_ctrl_c_are_kept_as_they_are() -> None:
    events = kept(("typed", "\x1b[A"), ("shown", "make test"), ("typed", "\x03"), ("shown", "^C\r\n"))

    assert (text_of(events), hidden_in(events)) == ("\x1b[A\x03", 0)


def test_the_policy_off_keeps_nothing_and_full_keeps_everything() -> None:
    assert kept(("typed", "ls"), ("shown", "ls"), policy=InputPolicy.OFF) == []
    assert text_of(kept(("shown", "Password: "), ("typed", "pw"), policy=InputPolicy.FULL)) == "pw"


def test_a_large_paste_costs_no_more_than_its_length() -> None:
    keeper = InputKeeper(InputPolicy.MASKED)
    keeper.typed(b"x" * 65536, 0.0)
    for _ in range(50):
        keeper.shown("\r\x1b[K$ y\by", 0.1)

    assert hidden_in(keeper.settle(5.0)) == 65536


def test_control_keys_in_a_row_are_one_event() -> None:
    assert InputKeeper(InputPolicy.MASKED).typed(b"\r" * 65536, 0.0) == [Input(0.0, "\r" * 65536)]


PROMPTS = (
    "Password: ",
    "[sudo] password for bob: ",
    "bob@192.0.2.7's password: ",
    "(bob@web-01) Password: ",
    "Enter passphrase for key '/home/bob/.ssh/id_ed25519': ",
    "Password for 'https://bob@git.example.org': ",
    "Enter PEM pass phrase:",
    "Verification code: ",
    "Enter password: ",
    "New password: ",
    "Retype new password: ",
    "Current password: ",
    "Passcode or option (1-3): ",
    "One-time password (OATH) for `bob': ",
    "Enter PIN for authenticator: ",
    "BECOME password: ",
    "Unseal Key (will be hidden): ",
    "? Paste your authentication token: ",
    "\x1b[1;32m? \x1b[0m\x1b[1mEnter your password\x1b[0m \x1b[90m›\x1b[39m ",
    "\x1b]0;secret\x07\x1b[31mPassword\x1b[0m\x1b[K: \x1b[0m",
    "Wachtwoord: ",
    "Mot de passe : ",
    "Contraseña: ",
    "Hasło: ",
    "Пароль: ",
    "パスワード:",
    "密码：",
    "비밀번호: ",
    "Enter your passphrase\r\n> ",
    "Password:\r\n",
)


@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_at_a_prompt_for_a_secret_nothing_is_kept_whatever_comes_back(prompt: str, size: int) -> None:
    reads = [("shown", prompt[start : start + size]) for start in range(0, len(prompt), size)]
    typed = [step for key in "hunter2" for step in (("typed", key), ("shown", key))]

    events = kept(*reads, *typed, ("typed", "\r"), ("shown", "\r\n"), pause=0.001)

    assert (text_of(events), hidden_in(events)) == ("\r", 7)


@pytest.mark.parametrize(
    "prompt",
    ["$ ", "bob@vault:~/passwords$ ", "root@token-server:~# ", "Continue? [y/N] ", "user: ", ">>> ", "mysql> "],
)
def test_at_other_prompts_what_is_echoed_is_kept(prompt: str) -> None:
    typed = [step for key in "ls" for step in (("typed", key), ("shown", key))]

    assert text_of(kept(("shown", prompt), *typed, ("typed", "\r"), ("shown", "\r\n"))) == "ls\r"


def test_a_command_that_names_a_password_is_kept() -> None:
    typed = [step for key in "grep password: x" for step in (("typed", key), ("shown", key))]

    assert text_of(kept(("shown", "$ "), *typed, ("typed", "\r"), ("shown", "\r\n"))) == "grep password: x\r"


def test_a_second_try_and_a_new_password_typed_twice_are_hidden_too() -> None:
    events = kept(
        ("shown", "[sudo] password for bob: "),
        *[("typed", key) for key in "wrong\r"],
        ("shown", "\r\n"),
        ("shown", "Sorry, try again.\r\n[sudo] password for bob: "),
        *[("typed", key) for key in "wrung\x7f\x7f\x7fong\x15hunter2\r"],
        ("shown", "\r\nroot@box:~# "),
        ("typed", "i"),
        ("shown", "i"),
        ("typed", "d"),
        ("shown", "d"),
        ("typed", "\r"),
    )

    assert text_of(events) == "\r\x7f\x7f\x7f\x15\rid\r"


def test_a_password_typed_before_its_prompt_came_is_hidden() -> None:
    events = kept(("typed", "hunt"), ("shown", "Pass"), ("shown", "word: "), ("typed", "er2\r"), ("shown", "\r\n"))

    assert (text_of(events), hidden_in(events)) == ("\r", 7)


def test_output_that_happens_to_begin_like_a_secret_gives_none_of_it_away() -> None:
    events = kept(
        ("shown", "> "),
        ("typed", "h"),
        ("shown", "hello\r\n"),
        ("typed", "u"),
        ("shown", "u"),
        ("typed", "n"),
        ("shown", "\rn"),
        ("typed", "ter2\r"),
    )

    assert (text_of(events), hidden_in(events)) == ("\r", 7)


def test_a_prompt_that_shows_stars_gives_no_star_of_a_secret_away() -> None:
    typed = [step for key in "*a*b*" for step in (("typed", key), ("shown", "*"))]

    assert text_of(kept(("shown", "> "), *typed, ("typed", "\r"), ("shown", "\r\n"))) == "\r"


def test_two_equal_keys_need_two_echoes() -> None:
    assert hidden_in(kept(("typed", "l"), ("typed", "l"), ("shown", "l"), ("typed", "\r"))) == 2


def test_after_a_pager_the_shells_line_is_kept() -> None:
    events = kept(
        ("typed", "q"),
        ("shown", "\r\x1b[K\x1b[?1049l"),
        ("shown", "\x1b[?2004hbob@box:~$ "),
        *[step for key in "ls" for step in (("typed", key), ("shown", key))],
        ("typed", "\r"),
        ("shown", "\r\n"),
    )

    assert (text_of(events), hidden_in(events)) == ("ls\r", 1)


def test_lines_typed_ahead_are_kept_as_the_terminal_shows_them() -> None:
    events = kept(("typed", "ls\rpwd\r"), ("shown", "ls\r\npwd\r\n"), ("shown", "bin\r\n"))

    assert (text_of(events), hidden_in(events)) == ("ls\rpwd\r", 0)


SECRET = st.text(alphabet="ab*1-", min_size=2, max_size=8)
PLAIN_OUTPUT = st.text(alphabet="ab*1-xyz \r\n\b", max_size=12)
KEYS = st.sampled_from(["\x7f", "\x15", "\x1b[D", "\t"])


def is_spelled(secret: str, output: str) -> bool:
    """Whether all characters of the secret are in the output, in their order."""
    characters = iter(output)
    return all(key in characters for key in secret)


@given(secret=SECRET, data=st.data())
@hypothesis_settings(max_examples=400, deadline=None)
def test_whatever_comes_between_no_key_of_a_secret_is_kept_unless_all_of_it_came_back(
    secret: str, data: st.DataObject
) -> None:
    """A hidden prompt without words, other output in any reads at any times, keys in any frames, edits between them."""
    keeper = InputKeeper(InputPolicy.MASKED)
    events: list[Event] = []
    shown, t, position = "", 0.0, 0
    while position < len(secret):
        t += data.draw(st.sampled_from([0.0, 0.01, 0.2, 0.6]))
        match data.draw(st.sampled_from(["key", "key", "output", "other key", "pause"])):
            case "key":
                size = data.draw(st.integers(1, 3))
                events += keeper.typed(secret[position : position + size].encode(), t)
                position += size
            case "output":
                output = data.draw(PLAIN_OUTPUT | st.sampled_from(list(secret)))
                shown += output
                events += keeper.shown(output, t)
            case "other key":
                events += keeper.typed(data.draw(KEYS).encode(), t)
            case _:
                events += keeper.settle(t)
    events += [*keeper.typed(b"\r", t), *keeper.shown("\r\n", t), *keeper.settle(t + ECHO_SECONDS), *keeper.flush(t)]

    if not is_spelled(secret, shown):
        assert not set(text_of(events)) & set(secret)
        assert hidden_in(events) == len(secret)


@given(lines=st.lists(st.text(alphabet="abc-~/. é中", min_size=1, max_size=12), min_size=1, max_size=4), data=st.data())
@hypothesis_settings(max_examples=200, deadline=None)
def test_what_a_terminal_echoes_is_kept_in_whatever_reads_it_comes(lines: list[str], data: st.DataObject) -> None:
    keeper = InputKeeper(InputPolicy.MASKED)
    events: list[Event] = []
    for line in lines:
        text, typed, shown = f"{line}\r", 0, 0
        while shown < len(text):
            step = data.draw(st.integers(1, 4))
            if typed < len(text) and (shown == typed or data.draw(st.booleans())):
                events += keeper.typed(text[typed : typed + step].encode(), 0.1)
                typed = min(typed + step, len(text))
            else:
                events += keeper.shown(text[shown : min(shown + step, typed)].replace("\r", "\r\n"), 0.1)
                shown = min(shown + step, typed)

    assert (text_of(events), hidden_in(events)) == ("".join(f"{line}\r" for line in lines), 0)
