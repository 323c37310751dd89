from __future__ import annotations

import base64
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from hosts.vault import Secret, VaultError, open_sealed, seal, sealed_with

ROW = "hosts.credential:1:secret"
OTHER_ROW = "hosts.credential:2:secret"


def key(byte: int) -> str:
    return base64.b64encode(bytes([byte]) * 32).decode()


@given(st.binary(max_size=300), st.text(max_size=30))
def test_what_was_sealed_opens_for_its_row(secret: bytes, context: str) -> None:
    assert open_sealed(seal(Secret(secret), context), context).reveal() == secret


def test_a_sealed_secret_does_not_open_in_another_row() -> None:
    with pytest.raises(VaultError, match="does not belong"):
        open_sealed(seal(b"hunter2", ROW), OTHER_ROW)


def test_every_changed_byte_is_noticed() -> None:
    sealed = seal(b"hunter2", ROW)
    for at in range(len(sealed)):
        changed = bytearray(sealed)
        changed[at] ^= 0x01
        with pytest.raises(VaultError):
            open_sealed(bytes(changed), ROW)


def test_every_cut_is_noticed() -> None:
    sealed = seal(b"hunter2", ROW)
    for length in range(len(sealed)):
        with pytest.raises(VaultError):
            open_sealed(sealed[:length], ROW)
    with pytest.raises(VaultError):
        open_sealed(sealed + b"\0", ROW)


def test_sealing_twice_gives_different_bytes() -> None:
    assert seal(b"hunter2", ROW) != seal(b"hunter2", ROW)


def test_an_older_key_still_opens_after_a_rotation(settings: Settings) -> None:
    settings.VAULT_KEYS = f"2025:{key(1)}"
    old = seal(b"hunter2", ROW)
    settings.VAULT_KEYS = f"2026:{key(2)},2025:{key(1)}"
    assert open_sealed(old, ROW).reveal() == b"hunter2"
    assert sealed_with(seal(b"hunter2", ROW)) == "2026"


def test_a_bare_string_stays_usable_beside_a_newer_key(settings: Settings) -> None:
    settings.VAULT_KEYS = "a-secret-that-was-made-at-the-first-start"
    old = seal(b"hunter2", ROW)
    settings.VAULT_KEYS = f"2:{key(2)},a-secret-that-was-made-at-the-first-start"
    assert open_sealed(old, ROW).reveal() == b"hunter2"


def test_a_key_that_is_gone_is_named(settings: Settings) -> None:
    settings.VAULT_KEYS = f"2025:{key(1)}"
    old = seal(b"hunter2", ROW)
    settings.VAULT_KEYS = f"2026:{key(2)}"
    with pytest.raises(VaultError, match="'2025'"):
        open_sealed(old, ROW)


def test_another_key_of_the_same_name_does_not_open(settings: Settings) -> None:
    settings.VAULT_KEYS = f"k:{key(1)}"
    old = seal(b"hunter2", ROW)
    settings.VAULT_KEYS = f"k:{key(2)}"
    with pytest.raises(VaultError):
        open_sealed(old, ROW)


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ("", "at least 16"),
        ("short", "at least 16"),
        ("a:AAAA", "32 bytes"),
        ("a:%%%", "base64"),
        ("a b:AAAA", "key id"),
        (f"a:{key(1)},a:{key(2)}", "twice"),
    ],
)
def test_unusable_keys_are_refused_by_name(settings: Settings, keys: str, complaint: str) -> None:
    settings.VAULT_KEYS = keys
    with pytest.raises(VaultError, match=complaint):
        seal(b"hunter2", ROW)


def test_a_secret_is_not_shown_and_cannot_be_pickled() -> None:
    secret = Secret(b"hunter2")
    assert "hunter2" not in f"{secret} {secret!r} {[secret]}"
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    assert secret == Secret(b"hunter2")
    assert secret != Secret(b"hunter3")


def test_no_error_quotes_a_secret(settings: Settings) -> None:
    settings.VAULT_KEYS = "x:not-a-key-but-very-secret"
    with pytest.raises(VaultError) as caught:
        seal(b"hunter2", ROW)
    assert "very-secret" not in str(caught.value)
    assert "hunter2" not in str(caught.value)
