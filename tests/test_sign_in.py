"""Signing in and out: who gets in, what the answer gives away, and what the ledger keeps."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.http import HttpResponseBase
from django.test import Client

from audit.models import AuditEvent
from tests.conftest import PASSWORD

LOGIN = "/_allauth/browser/v1/auth/login"
SESSION = "/_allauth/browser/v1/auth/session"
SIGN_UP = "/_allauth/browser/v1/auth/signup"


@pytest.fixture(autouse=True)
def _forgotten_attempts(db: None) -> None:
    """Rate limits count in the cache, which no test rolls back for another."""
    cache.clear()


def sign_in(client: Client, name: str, password: str) -> HttpResponseBase:
    return client.post(LOGIN, {"username": name, "password": password}, content_type="application/json")


def test_a_right_password_signs_in_and_is_in_the_ledger(client: Client, bob: User) -> None:
    assert sign_in(client, "bob", PASSWORD).status_code == HTTPStatus.OK
    event = AuditEvent.objects.get(action="sign_in.ok")
    assert (event.actor_name, event.address, event.outcome) == ("bob", "127.0.0.1", "ok")


def test_a_wrong_password_is_refused_and_is_in_the_ledger(client: Client, bob: User) -> None:
    assert sign_in(client, "bob", "wrong").status_code == HTTPStatus.BAD_REQUEST
    event = AuditEvent.objects.get(action="sign_in.failed")
    assert (event.actor_name, event.address, event.outcome) == ("bob", "127.0.0.1", "denied")


def test_what_was_typed_as_an_unknown_name_is_not_kept(client: Client, bob: User) -> None:
    sign_in(client, PASSWORD, "bob")
    event = AuditEvent.objects.get(action="sign_in.failed")
    assert event.actor_name == ""
    assert PASSWORD not in str(event.detail)


def test_the_answer_does_not_tell_whether_the_user_exists(client: Client, bob: User) -> None:
    known, unknown = sign_in(client, "bob", "wrong"), sign_in(client, "nobody", "wrong")
    assert known.status_code == unknown.status_code
    assert known.getvalue() == unknown.getvalue()


def test_a_disabled_user_cannot_sign_in(client: Client, bob: User) -> None:
    User.objects.filter(pk=bob.pk).update(is_active=False)
    assert sign_in(client, "bob", PASSWORD).status_code != HTTPStatus.OK
    assert not AuditEvent.objects.filter(action="sign_in.ok").exists()


def test_signing_out_ends_the_session_and_is_in_the_ledger(client: Client, bob: User) -> None:
    sign_in(client, "bob", PASSWORD)
    assert client.delete(SESSION).status_code == HTTPStatus.UNAUTHORIZED
    assert client.get("/api/v1/me/").status_code == HTTPStatus.UNAUTHORIZED
    assert AuditEvent.objects.get(action="sign_out").actor_name == "bob"


def test_nobody_signs_up(client: Client) -> None:
    answer = client.post(SIGN_UP, {"username": "eve", "password": PASSWORD}, content_type="application/json")
    assert answer.status_code == HTTPStatus.NOT_FOUND
    assert not User.objects.filter(username="eve").exists()


def test_after_many_wrong_passwords_the_right_one_has_to_wait(client: Client, bob: User) -> None:
    for _ in range(6):
        sign_in(client, "bob", "wrong")
    assert sign_in(client, "bob", PASSWORD).status_code in {HTTPStatus.BAD_REQUEST, HTTPStatus.TOO_MANY_REQUESTS}
    assert not AuditEvent.objects.filter(action="sign_in.ok").exists()


def test_another_site_cannot_sign_somebody_in(bob: User) -> None:
    client = Client(enforce_csrf_checks=True)
    assert sign_in(client, "bob", PASSWORD).status_code == HTTPStatus.FORBIDDEN


def test_django_admin_has_no_way_in_of_its_own(client: Client) -> None:
    answer = client.get("/django-admin/login/?next=/django-admin/")
    assert answer.status_code == HTTPStatus.FOUND
    assert answer["Location"].startswith("/signin?")
