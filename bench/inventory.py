"""A host and somebody who may use it, in the product's database: runs inside the product (bench/in_product.py)."""

from __future__ import annotations

from pathlib import Path

from django.contrib.auth.models import User
from django.utils import timezone

from hosts.credentials import store_secret
from hosts.models import Credential, Grant, Host, HostKey
from hosts.tokens import create_token

ACTIONS = ("connect", "view_own", "audit")
SCOPES = ("read", "connect", "audit")


def make_inventory(port: int, username: str, key: str, fingerprint: str) -> dict[str, str]:
    """Make both, and return the host's id and an API token."""
    credential = Credential(name="key", username=username, kind=Credential.Kind.PRIVATE_KEY)
    store_secret(credential, Path(key).read_text())
    credential.save()
    host = Host.objects.create(name="target", address="127.0.0.1", port=port, credential=credential)
    HostKey.objects.create(
        host=host, algorithm="ssh-ed25519", fingerprint=fingerprint, source=HostKey.Source.FINGERPRINT
    )
    bob = User.objects.create_user("bob")
    Grant.objects.create(user=bob, host=host, valid_from=timezone.now(), **dict.fromkeys(ACTIONS, True))
    _, token = create_token(bob, "bench", SCOPES, 1)
    return {"host": str(host.pk), "token": token.reveal().decode()}
