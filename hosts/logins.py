"""Who is asking, through which sign-in, and whether that sign-in still stands."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Literal

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.models import Session as WebSession
from django.http import HttpRequest, parse_cookie
from django.utils.crypto import constant_time_compare
from rest_framework.request import Request

from hosts import clock
from hosts.client_address import client_address
from hosts.models import ApiToken
from hosts.tokens import find_token, note_use, scopes_of, why_invalid

WEB_SCOPES = frozenset({"read", "connect", "audit", "terminate"})
_NOTICE_KEY = "notice_accepted"
_LONGEST_USER_AGENT = 300
_LONGEST_COOKIES = 16_384


class NotSignedIn(Exception):  # noqa: N818 - it says what is the case, as DRF's NotAuthenticated does
    """The request carries no sign-in that is valid."""


@dataclass(frozen=True)
class Login:
    """One person through one sign-in. `key` is a digest that may be stored; the last two fields may not."""

    user: User
    kind: Literal["web", "token", "system"]
    key: str
    scopes: frozenset[str]
    address: str = ""
    user_agent: str = ""
    # Key of the session row, or id of the token row, that check_login reads again.
    handle: str = field(default="", repr=False, compare=False)
    auth_hash: str = field(default="", repr=False, compare=False)

    @property
    def is_web_administrator(self) -> bool:
        """Whether this sign-in may change hosts, credentials, grants and users."""
        return self.kind == "web" and self.user.is_active and self.user.is_staff


def login_of_request(request: HttpRequest | Request) -> Login:
    """Return the login that authentication found on a DRF request, or the web session of a Django request.

    Raises NotSignedIn.
    """
    if isinstance(request, Request):
        if isinstance(request.auth, Login):
            return request.auth
        raise NotSignedIn
    # Without authentication middleware nobody is signed in.
    if not hasattr(request, "user") or not request.user.is_authenticated or not request.user.is_active:
        raise NotSignedIn
    agent = request.headers.get("User-Agent", "")
    return _web_login(request.user, request.session, client_address(request), agent)


def login_of_scope(scope: Mapping[str, Any]) -> Login:
    """Return the login of an ASGI scope: a bearer token if there is an Authorization header, else the web session.

    Reads the database. Raises NotSignedIn.
    """
    address = client_address(scope)
    agent = _header(scope, b"user-agent", ", ")
    authorization = _header(scope, b"authorization", ", ")
    if authorization:
        return login_of_token(bearer_token(authorization) or "", address, agent)
    cookies = parse_cookie(_header(scope, b"cookie", "; ")[:_LONGEST_COOKIES])
    session_key = cookies.get(settings.SESSION_COOKIE_NAME)
    if not session_key:
        raise NotSignedIn
    session = _session_store(session_key)
    return _web_login(_user_of(session), session, address, agent)


def login_of_token(text: str, address: str, user_agent: str) -> Login:
    """Return the login of a token's text, and note its use. Raises NotSignedIn."""
    token = find_token(text)
    if token is None:
        raise NotSignedIn
    note_use(token, address)
    return Login(
        user=token.user,
        kind="token",
        key=_digest("token", str(token.pk)),
        scopes=scopes_of(token),
        address=address,
        user_agent=user_agent[:_LONGEST_USER_AGENT],
        handle=str(token.pk),
    )


def bearer_token(authorization: str) -> str | None:
    """Return the token of an Authorization header (RFC 6750, section 2.1), None for any other scheme."""
    scheme, _, text = authorization.strip().partition(" ")
    return text.strip() if scheme.lower() == "bearer" else None


def check_login(login: Login) -> str | None:
    """Return None while the sign-in stands, else why it ended, as the database says at this moment."""
    return check_logins([login]).get(login)


def check_logins(logins: Collection[Login]) -> dict[Login, str]:
    """Return those of `logins` that do not stand any more, and why: one query for each kind, however many they are."""
    users = User.objects.in_bulk({login.user.pk for login in logins})
    handles = {login.handle for login in logins if login.kind == "token"}
    tokens = {str(token.pk): token for token in ApiToken.objects.select_related("user").filter(pk__in=handles)}
    signed_in = _signed_in({login.handle for login in logins if login.kind == "web"})
    ended: dict[Login, str] = {}
    for login in logins:
        user = users.get(login.user.pk)
        reason: str | None = None
        if user is None or not user.is_active:
            reason = "account disabled"
        elif login.kind == "token":
            token = tokens.get(login.handle)
            reason = "token revoked" if token is None else why_invalid(token)
        elif login.kind == "web":
            if not constant_time_compare(login.auth_hash, user.get_session_auth_hash()):
                reason = "password changed"
            elif signed_in.get(login.handle) != str(user.pk):
                reason = "signed out"
        if reason is not None:
            ended[login] = reason
    return ended


def notice_accepted(login: Login) -> bool:
    """Whether the person accepted the recording notice in this sign-in. A token was made by somebody who did."""
    return login.kind != "web" or bool(_session_store(login.handle).load().get(_NOTICE_KEY))


def accept_notice(request: HttpRequest | Request) -> bool:
    """Remember in the web session that the notice was accepted; False if it had been before."""
    if request.session.get(_NOTICE_KEY):
        return False
    request.session[_NOTICE_KEY] = True
    return True


def _web_login(user: User, session: SessionBase, address: str, user_agent: str) -> Login:
    session_key = session.session_key or ""
    return Login(
        user=user,
        kind="web",
        key=_digest("web", session_key),
        scopes=WEB_SCOPES,
        address=address,
        user_agent=user_agent[:_LONGEST_USER_AGENT],
        handle=session_key,
        auth_hash=user.get_session_auth_hash(),
    )


def _user_of(session: SessionBase) -> User:
    """Do what django.contrib.auth.get_user does, without changing the session: a socket cannot set a cookie."""
    data = session.load()
    if data.get(BACKEND_SESSION_KEY) not in settings.AUTHENTICATION_BACKENDS:
        raise NotSignedIn
    user = User.objects.filter(pk=data.get(SESSION_KEY, ""), is_active=True).first()
    if user is None or not constant_time_compare(data.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash()):
        raise NotSignedIn
    return user


def _signed_in(session_keys: Collection[str]) -> dict[str, str]:
    """Return the user's key for each web session that stands."""
    rows = WebSession.objects.filter(session_key__in=session_keys, expire_date__gt=clock.now())
    return {row.session_key: str(row.get_decoded().get(SESSION_KEY)) for row in rows}


def _session_store(session_key: str) -> SessionBase:
    store: SessionBase = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    return store


def _header(scope: Mapping[str, Any], name: bytes, joint: str) -> str:
    return joint.join(value.decode("latin-1") for key, value in scope.get("headers", []) if key == name)


def _digest(kind: str, handle: str) -> str:
    return hashlib.sha256(f"{kind}:{handle}".encode()).hexdigest()
