"""The ledger: who did what to which object, when, from where, with which outcome. It only ever grows.

Four things keep it so: `AuditEvent.save` and `.delete` refuse a line that is stored, triggers in the database
(audit/append_only.py) refuse UPDATE and DELETE from anybody, actions are a closed set, and every line becomes a leaf of
a tree whose root is signed (audit/evidence/), which tells whoever remembers an earlier root that a line was changed.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Mapping
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Field
from django.utils import timezone

from audit.models import AuditEvent, PendingLeaf, Session
from hosts.logins import Login

SALT_BYTES = 32


class Action(StrEnum):
    """Everything that the ledger can say was done."""

    SIGN_IN_OK = "sign_in.ok"
    SIGN_IN_FAILED = "sign_in.failed"
    SIGN_OUT = "sign_out"
    NOTICE_ACCEPTED = "notice.accepted"
    PASSWORD_CHANGED = "password.changed"  # noqa: S105 a word of the ledger, not a password

    SESSION_STARTED = "session.started"
    SESSION_ENDED = "session.ended"
    SESSION_DENIED = "session.denied"
    SESSION_TERMINATED = "session.terminated"
    SESSION_ANCHORED = "session.anchored"

    RECORDING_VIEWED = "recording.viewed"
    RECORDING_DOWNLOADED = "recording.downloaded"
    RECORDING_SEALED = "recording.sealed"
    RECORDING_IMPORTED = "recording.imported"
    RECORDING_RECOVERED = "recording.recovered"
    RECORDING_VERIFIED = "recording.verified"
    RECORDING_DELETED = "recording.deleted"
    RETENTION_CHANGED = "retention.changed"
    HOLD_PLACED = "hold.placed"
    HOLD_RELEASED = "hold.released"
    KEY_ROTATED = "key.rotated"
    KEY_REWRAPPED = "key.rewrapped"
    SEARCH_PERFORMED = "search.performed"
    AUDIT_EXPORTED = "audit.exported"

    HOST_CREATED = "host.created"
    HOST_CHANGED = "host.changed"
    HOST_RETIRED = "host.retired"
    HOST_KEY_PINNED = "host_key.pinned"
    HOST_KEY_UNPINNED = "host_key.unpinned"
    HOST_KEY_CHANGED = "host_key.changed"
    HOST_GROUP_CREATED = "host_group.created"
    HOST_GROUP_CHANGED = "host_group.changed"
    HOST_GROUP_DELETED = "host_group.deleted"
    CREDENTIAL_CREATED = "credential.created"
    CREDENTIAL_CHANGED = "credential.changed"
    CREDENTIAL_DELETED = "credential.deleted"
    GRANT_CREATED = "grant.created"
    GRANT_REVOKED = "grant.revoked"
    USER_CREATED = "user.created"
    USER_CHANGED = "user.changed"
    USER_DELETED = "user.deleted"
    GROUP_CREATED = "group.created"
    GROUP_CHANGED = "group.changed"
    GROUP_DELETED = "group.deleted"
    TOKEN_CREATED = "token.created"  # noqa: S105
    TOKEN_REVOKED = "token.revoked"  # noqa: S105
    SETTING_CHANGED = "setting.changed"


def storable(value: Any) -> Any:
    """Return `value` with what no database can hold replaced: NUL by U+FFFD, lone surrogates by `?`."""
    match value:
        case str():
            return value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
        case Mapping():
            return {storable(str(key)): storable(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [storable(item) for item in value]
        case float() if not math.isfinite(value):
            return str(value)
        case bool() | int() | float() | None:
            return value
        case _:
            return storable(str(value))


def _fitting(name: str, value: str) -> str:
    """Cut `value` to the length of the column `name`: a line that does not fit must not be a line that is missing."""
    column: Field[str, str] = AuditEvent._meta.get_field(name)  # type: ignore[assignment]  # noqa: SLF001 documented API
    return str(storable(value))[: column.max_length]


def record(
    action: str,
    *,
    login: Login | None,
    actor_name: str = "",
    address: str = "",
    object_type: str = "",
    object_id: object = "",
    object_name: str = "",
    host_id: UUID | None = None,
    session_id: UUID | None = None,
    outcome: str = AuditEvent.Outcome.OK,
    detail: Mapping[str, Any] | None = None,
) -> AuditEvent:
    """Write one line, in the transaction of the caller if there is one; the tree takes it up after the commit.

    `login` is who did it and from where; None is the system, or somebody who is not signed in, whom `actor_name`
    may name. Raises ValueError for an action or outcome that is not in the closed set.
    """
    line = AuditEvent(
        at=timezone.now(),
        actor_id=login.user.pk if login else None,
        actor_name=_fitting("actor_name", actor_name or (login.user.get_username() if login else "")),
        action=Action(action).value,
        object_type=_fitting("object_type", object_type),
        object_id=_fitting("object_id", str(object_id)),
        object_name=_fitting("object_name", object_name),
        host_id=host_id,
        session_id=session_id,
        address=_fitting("address", address or (login.address if login else "")),
        outcome=AuditEvent.Outcome(outcome).value,
        detail=storable(dict(detail or {})),
        salt=secrets.token_bytes(SALT_BYTES),
    )
    # No savepoint: a line that cannot be written must undo what it is about.
    with transaction.atomic(savepoint=False):
        line.save(force_insert=True)
        PendingLeaf.objects.create(event=line)
    return line


def record_about(
    session: Session,
    action: Action,
    login: Login | None,
    detail: dict[str, object] | None = None,
    *,
    actor_name: str = "",
) -> None:
    """Write a line whose object is the session."""
    record(
        action,
        login=login,
        actor_name=actor_name,
        object_type="session",
        object_id=session.pk,
        object_name=f"{session.user_name} → {session.host_name}",
        host_id=session.host_id,
        session_id=session.pk,
        detail=detail,
    )
