"""What was typed and not echoed is kept as a count, never as text."""

from __future__ import annotations

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
