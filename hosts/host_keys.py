"""Pinned host keys: what a person can paste, and what is stored of it (OpenSSH's sshd(8), SSH_KNOWN_HOSTS FORMAT)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_ssh_public_key
from django.db import transaction
from django.utils.translation import gettext as _

from hosts.logins import Login
from hosts.models import Host, HostKey
from hosts.signals import announce

_FINGERPRINT = re.compile(r"(?:SHA256:)?(?P<digest>[A-Za-z0-9+/]{43})=?")
_ALGORITHMS = frozenset(
    {
        "ssh-ed25519",
        "ssh-rsa",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
    }
)
_LONGEST_LINE = 8192


class HostKeyError(ValueError):
    """What was pasted is no host key that can be pinned. The message says why, for the person who pasted it."""


@dataclass(frozen=True)
class ParsedKey:
    """`algorithm` is empty when only a fingerprint is known."""

    algorithm: str
    fingerprint: str


def fingerprint_of(key_blob: bytes) -> str:
    """Return SHA256:… as `ssh-keygen -lf` prints it, of a public key in SSH wire format (RFC 4253, section 6.6)."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key_blob).digest()).decode("ascii").rstrip("=")


def parse_fingerprint(text: str) -> str:
    """Return the fingerprint in a line such as `256 SHA256:… root@web-01 (ED25519)` or alone. Raises HostKeyError."""
    words = text[:_LONGEST_LINE].split()
    candidates = [word for word in words if word.startswith("SHA256:")] or words[:1]
    if len(candidates) > 1:
        raise HostKeyError(_("Expected one fingerprint, got %(count)d.") % {"count": len(candidates)})
    match = _FINGERPRINT.fullmatch(candidates[0]) if candidates else None
    if match is None:
        if "MD5:" in text or re.search(r"(?:[0-9a-f]{2}:){15}", text):
            raise HostKeyError(_("MD5 fingerprints prove nothing. Use the one that `ssh-keygen -lf` prints: SHA256:…"))
        raise HostKeyError(_("Expected SHA256: and 43 characters, as `ssh-keygen -lf` prints it."))
    digest = match["digest"]
    # 43 characters carry 258 bits; a text whose last 2 bits are set is a typing error, and never what a key gives.
    if base64.b64encode(base64.b64decode(digest + "=")).decode("ascii").rstrip("=") != digest:
        raise HostKeyError(_("The fingerprint is mistyped: no key has it."))
    return f"SHA256:{digest}"


def parse_known_hosts_line(line: str) -> ParsedKey:
    """Return the key of a known_hosts line or of a public key file's line. Raises HostKeyError.

    The names on the line are not compared with the host: they may be hashed, or those of another network.
    """
    words = _one_line(line).split()
    if words and words[0].startswith("@"):
        raise HostKeyError(
            _("Lines with %(marker)s are not supported; paste the host's own key.") % {"marker": words[0]}
        )
    at = next((index for index, word in enumerate(words[:3]) if word in _ALGORITHMS), None)
    if at is None or at + 1 >= len(words):
        if any(word.endswith(("-cert-v01@openssh.com", "ssh-dss")) or word.startswith("sk-") for word in words[:3]):
            raise HostKeyError(_("Keys of this kind are not supported: use Ed25519, ECDSA or RSA."))
        raise HostKeyError(_("Expected a line such as `web-01 ssh-ed25519 AAAA…`."))
    blob = _decode(words[at + 1])
    try:
        load_ssh_public_key(f"{words[at]} {words[at + 1]}".encode("ascii"))
    except (ValueError, UnsupportedAlgorithm):
        raise HostKeyError(_("The key on the line is damaged: it is no %(kind)s key.") % {"kind": words[at]}) from None
    return ParsedKey(words[at], fingerprint_of(blob))


def pin(host: Host, key: ParsedKey, source: HostKey.Source, actor: Login | None) -> tuple[HostKey, bool]:
    """Trust `key` for `host`; the second value is False if it was trusted already, and then nothing changes."""
    with transaction.atomic():
        pinned, is_new = HostKey.objects.get_or_create(
            host=host,
            fingerprint=key.fingerprint,
            defaults={
                "algorithm": key.algorithm,
                "source": source,
                "pinned_by_name": actor.user.get_username() if actor else "",
            },
        )
        if is_new:
            _announce("host_key.pinned", pinned, actor)
    return pinned, is_new


def unpin(key: HostKey, actor: Login | None) -> None:
    """Stop trusting `key`. A host without pinned keys is refused."""
    with transaction.atomic():
        _announce("host_key.unpinned", key, actor)
        key.delete()


def pinned_keys(host: Host) -> list[ParsedKey]:
    """Return the keys that are trusted for `host` at this moment; empty means: refuse."""
    pinned = HostKey.objects.filter(host_id=host.pk).values_list("algorithm", "fingerprint")
    return [ParsedKey(algorithm, fingerprint) for algorithm, fingerprint in pinned]


def pinned_fingerprints(host: Host) -> set[str]:
    """Return the fingerprints that are trusted for `host` at this moment; empty means: refuse."""
    return set(HostKey.objects.filter(host_id=host.pk).values_list("fingerprint", flat=True))


def _announce(action: str, key: HostKey, actor: Login | None) -> None:
    announce(
        action,
        actor=actor,
        object_id=key.pk,
        object_name=key.host.name,
        host_id=key.host_id,
        detail={"algorithm": key.algorithm, "fingerprint": key.fingerprint, "source": str(key.source)},
    )


def _one_line(text: str) -> str:
    if len(text) > _LONGEST_LINE:
        raise HostKeyError(_("Expected one line of at most %(most)d characters.") % {"most": _LONGEST_LINE})
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if len(lines) != 1:
        raise HostKeyError(_("Expected one line, got %(count)d.") % {"count": len(lines)})
    return lines[0]


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise HostKeyError(_("The key on the line is damaged: it is not base64.")) from None
