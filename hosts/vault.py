"""Secrets at rest: AES-256-GCM envelopes, each bound to the row that it belongs to.

A sealed value is, in bytes: format (1), length of the key id (1), key id, nonce (12), the record's data key
wrapped by the named vault key (48), nonce (12), the secret encrypted with the data key (length + 16). Everything
before a ciphertext, and the context, is authenticated with it: a value that is moved to another row does not open.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import re
from functools import lru_cache
from typing import NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

_FORMAT = 1
_KEY_BYTES = 32
_NONCE_BYTES = 12
_TAG_BYTES = 16
_KEY_ID_PATTERN = re.compile(r"[A-Za-z0-9._-]{1,32}")
_LEAST_BARE_LENGTH = 16
_DOMAIN = b"bastion-vault-v1\0"


class VaultError(Exception):
    """A secret cannot be sealed or opened. The message never contains any part of it."""


class Secret:
    """Bytes that must not be shown: nothing but `reveal` gives them back, and they cannot be pickled."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self) -> bytes:
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value, other._value)

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled or copied")


def seal(secret: Secret | bytes, context: str) -> bytes:
    """Encrypt `secret` with the newest vault key, bound to `context` (e.g. "hosts.credential:<pk>:secret")."""
    key_id, key = next(iter(_vault_keys(settings.VAULT_KEYS).items()))
    plain = secret.reveal() if isinstance(secret, Secret) else secret
    header = bytes([_FORMAT, len(key_id)]) + key_id.encode("ascii")
    bound = _bound_to(header, context)
    data_key = AESGCM.generate_key(bit_length=8 * _KEY_BYTES)
    wrap_nonce, nonce = os.urandom(_NONCE_BYTES), os.urandom(_NONCE_BYTES)
    wrapped = AESGCM(key).encrypt(wrap_nonce, data_key, bound)
    return header + wrap_nonce + wrapped + nonce + AESGCM(data_key).encrypt(nonce, plain, bound)


def open_sealed(sealed: bytes, context: str) -> Secret:
    """Return what was sealed for exactly this `context`.

    Raises VaultError if the value was changed, cut, moved from another row, or sealed with a key that is not in
    settings.VAULT_KEYS.
    """
    sealed = bytes(sealed)
    key_id = sealed_with(sealed)
    key = _vault_keys(settings.VAULT_KEYS).get(key_id)
    if key is None:
        raise VaultError(f"the secret is sealed with vault key {key_id!r}, which BASTION_VAULT_KEYS does not contain")
    header, rest = sealed[: 2 + len(key_id)], sealed[2 + len(key_id) :]
    wrap_end = _NONCE_BYTES + _KEY_BYTES + _TAG_BYTES
    if len(rest) < wrap_end + _NONCE_BYTES + _TAG_BYTES:
        raise VaultError(f"the sealed secret is cut: expected at least {wrap_end + 28} bytes, got {len(rest)}")
    bound = _bound_to(header, context)
    try:
        data_key = AESGCM(key).decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:wrap_end], bound)
        nonce, cipher = rest[wrap_end : wrap_end + _NONCE_BYTES], rest[wrap_end + _NONCE_BYTES :]
        return Secret(AESGCM(data_key).decrypt(nonce, cipher, bound))
    except InvalidTag:
        raise VaultError(f"the sealed secret was changed, or does not belong to {context!r}") from None


def sealed_with(sealed: bytes) -> str:
    """Return the id of the vault key that `sealed` needs. Raises VaultError if it is no sealed value."""
    if len(sealed) < 2 or sealed[0] != _FORMAT:  # noqa: PLR2004 - the two bytes that every header has
        raise VaultError(f"not a sealed secret: expected format {_FORMAT}, got {sealed[:1].hex() or 'nothing'}")
    key_id = sealed[2 : 2 + sealed[1]].decode("ascii", errors="replace")
    if not _KEY_ID_PATTERN.fullmatch(key_id):
        raise VaultError("not a sealed secret: it names no vault key")
    return key_id


def _bound_to(header: bytes, context: str) -> bytes:
    return _DOMAIN + header + context.encode()


@lru_cache(maxsize=4)
def _vault_keys(text: str) -> dict[str, bytes]:
    """Parse "id:base64,…", newest first; an item without an id is a passphrase-like string, stretched to key "1"."""
    keys: dict[str, bytes] = {}
    for item in (part.strip() for part in text.split(",")):
        key_id, key = _parse_vault_key(item)
        if key_id in keys:
            raise VaultError(f"BASTION_VAULT_KEYS: expected each key id once, got {key_id!r} twice")
        keys[key_id] = key
    return keys


def _parse_vault_key(item: str) -> tuple[str, bytes]:
    if ":" not in item:
        if len(item) < _LEAST_BARE_LENGTH:
            raise VaultError(
                f"BASTION_VAULT_KEYS: expected at least {_LEAST_BARE_LENGTH} characters a key, got {len(item)}"
            )
        stretch = HKDF(algorithm=hashes.SHA256(), length=_KEY_BYTES, salt=None, info=_DOMAIN)
        return "1", stretch.derive(item.encode())
    key_id, _, encoded = item.partition(":")
    if not _KEY_ID_PATTERN.fullmatch(key_id):
        raise VaultError(f"BASTION_VAULT_KEYS: expected a key id of letters and digits, got {key_id!r}")
    try:
        # Both alphabets are accepted: people paste what `openssl rand -base64 32` or a secret store gives them.
        key = base64.b64decode(encoded.replace("-", "+").replace("_", "/") + "=" * (-len(encoded) % 4), validate=True)
    except binascii.Error:
        raise VaultError(f"BASTION_VAULT_KEYS: expected base64 after {key_id!r}") from None
    if len(key) != _KEY_BYTES:
        raise VaultError(f"BASTION_VAULT_KEYS: expected {_KEY_BYTES} bytes after {key_id!r}, got {len(key)}")
    return key_id, key
