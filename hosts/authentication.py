"""How the REST API finds out who is asking, and the rules that hold for whole views."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.models import User
from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from hosts.client_address import client_address
from hosts.logins import Login, NotSignedIn, bearer_token, login_of_request, login_of_token

if TYPE_CHECKING:
    # DRF reads this module while it loads its views.
    from rest_framework.views import APIView


def login_of(request: Request) -> Login:
    """Return the login of a request that passed `SignedIn`. Raises NotSignedIn."""
    login: object = request.auth
    if not isinstance(login, Login):
        raise NotSignedIn
    return login


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer bst_…`. `request.auth` becomes the Login."""

    def authenticate(self, request: Request) -> tuple[User, Login] | None:
        text = bearer_token(request.headers.get("Authorization", ""))
        if text is None:
            return None
        try:
            login = login_of_token(text, client_address(request), request.headers.get("User-Agent", ""))
        except NotSignedIn:
            raise AuthenticationFailed(
                _("The token is unknown, expired or revoked, or its account is disabled. Make another one in Settings.")
            ) from None
        return login.user, login

    def authenticate_header(self, request: Request) -> str:
        del request
        return 'Bearer realm="bastion"'


class WebSessionAuthentication(SessionAuthentication):
    """The cookie of a web sign-in, with CSRF protection on every change. `request.auth` becomes the Login."""

    def authenticate(self, request: Request) -> tuple[User, Login] | None:
        try:
            login = login_of_request(request._request)  # noqa: SLF001 - what DRF's own SessionAuthentication reads
        except NotSignedIn:
            return None
        self.enforce_csrf(request)
        return login.user, login

    def authenticate_header(self, request: Request) -> str:
        del request
        return 'Bearer realm="bastion"'


class SignedIn(BasePermission):
    """Any valid sign-in whose scopes include the view's `token_scope` (default "read")."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        login: object = request.auth
        if not isinstance(login, Login):
            return False
        scope = getattr(view, "token_scope", "read")
        if scope in login.scopes or login.is_web_administrator:
            return True
        raise PermissionDenied(_("This needs a token with the scope %(scope)s.") % {"scope": scope})


class Administrator(SignedIn):
    """Reading is for administrators, changing for administrators in a web session."""

    message = "Only administrators may do this, signed in through a browser for changes."

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not super().has_permission(request, view):
            return False
        return request.user.is_staff if request.method in SAFE_METHODS else login_of(request).is_web_administrator


class WebSessionStaff(SignedIn):
    """Only administrators in a web session, for reading and changing alike."""

    message = "Only administrators may do this, signed in through a browser."

    def has_permission(self, request: Request, view: APIView) -> bool:
        return super().has_permission(request, view) and login_of(request).is_web_administrator


class AdministratorOrReadOnly(SignedIn):
    """Everybody who is signed in may read (what the view's queryset lets them see), administrators may change."""

    message = "Only administrators may change this, signed in through a browser."

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not super().has_permission(request, view):
            return False
        return request.method in SAFE_METHODS or login_of(request).is_web_administrator


class WebSessionOrReadOnly(SignedIn):
    """Everybody who is signed in may read, only people in a web session change: a token must not make tokens."""

    message = "This needs a sign-in through a browser; a token cannot do it."

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not super().has_permission(request, view):
            return False
        return request.method in SAFE_METHODS or login_of(request).kind == "web"
