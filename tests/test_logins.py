from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.test import Client, RequestFactory
from django.utils import timezone
from pytest_django import Settings

from hosts.client_address import client_address
from hosts.inventory import revoke_token
from hosts.logins import Login, NotSignedIn, check_login, login_of_scope, notice_accepted
from hosts.models import ApiToken
from hosts.tokens import create_token, digest_of, find_token
from tests.inventory import API, Browser, brief

Scope = dict[str, Any]


def scope_with(*headers: tuple[str, str], client: str = "192.0.2.7") -> Scope:
    return {"client": (client, 4711), "headers": [(name.encode(), value.encode()) for name, value in headers]}


def web_scope(user: User) -> tuple[Client, Scope]:
    client = Client()
    client.force_login(user, backend=django_settings.AUTHENTICATION_BACKENDS[0])
    cookie = client.cookies[django_settings.SESSION_COOKIE_NAME].value
    return client, scope_with(("cookie", f"other=1; {django_settings.SESSION_COOKIE_NAME}={cookie}"))


def token_scope(user: User, *scopes: str) -> tuple[ApiToken, Scope]:
    token, text = create_token(user, "test", scopes or ("read", "connect"), 1)
    return token, scope_with(("authorization", f"Bearer {text.reveal().decode()}"), ("user-agent", "curl/8"))


def test_a_web_session_is_found_in_the_cookie(bob: User) -> None:
    _client, scope = web_scope(bob)
    login = login_of_scope(scope)
    assert (login.user, login.kind, login.address) == (bob, "web", "192.0.2.7")
    assert login.scopes == {"read", "connect", "audit", "terminate"}
    assert check_login(login) is None


def test_the_key_of_a_login_cannot_be_used_to_sign_in(bob: User) -> None:
    client, scope = web_scope(bob)
    login = login_of_scope(scope)
    session_key = client.cookies[django_settings.SESSION_COOKIE_NAME].value
    assert session_key not in repr(login)
    assert login.key != session_key
    assert len(login.key) == 64
    assert login_of_scope(scope).key == login.key


def test_a_token_is_found_in_the_authorization_header(bob: User) -> None:
    _token, scope = token_scope(bob, "read", "audit")
    login = login_of_scope(scope)
    assert (login.user, login.kind, login.scopes) == (bob, "token", frozenset({"read", "audit"}))
    assert login.user_agent == "curl/8"
    assert check_login(login) is None


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("cookie", "bastion-session=")],
        [("cookie", "bastion-session=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")],
        [("cookie", "bastion-session=../../etc/passwd")],
        [("cookie", "bastion-session=" + "x" * 100_000)],
        [("authorization", "Bearer ")],
        [("authorization", "Bearer bst_" + "x" * 43)],
        [("authorization", "Bearer b\u00e9\x00")],
        [("authorization", "Basic Ym9iOmJvYg==")],
    ],
    ids=brief,
)
def test_anything_else_is_not_signed_in(db: None, headers: list[tuple[str, str]]) -> None:
    with pytest.raises(NotSignedIn):
        login_of_scope(scope_with(*headers))


def test_a_bad_token_is_not_saved_by_a_good_cookie(bob: User) -> None:
    _client, scope = web_scope(bob)
    scope["headers"].append((b"authorization", b"Bearer bst_wrong"))
    with pytest.raises(NotSignedIn):
        login_of_scope(scope)


def test_signing_out_ends_the_login(bob: User) -> None:
    client, scope = web_scope(bob)
    login = login_of_scope(scope)
    client.logout()
    assert check_login(login) == "signed out"
    with pytest.raises(NotSignedIn):
        login_of_scope(scope)


def test_an_expired_web_session_ends_the_login(bob: User) -> None:
    _client, scope = web_scope(bob)
    login = login_of_scope(scope)
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert check_login(login) == "signed out"


def test_a_changed_password_ends_the_login(bob: User) -> None:
    _client, scope = web_scope(bob)
    login = login_of_scope(scope)
    bob.set_password("another one entirely")
    bob.save()
    assert check_login(login) == "password changed"
    with pytest.raises(NotSignedIn):
        login_of_scope(scope)


@pytest.mark.parametrize("make_scope", [web_scope, token_scope])
def test_a_disabled_account_ends_the_login(bob: User, make_scope: Any) -> None:
    scope = make_scope(bob)[1]
    login = login_of_scope(scope)
    User.objects.update(is_active=False)
    assert check_login(login) == "account disabled"
    with pytest.raises(NotSignedIn):
        login_of_scope(scope)
    User.objects.all().delete()
    assert check_login(login) == "account disabled"


def test_a_revoked_token_ends_the_login(bob: User) -> None:
    token, scope = token_scope(bob)
    login = login_of_scope(scope)
    revoke_token(token, actor=None)
    assert check_login(login) == "token revoked"
    with pytest.raises(NotSignedIn):
        login_of_scope(scope)


def test_an_expired_token_ends_the_login(bob: User) -> None:
    _token, scope = token_scope(bob)
    login = login_of_scope(scope)
    ApiToken.objects.update(expires_at=timezone.now())
    assert check_login(login) == "token expired"
    with pytest.raises(NotSignedIn):
        login_of_scope(scope)


def test_only_the_hash_of_a_token_is_kept(bob: User) -> None:
    token, text = create_token(bob, "ci", ["read"], 30)
    plain = text.reveal().decode()
    assert len(plain) == len("bst_") + 43
    assert token.digest == digest_of(plain)
    assert plain not in str(ApiToken.objects.values().get())
    assert find_token(plain) == token
    assert find_token(plain + "x") is None
    assert find_token(token.digest) is None


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["root"]}, "scopes"),
        ({"scopes": ["metrics"]}, "scopes"),
        ({"days": 0}, "days"),
        ({"days": 366}, "days"),
        ({"days": 2**70}, "days"),
    ],
    ids=brief,
)
def test_unusable_tokens_are_refused_by_field(bob: User, facts: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        create_token(bob, **{"name": "ci", "scopes": ["read"], "days": 30, **facts})
    assert set(caught.value.message_dict) == {field}
    assert not ApiToken.objects.exists()


def test_metrics_is_for_administrators_also_later(alice: User) -> None:
    _token, scope = token_scope(alice, "metrics", "read")
    assert "metrics" in login_of_scope(scope).scopes
    User.objects.update(is_staff=False)
    assert login_of_scope(scope).scopes == {"read"}


def test_the_use_of_a_token_is_noted(bob: User) -> None:
    token, scope = token_scope(bob)
    login_of_scope(scope)
    token.refresh_from_db()
    assert token.last_used_at is not None
    assert token.last_used_from == "192.0.2.7"


def test_the_notice_is_accepted_once_per_sign_in(bob: User) -> None:
    browser = Browser(bob)
    cookie = browser.client.cookies[django_settings.SESSION_COOKIE_NAME].value
    scope = scope_with(("cookie", f"{django_settings.SESSION_COOKIE_NAME}={cookie}"))
    login = login_of_scope(scope)
    assert not notice_accepted(login)
    assert browser.get("me/").json()["notice_accepted"] is False
    assert browser.post("me/notice/").status_code == 204
    assert notice_accepted(login)
    assert browser.get("me/").json()["notice_accepted"] is True
    _client, another_sign_in = web_scope(bob)
    assert not notice_accepted(login_of_scope(another_sign_in))


TRUSTED = ["10.0.0.0/8", "2001:db8::/32"]


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("192.0.2.7", "", "192.0.2.7"),
        ("192.0.2.7", "203.0.113.9", "192.0.2.7"),
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "1.2.3.4, 203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "1.2.3.4, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "203.0.113.9:5000", "203.0.113.9"),
        ("10.0.0.1", "[2001:db9::1]:5000", "2001:db9::1"),
        ("10.0.0.1", "::ffff:203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.9, <script>", "10.0.0.1"),
        ("10.0.0.1", ",".join(["10.0.0.1"] * 5000), "10.0.0.1"),
        ("2001:db8::1", "203.0.113.9", "203.0.113.9"),
        ("", "203.0.113.9", ""),
    ],
    ids=brief,
)
def test_only_trusted_proxies_say_where_a_request_comes_from(
    settings: Settings, peer: str, forwarded: str, expected: str
) -> None:
    settings.TRUSTED_PROXIES = TRUSTED
    request = RequestFactory().get("/", REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR=forwarded)
    assert client_address(request) == expected
    scope = scope_with(("x-forwarded-for", forwarded), client=peer)
    assert client_address({**scope, "client": (peer, 1) if peer else None}) == expected


def test_two_forwarding_headers_are_read_as_one_list(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = TRUSTED
    scope = scope_with(("x-forwarded-for", "1.2.3.4"), ("x-forwarded-for", "203.0.113.9"), client="10.0.0.1")
    assert client_address(scope) == "203.0.113.9"


def test_a_login_through_the_api_carries_address_and_agent(bob: User) -> None:
    token, text = create_token(bob, "ci", ["read"], 1)
    headers = {"Authorization": f"Bearer {text.reveal().decode()}", "User-Agent": "x" * 5000}
    assert Client().get(f"{API}me/", headers=headers).status_code == 200
    token.refresh_from_db()
    assert token.last_used_from == "127.0.0.1"


def test_a_login_of_a_disabled_system_account_has_ended(bob: User) -> None:
    login = Login(user=bob, kind="system", key="0" * 64, scopes=frozenset())
    assert check_login(login) is None
    User.objects.update(is_active=False)
    assert check_login(login) == "account disabled"
