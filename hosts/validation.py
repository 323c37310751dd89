"""What the fields of the inventory may hold, wherever they are typed: REST API, Django admin, command line.

Each function raises django.core.exceptions.ValidationError that says what to write instead.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from typing import Any

from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.db.models import Manager, Model
from django.utils.translation import gettext as _

from hosts.credentials import CredentialError, check_username
from hosts.models import Credential, Host, HostGroup, validate_name

_ENCODING = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_LABEL_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,62}")
_MOST_LABELS = 50
_LONGEST_LABEL = 200
_LONGEST_NAME = 100
_MAY_BREAK = frozenset("\n\t")
_ASCII = bytes(range(128))
LONGEST_LIMIT_SECONDS = 365 * 24 * 3600


def clean_name(value: str, row: Model | None, model: type[Host | HostGroup | Credential | Group]) -> str:
    """Return `value` in one Unicode form, if no other row of `model` has it, whichever letters are capital."""
    name = unicodedata.normalize("NFC", value)
    validate_name(name)
    if len(name) > _LONGEST_NAME:
        raise ValidationError(_("Use at most %(most)d characters."), params={"most": _LONGEST_NAME}, code="max_length")
    rows: Manager[Any] = model._default_manager  # noqa: SLF001 - Django's documented API
    others = rows.filter(name__iexact=name)
    if issubclass(model, Host):
        others = others.filter(retired_at__isnull=True)
    if others.exclude(pk=row.pk if row else None).exists():
        raise ValidationError(_("Another one is called %(name)s."), params={"name": name}, code="unique")
    return name


def clean_username(value: str, row: User | None) -> str:
    """Return a person's user name in one Unicode form, if nobody else has it."""
    name = User.normalize_username(value)
    User.username_validator(name)
    people: Manager[Any] = User.objects
    if people.filter(username__iexact=name).exclude(pk=row.pk if row else None).exists():
        raise ValidationError(_("Somebody else is called %(name)s."), params={"name": name}, code="unique")
    return name


def clean_account(value: str) -> str:
    """Return a login name on hosts."""
    try:
        check_username(value)
    except CredentialError as error:
        raise ValidationError(str(error), code="invalid_username") from None
    return value


def clean_encoding(value: str) -> str:
    """Return Python's name of a text encoding that leaves ASCII as it is, which every terminal needs."""
    refused = ValidationError(
        _("Use an encoding such as utf-8, gb18030, euc-jp or iso-8859-15, got %(value)s."),
        params={"value": value[:32]},
        code="invalid_encoding",
    )
    if not _ENCODING.fullmatch(value):
        raise refused
    try:
        name = codecs.lookup(value).name
        if _ASCII.decode(name) != _ASCII.decode("ascii"):
            raise refused
        # What a host prints is decoded piece by piece, and must never be an error.
        codecs.getincrementaldecoder(name)("replace").decode(b"\xff\xfe", final=True)
    except (LookupError, UnicodeError):
        raise refused from None
    return name


def clean_labels(value: Any) -> dict[str, str]:
    """Return labels: at most 50 names with one line of text each."""
    if not isinstance(value, dict):
        raise ValidationError(
            _("Expected names and texts, such as {%(example)s}."), params={"example": '"env": "prod"'}
        )
    if len(value) > _MOST_LABELS:
        raise ValidationError(_("Use at most %(most)d labels."), params={"most": _MOST_LABELS})
    for key, text in value.items():
        if not _LABEL_KEY.fullmatch(str(key)):
            raise ValidationError(_("Use 1 to 63 letters, digits and . _ / - for the name of a label."))
        if not isinstance(text, str) or len(text) > _LONGEST_LABEL or has_control_characters(text):
            raise ValidationError(
                _("Label %(key)s: expected one line of at most %(most)d characters."),
                params={"key": key, "most": _LONGEST_LABEL},
            )
    return value


def clean_text(value: str) -> str:
    """Return text of several lines, if it has no control characters but line ends and tabs."""
    value = value.replace("\r\n", "\n")
    if has_control_characters(value, _MAY_BREAK):
        raise ValidationError(_("Leave out control characters."), code="invalid_text")
    return value


def clean_line(value: str) -> str:
    """Return one line of text, if it has no control characters."""
    if has_control_characters(value):
        raise ValidationError(_("Write one line, without control characters."), code="invalid_text")
    return value


def has_control_characters(text: str, allowed: frozenset[str] = frozenset()) -> bool:
    """Whether `text` has control characters, or characters that turn the reading direction or stand for nothing."""
    return any(
        char not in allowed and (unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} or "\u202a" <= char <= "\u202e")
        for char in text
    )


def group_called(name: str) -> HostGroup:
    """Return the host group, or one that is not saved yet."""
    group = HostGroup.objects.filter(name=name).first()
    return group or HostGroup(name=clean_name(name, None, HostGroup))
