"""Addresses below /api/v1/ that reach out to hosts."""

from __future__ import annotations

from django.urls import path

from bastion.targets.api import ScanKeyView

urlpatterns = [path("hosts/<uuid:host_id>/scan-key/", ScanKeyView.as_view(), name="host-scan-key")]
