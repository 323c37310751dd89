"""Loads the Celery application with Django, so that every process sends its jobs to the same broker."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig

from celery_app import app as celery

__all__ = ["BastionConfig", "celery"]


class BastionConfig(AppConfig):
    name = "bastion"

    def ready(self) -> None:
        # Its receivers use models, which are not ready when this module is imported.
        import_module("bastion.sign_in")
