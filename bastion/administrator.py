"""The first administrator: who gets in when nobody has ever signed in."""

from __future__ import annotations

import secrets

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from hosts.signals import announce

NAME = "admin"


class WeakPasswordError(Exception):
    """BASTION_ADMIN_PASSWORD is too weak for an instance that others can reach. The message says why."""


def ensure_administrator(password: str) -> str | None:
    """Create the first administrator unless there is one. Return the password if it had to be made up.

    A weak `password` is taken as long as only this machine can reach the product; otherwise it raises
    WeakPasswordError. An administrator that exists is left alone, whatever `password` says.
    """
    if User.objects.filter(is_superuser=True).exists():
        return None
    if password and not settings.IS_LOCAL_ONLY:
        try:
            validate_password(password, User(username=NAME))
        except ValidationError as error:
            raise WeakPasswordError(f"BASTION_ADMIN_PASSWORD is too weak: {' '.join(error.messages)}") from error
    chosen = password or secrets.token_urlsafe(15)
    try:
        with transaction.atomic():
            user = User.objects.create_superuser(NAME, password=chosen)
            announce("user.created", actor=None, object_id=user.pk, object_name=NAME, detail={"is_admin": True})
    except IntegrityError:
        # Another machine was a moment earlier.
        return None
    return None if password else chosen
