"""Credentials through the API."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from django.contrib.auth.models import User

from hosts.credentials import open_credential
from hosts.models import Credential
from tests.inventory import Browser, announcements, brief, fields_of, new_host

KEY = (
    ed25519.Ed25519PrivateKey.generate()
    .private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.BestAvailableEncryption(b"open sesame"),
    )
    .decode()
)
CANARY = "c4nary-passw0rd"


@pytest.fixture
def admin(alice: User) -> Browser:
    return Browser(alice)


def test_secrets_of_credentials_go_in_and_never_come_out(admin: Browser) -> None:
    body = {"name": "deploy", "username": "deploy", "kind": "password", "secret": CANARY}
    with announcements() as heard:
        made = admin.post("credentials/", body)
        assert made.status_code == 201, made.content
        path = f"credentials/{made.json()['id']}/"
        changed = admin.patch(path, {"secret": CANARY + "2"})
        kept = admin.patch(path, {"name": "deploy 2"})
    everything = (
        b"".join(
            [made.content, changed.content, kept.content, admin.get("credentials/").content, admin.get(path).content]
        )
        + json.dumps([said["detail"] for said in heard]).encode()
    )
    assert CANARY.encode() not in everything
    assert "secret" not in made.json()
    assert [(said["action"], sorted(said["detail"]["after"])) for said in heard] == [
        ("credential.created", ["fingerprint", "kind", "name", "secret", "username"]),
        ("credential.changed", ["secret"]),
        ("credential.changed", ["name"]),
    ]
    login = open_credential(Credential.objects.get())
    assert login.password is not None
    assert login.password.reveal().decode() == CANARY + "2"


def test_a_private_key_is_kept_with_its_fingerprint(admin: Browser) -> None:
    body = {"name": "k", "username": "deploy", "kind": "private_key", "secret": KEY, "passphrase": "open sesame"}
    made = admin.post("credentials/", body)
    assert made.status_code == 201, made.content
    assert made.json()["fingerprint"].startswith("SHA256:")
    assert open_credential(Credential.objects.get()).private_key_pem is not None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"secret": KEY}, "passphrase"),
        ({"secret": KEY, "passphrase": "wrong"}, "passphrase"),
        ({"secret": "rubbish"}, "secret"),
        ({"secret": None}, "secret"),
        ({"secret": "x" * 40_000}, "secret"),
        ({"kind": "password", "secret": "a\nb"}, "secret"),
        ({"kind": "password", "secret": "x", "passphrase": "y"}, "passphrase"),
        ({"kind": "token"}, "kind"),
        ({"username": "-oProxyCommand=x"}, "username"),
        ({"username": "root\n"}, "username"),
        ({"name": "a\x00b"}, "name"),
        ({"name": "TAKEN"}, "name"),
    ],
    ids=brief,
)
def test_an_unusable_credential_is_refused_at_its_field(admin: Browser, changes: dict[str, Any], field: str) -> None:
    Credential.objects.create(name="taken", username="x", kind="password", sealed_secret=b"")
    good = {"name": "k", "username": "deploy", "kind": "private_key", "secret": KEY, "passphrase": "open sesame"}
    if "secret" in changes and "passphrase" not in changes:
        del good["passphrase"]
    if "kind" in changes and changes["kind"] == "token":
        del good["passphrase"]
    response = admin.post("credentials/", {**good, **changes})
    assert (response.status_code, fields_of(response)) == (400, {field}), response.content
    assert Credential.objects.count() == 1
    assert b"BEGIN OPENSSH" not in response.content


def test_another_kind_needs_another_secret(admin: Browser) -> None:
    body = {"name": "deploy", "username": "deploy", "kind": "password", "secret": CANARY}
    path = f"credentials/{admin.post('credentials/', body).json()['id']}/"
    assert fields_of(admin.patch(path, {"kind": "private_key"})) == {"secret"}


def test_a_credential_in_use_stays(admin: Browser) -> None:
    credential = Credential.objects.create(name="deploy", username="x", kind="password", sealed_secret=b"")
    host = new_host("web-01", credential=credential)
    response = admin.delete(f"credentials/{credential.pk}/")
    assert response.status_code == 409
    assert "web-01" in response.json()["detail"]
    assert admin.get(f"credentials/{credential.pk}/").json()["host_count"] == 1
    assert admin.patch(f"hosts/{host.pk}/", {"credential_id": None}).status_code == 200
    with announcements() as heard:
        assert admin.delete(f"credentials/{credential.pk}/").status_code == 204
    assert [said["action"] for said in heard] == ["credential.deleted"]
