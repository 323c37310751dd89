"""The demo host in the inventory: offered while only this machine can reach Bastion, withdrawn otherwise."""

from __future__ import annotations

from pathlib import Path

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from bastion import demo_host
from bastion.administrator import NAME as ADMINISTRATOR
from hosts.access import Action
from hosts.credentials import store_secret
from hosts.host_keys import ParsedKey, fingerprint_of, pin
from hosts.models import Credential, Grant, Host, HostKey
from hosts.signals import announce

HOST_NAME = "demo"
CREDENTIAL_NAME = "demo host"
GRANT_REASON = "Demo host, for the first administrator alone"
NOTES = (
    "This machine, for trying Bastion out. A shell here runs as the same system user as Bastion itself ({account}), so"
    " whoever connects can read Bastion's own files. It is offered only while Bastion can be reached from this machine"
    " alone. Retire it before you depend on Bastion."
)


def offer() -> None:
    """Make the demo host reachable, and known to the first administrator at the first start.

    What an administrator did to it stays done: it does not come back when it was retired, and a disabled one is
    enabled again only if `withdraw` disabled it.
    """
    host = Host.objects.filter(is_demo=True).first()
    if host and host.retired_at:
        demo_host.drop_plan()
        return
    plan = demo_host.make_plan()
    with transaction.atomic():
        if host is None:
            _create(plan)
        elif host.port != plan.port or _withdrawn_mark().exists():
            host.port = plan.port
            host.enabled = host.enabled or _withdrawn_mark().exists()
            host.save(update_fields=["port", "enabled"])
            announce("host.changed", actor=None, object_id=host.pk, object_name=host.name, host_id=host.pk)
    _withdrawn_mark().unlink(missing_ok=True)


def withdraw() -> None:
    """Disable the demo host, if there is one: others can reach Bastion, or it was started for real use."""
    demo_host.drop_plan()
    for host in Host.objects.filter(is_demo=True, enabled=True, retired_at__isnull=True):
        host.enabled = False
        with transaction.atomic():
            host.save(update_fields=["enabled"])
            announce("host.changed", actor=None, object_id=host.pk, object_name=host.name, host_id=host.pk)
        _withdrawn_mark().parent.mkdir(mode=0o700, exist_ok=True)
        _withdrawn_mark().touch()


def _withdrawn_mark() -> Path:
    return demo_host.directory() / "withdrawn"


def _create(plan: demo_host.Plan) -> None:
    administrator = User.objects.filter(username=ADMINISTRATOR, is_superuser=True).first()
    if administrator is None:
        return
    credential = Credential(name=CREDENTIAL_NAME, username=plan.account, kind=Credential.Kind.PRIVATE_KEY)
    store_secret(credential, demo_host.client_key())
    credential.save()
    host = Host.objects.create(
        name=HOST_NAME,
        address="127.0.0.1",
        port=plan.port,
        credential=credential,
        notes=NOTES.format(account=plan.account),
        is_demo=True,
    )
    key = ParsedKey("ssh-ed25519", fingerprint_of(demo_host.host_key_blob()))
    pin(host, key, HostKey.Source.DEMO, actor=None)
    grant = Grant.objects.create(
        user=administrator,
        host=host,
        **{action.value: True for action in Action},
        valid_from=timezone.now(),
        reason=GRANT_REASON,
    )
    for action, row in (("credential.created", credential), ("host.created", host), ("grant.created", grant)):
        announce(action, actor=None, object_id=row.pk, object_name=str(row), host_id=host.pk)
