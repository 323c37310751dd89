"""How people sign in: allauth's headless API, nobody signs up, and the ledger hears of every attempt."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.contrib.auth.models import AbstractBaseUser, User
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest

from audit import ledger
from audit.models import AuditEvent
from hosts.client_address import client_address
from hosts.logins import Login, NotSignedIn, login_of_request


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc] # no types are published for allauth
    """Users are made by administrators. Rate limits stay on, counted per client behind our proxies."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        del request
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        return client_address(request)


@receiver(user_logged_in, dispatch_uid="bastion.record_sign_in")
def record_sign_in(sender: object, request: HttpRequest, user: AbstractBaseUser, **_unused: object) -> None:
    del sender, user
    _record(ledger.Action.SIGN_IN_OK, request)


@receiver(user_logged_out, dispatch_uid="bastion.record_sign_out")
def record_sign_out(sender: object, request: HttpRequest, user: User | None, **_unused: object) -> None:
    del sender
    if user is not None:
        _record(ledger.Action.SIGN_OUT, request)


@receiver(user_login_failed, dispatch_uid="bastion.record_failed_sign_in")
def record_failed_sign_in(
    sender: object, credentials: dict[str, Any], request: HttpRequest | None = None, **_unused: object
) -> None:
    del sender
    # People type their password into the wrong field: only a name that exists is written down.
    user = User.objects.filter(username=credentials.get("username") or "").first()
    ledger.record(
        ledger.Action.SIGN_IN_FAILED,
        login=None,
        actor_name=user.get_username() if user else "",
        address=client_address(request) if request else "",
        object_type="user" if user else "",
        object_id=user.pk if user else "",
        object_name=user.get_username() if user else "",
        outcome=AuditEvent.Outcome.DENIED,
        detail={"known_user": user is not None},
    )


def _record(action: ledger.Action, request: HttpRequest) -> None:
    login = _login_of(request)
    if login is None:
        return
    ledger.record(
        action,
        login=login,
        object_type="user",
        object_id=login.user.pk,
        object_name=login.user.get_username(),
    )


def _login_of(request: HttpRequest) -> Login | None:
    try:
        return login_of_request(request)
    except NotSignedIn:
        return None
