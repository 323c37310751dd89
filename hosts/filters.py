"""Filters that refuse what they do not understand: a filter that is ignored shows more than was asked for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast
from uuid import UUID

import django_filters
from django import forms
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.translation import gettext as _
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.views import APIView

from hosts.instants import parse_instant

# What every collection understands beside its own filters.
PAGE_PARAMETERS = frozenset({"cursor", "page_size", "format"})
LONGEST_TEXT = 200
_MOST_ID = 2**31 - 1
_LONGEST_ECHO = 100


def check_parameters(request: Request, known: Iterable[str]) -> None:
    """Raise ValidationError, naming each, for query parameters that are not `known` or are given more than once."""
    if errors := parameter_errors(request.query_params, known):
        raise ValidationError(errors)


def parameter_errors(parameters: QueryDict, known: Iterable[str]) -> dict[str, list[str]]:
    """Return what check_parameters would raise, by parameter."""
    allowed = PAGE_PARAMETERS | set(known)
    errors = {}
    for name in parameters:
        times = len(parameters.getlist(name))
        if name not in allowed:
            expected = ", ".join(sorted(allowed))
            errors[name[:_LONGEST_ECHO]] = [_("Unknown parameter; expected one of: %(names)s.") % {"names": expected}]
        elif times > 1:
            errors[name] = [_("Expected once, got %(times)d times.") % {"times": times}]
    return errors


class StrictFilterSet(django_filters.FilterSet):  # type: ignore[misc]
    """A FilterSet for which an unknown, repeated or unusable query parameter is an error that names it."""

    def is_valid(self) -> bool:
        data = self.data if isinstance(self.data, QueryDict) else QueryDict()
        if errors := parameter_errors(data, self.filters):
            raise ValidationError(errors)
        return bool(super().is_valid())


class StrictFilterBackend(DjangoFilterBackend):  # type: ignore[misc]
    """Applies a view's `filterset_class` to collections; a single object takes no parameters at all."""

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: APIView) -> QuerySet[Any]:
        lookup = getattr(view, "lookup_url_kwarg", None) or getattr(view, "lookup_field", "pk")
        if lookup in view.kwargs or getattr(view, "filterset_class", None) is None:
            check_parameters(request, ())
            return queryset
        return cast("QuerySet[Any]", super().filter_queryset(request, queryset, view))


class _TextField(forms.CharField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"max_length": LONGEST_TEXT, **kwargs})


class _InstantField(forms.CharField):
    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return None
        try:
            return parse_instant(text)
        except ValueError as error:
            raise forms.ValidationError(str(error), code="invalid") from None


class _FlagField(forms.CharField):
    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if text not in {"", "true", "false"}:
            raise forms.ValidationError(_("Expected true or false."), code="invalid")
        return {"": None, "true": True, "false": False}[text]


class _UuidField(forms.CharField):
    def clean(self, value: Any) -> Any:
        text = super().clean(value).lower()
        try:
            parsed = UUID(text) if text else None
        except ValueError:
            parsed = None
        # UUID() also reads braces, `urn:uuid:` and any hyphens; one spelling is enough.
        if text and str(parsed) != text:
            raise forms.ValidationError(_("Expected an id such as 0c1f3c5e-….").rstrip("."), code="invalid")
        return parsed


class _IdField(forms.CharField):
    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return None
        if not (text.isascii() and text.isdigit() and len(text) <= len(str(_MOST_ID)) and int(text) <= _MOST_ID):
            raise forms.ValidationError(_("Expected a whole number."), code="invalid")
        return int(text)


class _ChoicesField(forms.CharField):
    def __init__(self, *, choices: Iterable[tuple[str, Any]], **kwargs: Any) -> None:
        self.allowed = [value for value, _label in choices]
        super().__init__(max_length=LONGEST_TEXT, **kwargs)

    def clean(self, value: Any) -> Any:
        chosen = [item.strip() for item in super().clean(value).split(",") if item.strip()]
        if unknown := [item for item in chosen if item not in self.allowed]:
            raise forms.ValidationError(
                _("Expected %(known)s, got %(unknown)s."),
                code="invalid",
                params={"known": ", ".join(self.allowed), "unknown": unknown[0]},
            )
        return chosen


@extend_schema_field(OpenApiTypes.STR)
class TextFilter(django_filters.Filter):  # type: ignore[misc]
    """Text of at most 200 characters, without NUL."""

    field_class = _TextField


@extend_schema_field(OpenApiTypes.DATETIME)
class InstantFilter(django_filters.Filter):  # type: ignore[misc]
    """An RFC 3339 time or date (hosts.instants)."""

    field_class = _InstantField


@extend_schema_field(OpenApiTypes.BOOL)
class FlagFilter(django_filters.Filter):  # type: ignore[misc]
    """`true` or `false`."""

    field_class = _FlagField


@extend_schema_field(OpenApiTypes.UUID)
class UuidFilter(django_filters.Filter):  # type: ignore[misc]
    """A UUID with hyphens."""

    field_class = _UuidField


@extend_schema_field(OpenApiTypes.INT)
class IdFilter(django_filters.Filter):  # type: ignore[misc]
    """The number of a user or group."""

    field_class = _IdField


@extend_schema_field(OpenApiTypes.STR)
class ChoicesFilter(django_filters.Filter):  # type: ignore[misc]
    """One or several of `choices`, with commas between; the value is a list."""

    field_class = _ChoicesField

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("lookup_expr", "in")
        super().__init__(*args, **kwargs)
