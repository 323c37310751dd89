from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig


class HostsConfig(AppConfig):
    name = "hosts"
    verbose_name = "Hosts"

    def ready(self) -> None:
        # Its authentication schemes register themselves; they need the models.
        import_module("hosts.schema")
