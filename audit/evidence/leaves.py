"""What the tree of the ledger holds of a line: a small text that says when and what, and a salted hash of the rest.

Who has a leaf learns nothing about person or object; the payload and the salt that belong to it prove what they are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from audit.models import AuditEvent


def canonical_json(value: Mapping[str, Any]) -> bytes:
    """Return the one form that is hashed and signed: sorted keys, ASCII, no spaces."""
    return json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":")).encode()


def instant(moment: datetime) -> str:
    """Return a moment as ISO 8601 in UTC with microseconds, `2026-11-21T15:00:00.000000Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def payload_of(event: AuditEvent) -> bytes:
    """Return the canonical JSON of all columns of a stored line except its salt."""
    return canonical_json(
        {
            "id": event.pk,
            "at": instant(event.at),
            "actor_id": event.actor_id,
            "actor_name": event.actor_name,
            "action": event.action,
            "object_type": event.object_type,
            "object_id": event.object_id,
            "object_name": event.object_name,
            "host_id": str(event.host_id) if event.host_id else None,
            "session_id": str(event.session_id) if event.session_id else None,
            "address": event.address,
            "outcome": event.outcome,
            "detail": event.detail,
        }
    )


def leaf_of(event: AuditEvent) -> bytes:
    """Return the bytes that are hashed into the tree for a line, as it is stored."""
    digest = hashlib.sha256(bytes(event.salt) + payload_of(event)).hexdigest()
    return f"bastion-leaf-v1\n{event.pk}\n{event.action}\n{instant(event.at)}\n{digest}\n".encode()
