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
    # The recording's 256-bit key, sealed by hosts.vault, row-bound.
    sealed_key = models.BinaryField(editable=False)
    # SHA-256 of the sealed manifest object; empty until sealed.
    manifest_sha256 = models.CharField(max_length=64, blank=True)
    node = models.CharField(max_length=255, blank=True)
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
        ]

    def __str__(self) -> str:
        return f"{self.user_name} on {self.host_name}, {self.started_at:%Y-%m-%d %H:%M}"


class Segment(models.Model):
    """One closed, immutable part of a recording (see docs/architecture.md, "The segment is the unit")."""

    id = models.BigAutoField(primary_key=True)
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="segments")
    n = models.PositiveIntegerField()
    object_name = models.CharField(max_length=200)
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
    # Derived by the indexer, sealed by hosts.vault: terminal output that rebuilds the screen as it is when this
    # segment ENDS, so that segment n+1 can be shown without the ones before it.
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

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [
            models.Index(fields=["-at", "-id"], name="event_newest"),
            models.Index(fields=["action", "-at"], name="event_by_action"),
            models.Index(fields=["object_type", "object_id"], name="event_by_object"),
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
