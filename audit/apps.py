from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "audit"
    verbose_name = "Audit"

    def ready(self) -> None:
        # They use models, which are not ready when this module is imported.
        import_module("audit.receivers")
        import_module("audit.checks")
