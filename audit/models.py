"""What was kept: sessions, their segments, what was found in them, and the ledger."""

from __future__ import annotations

import uuid
from typing import Any, NoReturn

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Session(models.Model):
    """One person on one host, once. Names are copied so that they stay readable when people and hosts are gone."""

    class State(models.TextChoices):
        LIVE = "live", _("Live")
        DETACHED = "detached", _("Waiting for its person")
        ENDED = "ended", _("Ended, being sealed")
        SEALED = "sealed", _("Sealed")
        RECOVERED = "recovered", _("Recovered")
        FAILED = "failed", _("Failed")
        IMPORTED = "imported", _("Imported")

    RUNNING = (State.LIVE, State.DETACHED)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=16, default="terminal")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    user_name = models.CharField(max_length=150)
    host = models.ForeignKey("hosts.Host", on_delete=models.PROTECT, related_name="+")
    host_name = models.CharField(max_length=100)
    account = models.CharField(max_length=255, blank=True)
    encoding = models.CharField(max_length=32, default="utf-8")
    state = models.CharField(max_length=16, choices=State.choices, default=State.LIVE)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    # One word from bastion's table of endings ("exit", "idle", "terminated", "recovered", …) and a sentence for people.
    end_reason = models.CharField(max_length=32, blank=True)
    end_detail = models.CharField(max_length=500, blank=True)
    exit_status = models.IntegerField(null=True)
    exit_signal = models.CharField(max_length=32, blank=True)
    # Somebody with the right to terminate asked for the end; the session's process looks here every few seconds, so
    # that it also learns of it when Redis is down.
    end_requested_at = models.DateTimeField(null=True)
    end_requested_by_name = models.CharField(max_length=150, blank=True)
    end_requested_reason = models.CharField(max_length=500, blank=True)
    cols = models.PositiveIntegerField()
    rows = models.PositiveIntegerField()
    # Of the events stored so far: seconds, bytes from the host, number of events.
    duration = models.FloatField(default=0)
    output_bytes = models.BigIntegerField(default=0)
    events = models.BigIntegerField(default=0)
    has_gaps = models.BooleanField(default=False)
    # [[from, until or null, words], …] in seconds: what was on the terminal then is not in the recording.
    gaps = models.JSONField(default=list)
    # SHA-256 of the stored manifest, a signed note; empty until sealed.
    manifest_sha256 = models.CharField(max_length=64, blank=True)
    # Its keys, objects and everything derived were destroyed under a retention policy; the seal stays.
    deleted_at = models.DateTimeField(null=True)
    deleted_under = models.CharField(max_length=200, blank=True)
    # Nothing is left of it; until then a deletion that was interrupted goes on (audit/retention/deletion.py).
    destroyed_at = models.DateTimeField(null=True)
    # Who has its directory while it is not sealed, and when that was last said, by the database's clock.
    node = models.CharField(max_length=255, blank=True)
    heard_at = models.DateTimeField(null=True)
    client_address = models.CharField(max_length=64, blank=True)
    user_agent = models.CharField(max_length=300, blank=True)
    # Whether commands could be told: marked, learned, guessed, not_found; empty until indexed.
    commands_confidence = models.CharField(max_length=16, blank=True)
    command_count = models.PositiveIntegerField(default=0)
    index_claimed_until = models.DateTimeField(null=True)
    index_error = models.CharField(max_length=500, blank=True)
    # Opaque to the database: what the indexer carries from one segment to the next.
    index_state = models.BinaryField(null=True, editable=False)

    class Meta:
        ordering = ["-started_at", "-id"]
        indexes = [
            models.Index(fields=["-started_at", "-id"], name="session_newest"),
            models.Index(fields=["user", "-started_at"], name="session_by_user"),
            models.Index(fields=["host", "-started_at"], name="session_by_host"),
            models.Index(fields=["state", "-started_at"], name="session_by_state"),
            models.Index(fields=["user_name", "-started_at"], name="session_by_user_name"),
            models.Index(fields=["host_name", "-started_at"], name="session_by_host_name"),
            models.Index(
                fields=["deleted_at"],
                condition=models.Q(deleted_at__isnull=False, destroyed_at__isnull=True),
                name="session_being_deleted",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_name} on {self.host_name}, {self.started_at:%Y-%m-%d %H:%M}"


class RecordingKey(models.Model):
    """A 256-bit key of a recording, wrapped with age for those who may read it. Without `wrapped` it is destroyed.

    A recording has one, and one more for each recovery, which cannot unwrap the keys before it.
    """

    id = models.BigAutoField(primary_key=True)
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="keys")
    ordinal = models.PositiveSmallIntegerField()
    wrapped = models.BinaryField(null=True, editable=False)
    # Hex SHA-256("bastion-key-v1" || key): says which key it was, and nothing about it.
    commitment = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)
    destroyed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["session", "ordinal"]
        constraints = [models.UniqueConstraint(fields=["session", "ordinal"], name="recording_key_once")]

    def __str__(self) -> str:
        return f"{self.session_id}/key {self.ordinal}"


class Segment(models.Model):
    """One closed, immutable part of a recording (see docs/architecture.md, "The segment is the unit")."""

    id = models.BigAutoField(primary_key=True)
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="segments")
    n = models.PositiveIntegerField()
    object_name = models.CharField(max_length=200)
    # Which RecordingKey it is encrypted with.
    key_ordinal = models.PositiveSmallIntegerField(default=0)
    # Hex SHA-256 of the stored object, of salt || asciicast bytes, and the chain up to here.
    object_sha256 = models.CharField(max_length=64)
    plain_sha256 = models.CharField(max_length=64)
    chain = models.CharField(max_length=64)
    # Times of the first and the last event, seconds since the session started.
    start = models.FloatField()
    end = models.FloatField()
    # Size of the terminal when the segment begins.
    cols = models.PositiveIntegerField()
    rows = models.PositiveIntegerField()
    plain_bytes = models.BigIntegerField()
    stored_bytes = models.BigIntegerField()
    output_bytes = models.BigIntegerField()
    events = models.PositiveIntegerField()
    # [[t, seconds], …]: silences longer than replay's idle limit that begin in this segment.
    silences = models.JSONField(default=list)
    # [[t, label], …] of the first markers in this segment, so that replay can show them without reading it.
    markers = models.JSONField(default=list)
    recovered = models.BooleanField(default=False)
    closed_at = models.DateTimeField()
    # Derived by the indexer, encrypted with the recording's key: terminal output that rebuilds the screen as it is when
    # this segment ENDS, so that segment n+1 can be shown without the ones before it.
    snapshot = models.BinaryField(null=True, editable=False)
    snapshot_cols = models.PositiveIntegerField(null=True)
    snapshot_rows = models.PositiveIntegerField(null=True)
    indexed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["session", "n"]
        constraints = [models.UniqueConstraint(fields=["session", "n"], name="segment_once")]
        indexes = [
            models.Index(fields=["closed_at"], condition=models.Q(indexed_at__isnull=True), name="segment_not_indexed"),
        ]

    def __str__(self) -> str:
        return f"{self.session_id}/{self.n}"


class Command(models.Model):
    """A command that was run, as the screen and the keys tell it."""

    id = models.BigAutoField(primary_key=True)
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="commands")
    ordinal = models.PositiveIntegerField()
    # Seconds since the session started; `at` is the same moment on the wall clock.
    t = models.FloatField()
    end_t = models.FloatField(null=True)
    at = models.DateTimeField()
    command = models.TextField()
    # How it was found: shell-mark, screen, screen-only, paste, exec, hidden.
    source = models.CharField(max_length=16)
    confidence = models.FloatField()
    exit_status = models.IntegerField(null=True)
    # Copied from the session, so that permission is part of one indexed query.
    user_id = models.IntegerField(null=True)
    host_id = models.UUIDField()

    class Meta:
        ordering = ["-at", "-id"]
        constraints = [models.UniqueConstraint(fields=["session", "ordinal"], name="command_once")]
        indexes = [
            models.Index(fields=["-at", "-id"], name="command_newest"),
            models.Index(fields=["host_id", "-at"], name="command_by_host"),
        ]

    def __str__(self) -> str:
        return self.command


class AppendOnlyError(Exception):
    """Somebody tried to change or remove what is only ever added to."""


class AuditEvent(models.Model):
    """One line of the ledger: who did what to which object, when, from where, with which outcome. Append-only.

    Nothing here is a foreign key: a line must not change when what it speaks of does.
    """

    class Outcome(models.TextChoices):
        OK = "ok", _("Done")
        DENIED = "denied", _("Denied")
        FAILED = "failed", _("Failed")

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(db_index=True)
    actor_id = models.IntegerField(null=True)
    actor_name = models.CharField(max_length=150, blank=True)
    action = models.CharField(max_length=64)
    object_type = models.CharField(max_length=32, blank=True)
    object_id = models.CharField(max_length=64, blank=True)
    object_name = models.CharField(max_length=200, blank=True)
    # The host that the event is about, if any: auditors of that host may read it.
    host_id = models.UUIDField(null=True)
    session_id = models.UUIDField(null=True)
    address = models.CharField(max_length=64, blank=True)
    outcome = models.CharField(max_length=8, choices=Outcome.choices, default=Outcome.OK)
    detail = models.JSONField(default=dict)
    # 32 random bytes, so that the line's leaf in the tree says nothing about the line (audit/ledger.py).
    salt = models.BinaryField(default=bytes, editable=False)

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [
            models.Index(fields=["-at", "-id"], name="event_newest"),
            # Lists leave anchors out, and there may be hundreds between two other lines.
            models.Index(fields=["-at", "-id"], condition=~models.Q(action="session.anchored"), name="event_listed"),
            models.Index(fields=["action", "-at"], name="event_by_action"),
            models.Index(fields=["object_type", "object_id"], name="event_by_object"),
            models.Index(
                fields=["session_id", "id"], condition=models.Q(session_id__isnull=False), name="event_by_session"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.actor_name} {self.action} {self.object_name}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnlyError("A line of the ledger cannot be changed.")
        super().save(*args, **kwargs)

    def delete(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        raise AppendOnlyError("A line of the ledger cannot be removed.")


class RecordingView(models.Model):
    """That a person looks at a recording in one sign-in: requests within 30 minutes of `at` are the same view."""

    id = models.BigAutoField(primary_key=True)
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="+")
    user_id = models.IntegerField()
    # Digest of the login (web session or API token) that looks.
    login = models.CharField(max_length=64)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["session", "user_id", "login"], name="recording_view_once")]

    def __str__(self) -> str:
        return f"{self.user_id} looks at {self.session_id}"


class PendingLeaf(models.Model):
    """A line of the ledger that is not in the tree yet. Written in the transaction of the line."""

    event = models.OneToOneField(AuditEvent, primary_key=True, on_delete=models.DO_NOTHING, related_name="+")

    def __str__(self) -> str:
        return str(self.event_id)


class LedgerLeaf(models.Model):
    """Which line of the ledger is leaf number `position` of the tree."""

    position = models.BigIntegerField(primary_key=True)
    event = models.OneToOneField(AuditEvent, on_delete=models.DO_NOTHING, related_name="leaf")

    def __str__(self) -> str:
        return f"{self.position}: {self.event_id}"


class LedgerNode(models.Model):
    """The hash of a complete subtree of 2^level leaves, the `position`-th of its level (RFC 6962, section 2.1)."""

    id = models.BigAutoField(primary_key=True)
    level = models.PositiveSmallIntegerField()
    position = models.BigIntegerField()
    hash = models.BinaryField(max_length=32)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["level", "position"], name="ledger_node_once")]

    def __str__(self) -> str:
        return f"{self.level}/{self.position}"


class Checkpoint(models.Model):
    """A signed statement of the ledger's size and root (C2SP tlog-checkpoint). `note` is the whole text."""

    id = models.BigAutoField(primary_key=True)
    size = models.BigIntegerField()
    root = models.CharField(max_length=64)
    note = models.TextField()
    at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["size"], name="checkpoint_once")]

    def __str__(self) -> str:
        return f"{self.size} {self.root}"


class VerificationKey(models.Model):
    """The public half of a key that signs seals and checkpoints, as a C2SP vkey. Kept for ever."""

    id = models.BigAutoField(primary_key=True)
    vkey = models.CharField(max_length=300, unique=True)
    # Eight hex digits: SHA-256(name || "\n" || 0x01 || public key), its first four bytes.
    key_id = models.CharField(max_length=8)
    created_at = models.DateTimeField(auto_now_add=True)
    retired_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.vkey


class RetentionPolicy(models.Model):
    """After how many days recordings of a host group are deleted; without a group, those of all other hosts."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # Protected: without its policy, a group's recordings would fall under another one, perhaps a shorter one.
    host_group = models.OneToOneField("hosts.HostGroup", null=True, on_delete=models.PROTECT, related_name="+")
    days = models.PositiveIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                models.Value(1), condition=models.Q(host_group__isnull=True), name="one_default_retention_policy"
            ),
            models.CheckConstraint(condition=models.Q(days__gte=1), name="retention_is_at_least_a_day"),
        ]

    def __str__(self) -> str:
        return f"{self.host_group or 'all other hosts'}: {self.days} days"


class LegalHold(models.Model):
    """Recordings that nobody may delete, until it is released: of one session, person, host or host group."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey(Session, null=True, on_delete=models.PROTECT, related_name="holds")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    host = models.ForeignKey("hosts.Host", null=True, on_delete=models.PROTECT, related_name="+")
    host_group = models.ForeignKey("hosts.HostGroup", null=True, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=500)
    owner_name = models.CharField(max_length=150)
    created_at = models.DateTimeField(auto_now_add=True)
    released_at = models.DateTimeField(null=True)
    released_by_name = models.CharField(max_length=150, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=(
                    models.Q(session__isnull=False, user=None, host=None, host_group=None)
                    | models.Q(session=None, user__isnull=False, host=None, host_group=None)
                    | models.Q(session=None, user=None, host__isnull=False, host_group=None)
                    | models.Q(session=None, user=None, host=None, host_group__isnull=False)
                ),
                name="hold_names_one_thing",
            )
        ]

    def __str__(self) -> str:
        return f"{self.session or self.user or self.host or self.host_group}: {self.reason}"
