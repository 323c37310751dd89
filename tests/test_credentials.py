from __future__ import annotations

import base64
import io
import struct
import subprocess
import time
from pathlib import Path
from typing import Any

import paramiko
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from hosts.credentials import CredentialError, check_username, open_credential, parse_private_key, store_secret
from hosts.models import Credential
from hosts.vault import VaultError
from tests.inventory import brief

PEM = serialization.Encoding.PEM
OPENSSH = serialization.PrivateFormat.OpenSSH
TRADITIONAL = serialization.PrivateFormat.TraditionalOpenSSL
PKCS8 = serialization.PrivateFormat.PKCS8
PASSPHRASE = "open sesame"

ED25519 = ed25519.Ed25519PrivateKey.generate()
RSA = rsa.generate_private_key(65537, 2048)
ECDSA = ec.generate_private_key(ec.SECP256R1())


def text_of(key: Any, form: Any = OPENSSH, passphrase: str = "") -> str:
    lock = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    text: str = key.private_bytes(PEM, form, lock).decode()
    return text


def public_line(key: Any) -> str:
    line: str = (
        key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
    )
    return line


def openssh_with_rounds(rounds: int) -> str:
    """An encrypted OpenSSH key that claims to need so many rounds of bcrypt."""

    def string(value: bytes) -> bytes:
        return struct.pack(">I", len(value)) + value

    public = base64.b64decode(public_line(ED25519).split()[1])
    options = string(b"s" * 16) + struct.pack(">I", rounds)
    blob = b"openssh-key-v1\0" + string(b"aes256-ctr") + string(b"bcrypt") + string(options)
    blob += struct.pack(">I", 1) + string(public) + string(b"x" * 160)
    body = base64.encodebytes(blob).decode()
    return f"-----BEGIN OPENSSH PRIVATE KEY-----\n{body}-----END OPENSSH PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    ("key", "form"),
    [(key, form) for key in (ED25519, RSA, ECDSA) for form in (OPENSSH, PKCS8)]
    + [(RSA, TRADITIONAL), (ECDSA, TRADITIONAL)],
)
@pytest.mark.parametrize("passphrase", ["", PASSPHRASE])
def test_usual_keys_are_read_and_kept_so_that_ssh_can_load_them(key: Any, form: Any, passphrase: str) -> None:
    parsed = parse_private_key(text_of(key, form, passphrase), passphrase)
    loaded: Any = _load(parsed.pem.reveal().decode())
    assert loaded.get_base64() == public_line(key).split()[1]
    assert parsed.fingerprint.startswith("SHA256:")


def _load(pem: str) -> paramiko.PKey:
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        try:
            return kind.from_private_key(io.StringIO(pem))
        except paramiko.SSHException:
            continue
    raise AssertionError("paramiko cannot load the stored key")


@pytest.mark.parametrize("spoil", ["\ufeff{}", "\r\n\r\n{}", "  {}\n\n", "{}"])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_keys_survive_being_pasted(spoil: str, ends: str) -> None:
    text = spoil.format(text_of(ED25519).replace("\n", ends))
    assert parse_private_key(text).fingerprint == parse_private_key(text_of(ED25519)).fingerprint


def test_keys_of_ssh_keygen_are_read(tmp_path: Path) -> None:
    for kind, passphrase in (("ed25519", ""), ("ecdsa", PASSPHRASE), ("rsa", PASSPHRASE)):
        path = tmp_path / kind
        try:
            subprocess.run(
                ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-f", path], check=True, capture_output=True
            )
        except FileNotFoundError:
            pytest.skip("no ssh-keygen here")
        printed = subprocess.run(["ssh-keygen", "-lf", path], capture_output=True, text=True, check=True).stdout
        assert parse_private_key(path.read_text(), passphrase).fingerprint in printed


ECPARAM = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"


def test_the_curve_that_openssl_writes_before_the_key_is_no_second_key() -> None:
    assert parse_private_key(ECPARAM + text_of(ECDSA, TRADITIONAL)).fingerprint


TOO_SHORT = text_of(rsa.generate_private_key(65537, 1024))  # noqa: S505
UNUSABLE = {
    "nothing": ("", "", "secret", "Expected one private key"),
    "a word": ("hunter2", "", "secret", "Expected one private key"),
    "the public half": (public_line(ED25519), "", "secret", "public half"),
    "the public half as PEM": (
        RSA.public_key().public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode(),
        "",
        "secret",
        "public half",
    ),
    "two keys": (text_of(ED25519) + text_of(RSA), "", "secret", "got 2"),
    "no end": (text_of(ED25519)[:-40], "", "secret", "END line"),
    "cut in the middle": (text_of(ED25519)[:150] + text_of(ED25519)[190:], "", "secret", "cut"),
    "not base64": (
        "-----BEGIN OPENSSH PRIVATE KEY-----\n!!!\n-----END OPENSSH PRIVATE KEY-----",
        "",
        "secret",
        "damaged",
    ),
    "no passphrase given": (text_of(ED25519, OPENSSH, PASSPHRASE), "", "passphrase", "protected"),
    "no passphrase given, PKCS#8": (text_of(RSA, PKCS8, PASSPHRASE), "", "passphrase", "protected"),
    "no passphrase given, PKCS#1": (text_of(RSA, TRADITIONAL, PASSPHRASE), "", "passphrase", "protected"),
    "wrong passphrase": (text_of(ED25519, OPENSSH, PASSPHRASE), "wrong", "passphrase", "wrong"),
    "wrong passphrase, PKCS#8": (text_of(RSA, PKCS8, PASSPHRASE), "wrong", "passphrase", "wrong"),
    "wrong passphrase, PKCS#1": (text_of(RSA, TRADITIONAL, PASSPHRASE), "wrong", "passphrase", "wrong"),
    "needless passphrase": (text_of(ED25519), PASSPHRASE, "passphrase", "no passphrase"),
    "short RSA": (TOO_SHORT, "", "secret", "has 1024"),
    "another curve": (text_of(ec.generate_private_key(ec.SECP256K1()), PKCS8), "", "secret", "not supported"),
    "Ed448": (text_of(ed448.Ed448PrivateKey.generate(), PKCS8), "", "secret", "not supported"),
    "DSA": ("-----BEGIN DSA PRIVATE KEY-----\nMIIBugIBAAKBgQ==\n-----END DSA PRIVATE KEY-----\n", "", "secret", "DSA"),
    "PuTTY": ("PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n", "", "secret", "puttygen"),
    "a certificate": ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "", "secret", "public half"),
    "too much": ("x" * 1_000_000, "", "secret", "at most"),
    "NUL": ("-----BEGIN OPENSSH PRIVATE KEY-----\n\x00\n-----END OPENSSH PRIVATE KEY-----", "", "secret", "damaged"),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_unusable_keys_are_refused_at_the_field_with_words(case: str) -> None:
    text, passphrase, field, words = UNUSABLE[case]
    with pytest.raises(CredentialError, match=words) as caught:
        parse_private_key(text, passphrase)
    assert caught.value.field == field


@pytest.mark.parametrize("rounds", [0, 513, 2**31, 2**32 - 1])
def test_a_key_that_would_take_for_ever_to_open_is_refused_at_once(rounds: int) -> None:
    begun = time.monotonic()
    with pytest.raises(CredentialError, match="too long"):
        parse_private_key(openssh_with_rounds(rounds), PASSPHRASE)
    assert time.monotonic() - begun < 1


def test_a_pkcs8_key_that_would_take_for_ever_to_open_is_refused_at_once() -> None:
    lines = text_of(RSA, PKCS8, PASSPHRASE).strip().split("\n")
    blob = base64.b64decode("".join(lines[1:-1]))
    rounds = blob.index(b"\x02\x02\x08\x00")
    # The lengths around it are left as they are: it is refused before anybody looks at them.
    spoiled = base64.encodebytes(blob[:rounds] + b"\x02\x04\x7f\xff\xff\xff" + blob[rounds + 4 :]).decode()
    begun = time.monotonic()
    with pytest.raises(CredentialError, match="too long"):
        parse_private_key(f"{lines[0]}\n{spoiled}{lines[-1]}\n", PASSPHRASE)
    assert time.monotonic() - begun < 1


def test_every_cut_of_a_key_is_an_error_with_words() -> None:
    text = text_of(ED25519)
    for length in range(0, len(text) - 1, 7):
        with pytest.raises(CredentialError):
            parse_private_key(text[:length])
        cut = text[:length] + "\n-----END OPENSSH PRIVATE KEY-----\n"
        if length < text.index("-----END"):
            with pytest.raises(CredentialError):
                parse_private_key(cut)


def test_no_error_quotes_a_key() -> None:
    body = text_of(ED25519).split("\n")[2]
    for text, passphrase in ((text_of(ED25519)[:-60], ""), (text_of(ED25519, OPENSSH, PASSPHRASE), "wrong-word")):
        with pytest.raises(CredentialError) as caught:
            parse_private_key(text, passphrase)
        assert body not in str(caught.value)
        assert "wrong-word" not in str(caught.value)


def test_a_password_comes_back_for_signing_in(db: None) -> None:
    credential = Credential(name="deploy", username="deploy", kind=Credential.Kind.PASSWORD)
    store_secret(credential, "  p\u00e4ss w\u00f6rd ")
    credential.save()
    stored = Credential.objects.get()
    login = open_credential(stored)
    assert (login.username, login.private_key_pem) == ("deploy", None)
    assert login.password is not None
    assert login.password.reveal().decode() == "  p\u00e4ss w\u00f6rd "
    assert "p\u00e4ss".encode() not in bytes(stored.sealed_secret)
    assert "p\u00e4ss" not in repr(login)


def test_a_key_comes_back_without_its_passphrase(db: None) -> None:
    credential = Credential(name="deploy", username="deploy", kind=Credential.Kind.PRIVATE_KEY)
    store_secret(credential, text_of(ED25519, OPENSSH, PASSPHRASE), PASSPHRASE)
    credential.save()
    login = open_credential(Credential.objects.get())
    assert login.password is None
    assert login.private_key_pem is not None
    assert _load(login.private_key_pem.reveal().decode()).get_base64() == public_line(ED25519).split()[1]


def test_a_secret_that_was_copied_to_another_row_does_not_open(db: None) -> None:
    one, other = (Credential(name=name, username="deploy", kind=Credential.Kind.PASSWORD) for name in ("a", "b"))
    store_secret(one, "hunter2hunter2")
    other.sealed_secret = one.sealed_secret
    other.save()
    with pytest.raises(VaultError):
        open_credential(Credential.objects.get(name="b"))


@pytest.mark.parametrize("password", ["", "a\nb", "a\x00b", "a\r", "x" * 2000], ids=brief)
def test_passwords_that_no_host_takes_are_refused(password: str) -> None:
    with pytest.raises(CredentialError) as caught:
        store_secret(Credential(kind=Credential.Kind.PASSWORD), password)
    assert caught.value.field == "secret"


@pytest.mark.parametrize("name", ["root", "deploy-1", "CORP\\alice", "alice@corp.example.org", "\u5f20\u4f1f", "svc$"])
def test_login_names_of_hosts_are_accepted(name: str) -> None:
    check_username(name)


@pytest.mark.parametrize(
    "name",
    ["", " ", "-oProxyCommand=x", "a b", "root\n", "root\x00", "\x1b[2J", "a:b", "a/b", "x" * 256, "x" * 1_000_000],
    ids=brief,
)
def test_hostile_login_names_are_refused(name: str) -> None:
    with pytest.raises(CredentialError) as caught:
        check_username(name)
    assert caught.value.field == "username"
