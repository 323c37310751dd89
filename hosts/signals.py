"""How others learn that what may be reached, or by whom, has changed."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.dispatch import Signal

from hosts.logins import Login

# Sent exactly once for each change, in the transaction that makes it: a receiver that raises undoes the change.
# Arguments: action ("host.created"), actor (Login, or None for the system), object_type, object_id, object_name,
# host_id (UUID or None) and detail (JSON, without secrets).
inventory_changed = Signal()


def announce(
    action: str,
    *,
    actor: Login | None,
    object_id: object,
    object_name: str,
    object_type: str = "",
    host_id: UUID | None = None,
    detail: dict[str, Any] | None = None,
) -> None:
    """Send `inventory_changed`. By default the type is what `action` has before its dot."""
    inventory_changed.send(
        sender=None,
        action=action,
        actor=actor,
        object_type=object_type or action.partition(".")[0],
        object_id=str(object_id),
        object_name=object_name,
        host_id=host_id,
        detail=detail or {},
    )
