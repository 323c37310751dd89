from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from django.contrib.auth.models import User

from hosts.host_keys import (
    HostKeyError,
    ParsedKey,
    fingerprint_of,
    parse_fingerprint,
    parse_known_hosts_line,
    pin,
    pinned_fingerprints,
    pinned_keys,
    unpin,
)
from hosts.models import HostKey
from tests.inventory import announcements, brief, browser_login, new_host

OPENSSH = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
PUBLIC_LINES = {
    "ssh-ed25519": ed25519.Ed25519PrivateKey.from_private_bytes(b"k" * 32).public_key().public_bytes(*OPENSSH).decode(),
    "ssh-rsa": rsa.generate_private_key(65537, 2048).public_key().public_bytes(*OPENSSH).decode(),
    "ecdsa-sha2-nistp256": ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(*OPENSSH).decode(),
}
LINE = PUBLIC_LINES["ssh-ed25519"]
FINGERPRINT = fingerprint_of(base64.b64decode(LINE.split()[1]))


@pytest.mark.parametrize("algorithm", PUBLIC_LINES)
def test_known_hosts_lines_are_understood(algorithm: str) -> None:
    public = PUBLIC_LINES[algorithm]
    expected = ParsedKey(algorithm, fingerprint_of(base64.b64decode(public.split()[1])))
    for line in (
        public,
        f"web-01 {public}",
        f"[web-01]:2222,10.0.0.5 {public} a comment",
        f"|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg= {public}",
        f"# a comment\r\nweb-01 {public}\r\n",
    ):
        assert parse_known_hosts_line(line) == expected


def test_fingerprints_are_those_of_ssh_keygen(tmp_path: Path) -> None:
    path = tmp_path / "key.pub"
    path.write_text(LINE + "\n")
    try:
        printed = subprocess.run(["ssh-keygen", "-lf", path], capture_output=True, text=True, check=True).stdout
    except FileNotFoundError:
        pytest.skip("no ssh-keygen here")
    assert FINGERPRINT in printed
    assert parse_fingerprint(printed) == FINGERPRINT


@pytest.mark.parametrize(
    "text", [FINGERPRINT, f" {FINGERPRINT} ", f"256 {FINGERPRINT} root@web-01 (ED25519)\n", f"{FINGERPRINT}="]
)
def test_fingerprints_are_understood_as_they_are_pasted(text: str) -> None:
    assert parse_fingerprint(text) == FINGERPRINT


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SHA256:",
        "SHA256:abc",
        FINGERPRINT[:-1],
        FINGERPRINT + "A",
        FINGERPRINT[:-1] + "/",
        "MD5:" + ":".join(["aa"] * 16),
        ":".join(["aa"] * 16),
        f"{FINGERPRINT} {FINGERPRINT}",
        "SHA1:abcdefghijklmnopqrstuvwxyz0",
        "\x00" * 50,
        "x" * 1_000_000,
    ],
    ids=brief,
)
def test_what_is_no_fingerprint_is_refused_with_words(text: str) -> None:
    with pytest.raises(HostKeyError, match=r"\w"):
        parse_fingerprint(text)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "# only a comment",
        "web-01",
        "web-01 ssh-ed25519",
        "web-01 ssh-ed25519 !!!!",
        "web-01 ssh-ed25519 AAAA",
        f"web-01 ssh-rsa {LINE.split()[1]}",
        f"@cert-authority *.example.org {LINE}",
        f"@revoked web-01 {LINE}",
        f"{LINE}\n{LINE}",
        "web-01 ssh-dss AAAAB3NzaC1kc3MAAACBAP",
        "web-01 ssh-ed25519-cert-v01@openssh.com AAAA",
        "web-01 sk-ssh-ed25519@openssh.com AAAA",
        "web-01 ssh-ed25519 " + "A" * 100_000,
        f"web-01 {LINE[:40]}",
    ],
    ids=brief,
)
def test_hostile_lines_are_refused_with_words(line: str) -> None:
    with pytest.raises(HostKeyError, match=r"\w"):
        parse_known_hosts_line(line)


def test_pinning_is_announced_once_and_unpinning_too(alice: User) -> None:
    host, login = new_host("web-01"), browser_login(alice)
    key = parse_known_hosts_line(LINE)
    with announcements() as heard:
        pinned, is_new = pin(host, key, HostKey.Source.KNOWN_HOSTS, login)
        again, is_new_again = pin(host, key, HostKey.Source.SCAN, login)
        assert (pinned, is_new, is_new_again) == (again, True, False)
        assert pinned_fingerprints(host) == {FINGERPRINT}
        assert pinned_keys(host) == [key]
        assert pinned.pinned_by_name == "alice"
        unpin(pinned, login)
        assert pinned_fingerprints(host) == set()
    assert [(said["action"], said["host_id"], said["object_name"]) for said in heard] == [
        ("host_key.pinned", host.pk, "web-01"),
        ("host_key.unpinned", host.pk, "web-01"),
    ]
    assert heard[0]["detail"]["fingerprint"] == FINGERPRINT
