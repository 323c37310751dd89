"""What may be reached, with which credential, and by whom."""

from __future__ import annotations

import re
import uuid

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

NAME_PATTERN = re.compile(r"[\w][\w .@:+/()\-]*", re.UNICODE)


def validate_name(value: str) -> None:
    """Raise ValidationError unless `value` can be shown and typed: no control characters, no leading sign."""
    if not NAME_PATTERN.fullmatch(value) or value != value.strip():
        raise ValidationError(
            _("Use letters, digits, spaces and . @ : + / ( ) - _, beginning with a letter or digit."),
            code="invalid_name",
        )


class InputPolicy(models.TextChoices):
    """How much of what a person types is kept. There is no policy for output: it is always recorded."""

    OFF = "off", _("Not recorded")
    MASKED = "masked", _("Recorded, what was not echoed only as a count")
    FULL = "full", _("Recorded in full")


class HostGroup(models.Model):
    """A set of hosts that grants can name."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100, unique=True, validators=[validate_name])
    notes = models.TextField(blank=True, max_length=4000)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Credential(models.Model):
    """A login on hosts. `sealed_secret` is written through hosts.vault and never leaves the server."""

    class Kind(models.TextChoices):
        PASSWORD = "password", _("Password")
        PRIVATE_KEY = "private_key", _("Private key")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100, unique=True, validators=[validate_name])
    username = models.CharField(max_length=255)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    sealed_secret = models.BinaryField(editable=False)
    # SHA256:… of the public half, so that a person can tell which key is stored; empty for passwords.
    fingerprint = models.CharField(max_length=100, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Host(models.Model):
    """A server that can be reached. Hosts are retired, never removed: recordings refer to them for ever."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100, validators=[validate_name])
    address = models.CharField(max_length=255)
    port = models.PositiveIntegerField(default=22, validators=[MinValueValidator(1), MaxValueValidator(65535)])
    groups = models.ManyToManyField(HostGroup, blank=True, related_name="hosts")
    labels = models.JSONField(default=dict, blank=True)
    notes = models.TextField(blank=True, max_length=4000)
    enabled = models.BooleanField(default=True)
    credential = models.ForeignKey(Credential, null=True, blank=True, on_delete=models.PROTECT, related_name="hosts")
    encoding = models.CharField(max_length=32, default="utf-8")
    input_policy = models.CharField(max_length=8, choices=InputPolicy.choices, default=InputPolicy.MASKED)
    # Seconds; empty means the instance's setting.
    idle_limit = models.PositiveIntegerField(null=True, blank=True)
    length_limit = models.PositiveIntegerField(null=True, blank=True)
    is_demo = models.BooleanField(default=False, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    retired_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["name"], condition=Q(retired_at__isnull=True), name="host_name_unique_in_use"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class HostKey(models.Model):
    """A pinned host key. A host whose key does not match one of its pins is refused before any credential leaves."""

    class Source(models.TextChoices):
        SCAN = "scan", _("Scanned and confirmed")
        FINGERPRINT = "fingerprint", _("Pasted fingerprint")
        KNOWN_HOSTS = "known_hosts", _("Pasted known_hosts line")
        DEMO = "demo", _("Demo host")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    host = models.ForeignKey(Host, on_delete=models.CASCADE, related_name="keys")
    # ssh-ed25519, …; empty when only a fingerprint was pasted.
    algorithm = models.CharField(max_length=64, blank=True)
    # SHA256:base64 without padding, as ssh-keygen -lf prints it.
    fingerprint = models.CharField(max_length=64)
    source = models.CharField(max_length=16, choices=Source.choices)
    pinned_at = models.DateTimeField(auto_now_add=True)
    pinned_by_name = models.CharField(max_length=150, blank=True)

    class Meta:
        ordering = ["pinned_at"]
        constraints = [models.UniqueConstraint(fields=["host", "fingerprint"], name="host_key_once")]

    def __str__(self) -> str:
        return self.fingerprint


class Grant(models.Model):
    """One person or group may do some actions on one host or host group, from a moment until a moment.

    A grant is never deleted, it is revoked: who could reach what, and when, is evidence.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="grants"
    )
    group = models.ForeignKey("auth.Group", null=True, blank=True, on_delete=models.CASCADE, related_name="grants")
    host = models.ForeignKey(Host, null=True, blank=True, on_delete=models.CASCADE, related_name="grants")
    host_group = models.ForeignKey(HostGroup, null=True, blank=True, on_delete=models.CASCADE, related_name="grants")
    connect = models.BooleanField(default=False)
    view_own = models.BooleanField(default=False)
    audit = models.BooleanField(default=False)
    terminate = models.BooleanField(default=False)
    # Exact copies: evidence bundles, raw bytes, the page that plays offline.
    export = models.BooleanField(default=False)
    # What was typed, beside what was shown.
    view_input = models.BooleanField(default=False)
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    granted_by_name = models.CharField(max_length=150, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_by_name = models.CharField(max_length=150, blank=True, editable=False)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(user__isnull=False, group__isnull=True) | Q(user__isnull=True, group__isnull=False),
                name="grant_names_a_person_or_a_group",
            ),
            models.CheckConstraint(
                condition=Q(host__isnull=False, host_group__isnull=True)
                | Q(host__isnull=True, host_group__isnull=False),
                name="grant_names_a_host_or_a_host_group",
            ),
            models.CheckConstraint(
                condition=Q(connect=True)
                | Q(view_own=True)
                | Q(audit=True)
                | Q(terminate=True)
                | Q(export=True)
                | Q(view_input=True),
                name="grant_allows_something",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user or self.group} → {self.host or self.host_group}"


class ApiToken(models.Model):
    """A program's way in. Only a hash is kept; the token itself is shown once."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_from = models.CharField(max_length=64, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.name
