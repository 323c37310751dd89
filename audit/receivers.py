"""What the ledger learns from others: changes of the inventory (hosts.signals), in the transaction that makes them."""

from __future__ import annotations

from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.models.signals import post_migrate
from django.dispatch import receiver

from audit import append_only, ledger
from audit.control import wake_sessions
from hosts.logins import Login
from hosts.signals import inventory_changed


@receiver(inventory_changed, dispatch_uid="audit.record_inventory_change")
def record_inventory_change(
    sender: object,
    *,
    action: str,
    actor: Login | None,
    object_type: str = "",
    object_id: object = "",
    object_name: str = "",
    host_id: Any = None,
    detail: dict[str, Any] | None = None,
    **_unused: object,
) -> None:
    """Write the line. An error here undoes the change: what is not in the ledger does not happen."""
    del sender
    ledger.record(
        action,
        login=actor,
        object_type=object_type,
        object_id=object_id,
        object_name=object_name,
        host_id=host_id,
        detail=detail,
    )
    # Whoever lost access by this loses it at once, not when running sessions look next.
    transaction.on_commit(wake_sessions, robust=True)


@receiver(post_migrate, dispatch_uid="audit.keep_ledger_append_only")
def keep_ledger_append_only(sender: Any, using: str = DEFAULT_DB_ALIAS, **_unused: object) -> None:
    """Put the triggers back after a migration that rebuilt a table (SQLite drops them with the old one)."""
    if sender.name == "audit":
        append_only.install(connections[using])
