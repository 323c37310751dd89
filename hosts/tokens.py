"""Tokens by which programs sign in: `bst_` and 43 URL-safe characters, of which only the SHA-256 is kept."""

from __future__ import annotations

import hashlib
import re
import secrets
import unicodedata
from collections.abc import Iterable
from datetime import timedelta

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from hosts import clock
from hosts.models import ApiToken
from hosts.vault import Secret

SCOPES = ("read", "connect", "audit", "terminate", "metrics")
DEFAULT_SCOPES = ("read", "connect")
LONGEST_DAYS = 365
DEFAULT_DAYS = 30
_LONGEST_NAME = 100
_TOKEN_PATTERN = re.compile(r"bst_[A-Za-z0-9_-]{43}")
# Writing at each request would make every API call wait for the database's write lock.
_USE_NOTED_EVERY = timedelta(minutes=1)


def create_token(user: User, name: str, scopes: Iterable[str], days: int) -> tuple[ApiToken, Secret]:
    """Make a token that lasts `days` days; the second value is its text, which cannot be had again.

    Raises ValidationError with a message for each of the fields name, scopes and days that cannot be used.
    """
    wanted = set(scopes)
    name = name.strip()
    problems: dict[str, str] = {}
    if not 1 <= len(name) <= _LONGEST_NAME or any(unicodedata.category(char) in {"Cc", "Cs"} for char in name):
        problems["name"] = _("Use 1 to 100 characters, without control characters.")
    if unknown := sorted(wanted - set(SCOPES)):
        problems["scopes"] = _("Expected some of %(known)s, got %(unknown)s.") % {
            "known": ", ".join(SCOPES),
            "unknown": ", ".join(unknown)[:100],
        }
    elif not wanted:
        problems["scopes"] = _("Choose at least one scope.")
    elif "metrics" in wanted and not user.is_staff:
        problems["scopes"] = _("Only administrators can give the scope metrics.")
    if not 1 <= days <= LONGEST_DAYS:
        problems["days"] = _("Expected 1 to %(most)d days.") % {"most": LONGEST_DAYS}
    if problems:
        raise ValidationError(problems)
    text = "bst_" + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        user=user,
        name=name,
        digest=digest_of(text),
        scopes=[scope for scope in SCOPES if scope in wanted],
        expires_at=timezone.now() + timedelta(days=days),
    )
    return token, Secret(text.encode("ascii"))


def digest_of(text: str) -> str:
    # The token has 256 random bits: a plain hash cannot be guessed from, and is quick enough for each request.
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def find_token(text: str) -> ApiToken | None:
    """Return the token if it is valid at this moment: known, not revoked, not expired, of an active user."""
    if not _TOKEN_PATTERN.fullmatch(text):
        return None
    token = ApiToken.objects.select_related("user").filter(digest=digest_of(text)).first()
    return token if token is not None and why_invalid(token) is None else None


def why_invalid(token: ApiToken) -> str | None:
    """Return None while the token may be used, else why it may not."""
    if not token.user.is_active:
        return "account disabled"
    if token.revoked_at is not None:
        return "token revoked"
    if token.expires_at <= clock.now():
        return "token expired"
    return None


def scopes_of(token: ApiToken) -> frozenset[str]:
    """Return what the token may do. `metrics` is for administrators, also when somebody stops being one."""
    known = frozenset(scope for scope in token.scopes if scope in SCOPES)
    return known if token.user.is_staff else known - {"metrics"}


def note_use(token: ApiToken, address: str) -> None:
    """Remember when and from where the token was used last, to the minute."""
    now = timezone.now()
    stale = Q(last_used_at__isnull=True) | Q(last_used_at__lt=now - _USE_NOTED_EVERY) | ~Q(last_used_from=address)
    if token.last_used_at and token.last_used_at > now - _USE_NOTED_EVERY and token.last_used_from == address:
        return
    ApiToken.objects.filter(stale, pk=token.pk).update(last_used_at=now, last_used_from=address[:64])
