"""Logins on hosts: which passwords and private keys can be used, and how they are kept.

Private keys are read with `cryptography` and kept unencrypted, in OpenSSH's own format, inside the vault's envelope:
a passphrase is needed once, when the key is stored.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from django.utils.translation import gettext as _

from hosts.host_keys import fingerprint_of
from hosts.models import Credential
from hosts.vault import Secret, open_sealed, seal

_MOST_KEY_BYTES = 32_768
_MOST_PASSWORD_BYTES = 1024
_LEAST_RSA_BITS, _MOST_RSA_BITS = 2048, 16_384
_LEAST_RSA_EXPONENT = 3
# ssh-keygen writes 16 or 24 unless told otherwise; each costs milliseconds, and the file says how many.
_MOST_BCRYPT_ROUNDS = 512
_MOST_PBKDF2_ROUNDS = 10_000_000
_OPENSSH_MAGIC = b"openssh-key-v1\0"
_SCRYPT_OID = bytes.fromhex("06092b06010401da47040b")
_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)
_PUBLIC = re.compile(
    r"\s*(?:ssh-|ecdsa-sha2-|sk-)[a-z0-9@.\-]+\s+AAAA|-----BEGIN (?:RSA |SSH2 )?PUBLIC KEY|---- BEGIN SSH2"
)
_USERNAME = re.compile(r"[^\s\x00-\x1f\x7f-\x9f:/\-][^\s\x00-\x1f\x7f-\x9f:/]{0,254}")

_PrivateKey = ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class CredentialError(ValueError):
    """A login cannot be used. `field` is "username", "secret" or "passphrase"; the message is for people."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class LoginSecret:
    """What it takes to sign in on a host: exactly one of `password` and `private_key_pem` is set."""

    username: str
    password: Secret | None
    private_key_pem: Secret | None


@dataclass(frozen=True)
class PrivateKey:
    """A key that can be used: OpenSSH PEM without passphrase, and SHA256:… of its public half."""

    pem: Secret
    fingerprint: str


def check_username(username: str) -> None:
    """Raise CredentialError unless a host can be given `username`: no spaces, control characters or leading sign."""
    if not _USERNAME.fullmatch(username):
        raise CredentialError(
            "username", _("Use 1 to 255 characters without spaces, colons or slashes, not beginning with -.")
        )


def store_secret(credential: Credential, secret: str, passphrase: str = "") -> None:
    """Put a password, or a private key in text form, into `credential` (which is not saved). Raises CredentialError."""
    if credential.kind == Credential.Kind.PASSWORD:
        if passphrase:
            raise CredentialError("passphrase", _("Passwords have no passphrase."))
        kept, credential.fingerprint = Secret(_check_password(secret)), ""
    else:
        key = parse_private_key(secret, passphrase)
        kept, credential.fingerprint = key.pem, key.fingerprint
    credential.sealed_secret = seal(kept, _context(credential))


def open_credential(credential: Credential) -> LoginSecret:
    """Return what signs in on hosts with `credential`. Raises VaultError."""
    secret = open_sealed(bytes(credential.sealed_secret), _context(credential))
    if credential.kind == Credential.Kind.PASSWORD:
        return LoginSecret(credential.username, secret, None)
    return LoginSecret(credential.username, None, secret)


def parse_private_key(text: str, passphrase: str = "") -> PrivateKey:
    """Read an OpenSSH, PKCS#1, SEC 1 or PKCS#8 private key: Ed25519, ECDSA, or RSA of 2048 bits and more.

    Raises CredentialError that says what is wrong, without quoting any of it.
    """
    pem, label = _single_block(text)
    is_encrypted = _check_cost(pem, label)
    if is_encrypted and not passphrase:
        raise CredentialError("passphrase", _("The key is protected by a passphrase; give that too."))
    if passphrase and not is_encrypted:
        raise CredentialError("passphrase", _("The key has no passphrase; leave this empty."))
    key = _load(pem, passphrase.encode() if is_encrypted else None)
    _check_strength(key)
    plain = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return PrivateKey(Secret(plain), fingerprint_of(base64.b64decode(public.split()[1])))


def _context(credential: Credential) -> str:
    return f"hosts.credential:{credential.pk}:secret"


def _check_password(text: str) -> bytes:
    if not text or any(character in text for character in "\0\r\n"):
        raise CredentialError("secret", _("Give a password of one line."))
    password = text.encode("utf-8", "replace")
    if len(password) > _MOST_PASSWORD_BYTES:
        raise CredentialError("secret", _("Use at most %(most)d bytes.") % {"most": _MOST_PASSWORD_BYTES})
    return password


def _single_block(text: str) -> tuple[bytes, str]:
    """Return the one PEM block in `text`, tidied, and its label. Raises CredentialError if it is something else."""
    if len(text) > _MOST_KEY_BYTES:
        raise CredentialError("secret", _("Expected at most %(most)d characters.") % {"most": _MOST_KEY_BYTES})
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").strip() + "\n"
    if text.startswith("PuTTY-User-Key-File"):
        raise CredentialError(
            "secret", _("This is PuTTY's format. Convert it: puttygen key.ppk -O private-openssh -o key")
        )
    # `openssl ecparam -genkey` writes the curve in a block of its own before the key, which names it again.
    blocks = [block for block in _BLOCK.finditer(text) if block[1] != "EC PARAMETERS"]
    if not blocks and "PRIVATE KEY" in text:
        raise CredentialError("secret", _("The key is cut: its END line is missing."))
    if _PUBLIC.match(text) or any(block[1].endswith(("PUBLIC KEY", "CERTIFICATE")) for block in blocks):
        raise CredentialError("secret", _("This is the public half. Give the private key, the file without .pub."))
    if len(blocks) != 1 or not blocks[0][1].endswith("PRIVATE KEY"):
        raise CredentialError(
            "secret", _("Expected one private key, got %(count)d. It begins with -----BEGIN.") % {"count": len(blocks)}
        )
    block = blocks[0]
    if block[1] == "DSA PRIVATE KEY":
        raise CredentialError("secret", _dsa_message())
    lines = "\n".join(line.strip() for line in block[0].split("\n"))
    return lines.encode("utf-8", "replace") + b"\n", block[1]


def _check_cost(pem: bytes, label: str) -> bool:
    """Return whether the key is encrypted. Raises CredentialError if only trying a passphrase would take for ever."""
    if label in {"RSA PRIVATE KEY", "EC PRIVATE KEY"}:
        return b"Proc-Type: 4,ENCRYPTED" in pem
    if label == "PRIVATE KEY":
        return False
    try:
        blob = base64.b64decode(b"".join(pem.split(b"\n")[1:-2]), validate=True)
    except binascii.Error:
        raise CredentialError("secret", _damaged_message()) from None
    if label == "ENCRYPTED PRIVATE KEY":
        if _SCRYPT_OID in blob[:200] or any(number > _MOST_PBKDF2_ROUNDS for number in _der_integers(blob[:200])):
            raise CredentialError("secret", _costly_message())
        return True
    if label != "OPENSSH PRIVATE KEY" or not blob.startswith(_OPENSSH_MAGIC):
        raise CredentialError("secret", _damaged_message())
    return _check_openssh_cost(blob[len(_OPENSSH_MAGIC) :])


def _check_openssh_cost(blob: bytes) -> bool:
    """Read cipher, KDF name and KDF options (OpenSSH, PROTOCOL.key), and that everything up to the end is there."""
    cipher, rest = _ssh_string(blob)
    kdf, rest = _ssh_string(rest)
    options, rest = _ssh_string(rest)
    count, rest = int.from_bytes(rest[:4], "big"), rest[4:]
    public, rest = _ssh_string(rest)
    private, _rest = _ssh_string(rest)
    algorithm, _rest = _ssh_string(public)
    if count != 1 or not private:
        raise CredentialError("secret", _("Expected one private key in the file, got %(count)d.") % {"count": count})
    if algorithm == b"ssh-dss":
        raise CredentialError("secret", _dsa_message())
    if algorithm.startswith(b"sk-"):
        raise CredentialError("secret", _("This key needs a security key to be touched; the server has none."))
    if kdf == b"none" and cipher == b"none":
        return False
    _salt, rounds = _ssh_string(options)
    if kdf != b"bcrypt" or not 1 <= int.from_bytes(rounds[:4], "big") <= _MOST_BCRYPT_ROUNDS:
        raise CredentialError("secret", _costly_message())
    return True


def _load(pem: bytes, passphrase: bytes | None) -> _PrivateKey:
    try:
        if b"BEGIN OPENSSH" in pem:
            key = serialization.load_ssh_private_key(pem, passphrase)
        else:
            key = serialization.load_pem_private_key(pem, passphrase)  # type: ignore[assignment]
    except UnsupportedAlgorithm:
        raise CredentialError("secret", _unsupported_message()) from None
    except (ValueError, TypeError):
        if passphrase is not None:
            raise CredentialError("passphrase", _("The passphrase is wrong, or the key is damaged.")) from None
        raise CredentialError("secret", _damaged_message()) from None
    if not isinstance(key, ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise CredentialError("secret", _unsupported_message())
    return key


def _check_strength(key: _PrivateKey) -> None:
    if isinstance(key, rsa.RSAPrivateKey):
        if not _LEAST_RSA_BITS <= key.key_size <= _MOST_RSA_BITS:
            raise CredentialError(
                "secret",
                _("RSA keys need %(least)d to %(most)d bits; this one has %(got)d.")
                % {"least": _LEAST_RSA_BITS, "most": _MOST_RSA_BITS, "got": key.key_size},
            )
        if key.public_key().public_numbers().e < _LEAST_RSA_EXPONENT:
            raise CredentialError("secret", _damaged_message())
    elif isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name not in {"secp256r1", "secp384r1", "secp521r1"}:
        raise CredentialError("secret", _unsupported_message())


def _ssh_string(blob: bytes) -> tuple[bytes, bytes]:
    length = int.from_bytes(blob[:4], "big")
    if len(blob) < 4 + length:
        raise CredentialError("secret", _("The key is cut: its middle or end is missing."))
    return blob[4 : 4 + length], blob[4 + length :]


def _der_integers(blob: bytes) -> list[int]:
    """Return the integers at the beginning of a PKCS#8 structure, walking into every sequence (X.690, section 8)."""
    numbers: list[int] = []
    at = 0
    while at + 2 <= len(blob):
        tag, length = blob[at], blob[at + 1]
        at += 2
        if length & 0x80:
            size = length & 0x7F
            length, at = int.from_bytes(blob[at : at + size], "big"), at + size
        if tag == 0x30:  # noqa: PLR2004 - SEQUENCE: go on with what is inside
            continue
        if tag == 0x02:  # noqa: PLR2004 - INTEGER
            numbers.append(int.from_bytes(blob[at : at + length], "big"))
        at += length
    return numbers


def _damaged_message() -> str:
    return _("The key cannot be read: it is cut or damaged.")


def _dsa_message() -> str:
    return _("DSA keys are broken and hosts refuse them. Use Ed25519, ECDSA, or RSA of 2048 bits and more.")


def _unsupported_message() -> str:
    return _("Keys of this kind are not supported. Use Ed25519, ECDSA (NIST curves), or RSA.")


def _costly_message() -> str:
    return _("The key's protection takes too long to open. Make it lighter: ssh-keygen -p -a 16 -f key")
