"""Fields that take exactly what they say: no "22" for 22, no "yes" for true, no moment that no calendar has."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from hosts.instants import parse_instant

Value = TypeVar("Value")


class WholeNumber(serializers.IntegerField):
    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            raise serializers.ValidationError(_("Expected a whole number."))
        return super().to_internal_value(data)


class Flag(serializers.BooleanField):
    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            raise serializers.ValidationError(_("Expected true or false."))
        return data


class Text(serializers.CharField):
    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError(_("Expected text."))
        return super().to_internal_value(data)


class Instant(serializers.DateTimeField):
    def to_internal_value(self, value: Any) -> datetime:
        try:
            return parse_instant(value if isinstance(value, str) else "")
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from None


class RowNumber(serializers.PrimaryKeyRelatedField[Any]):
    """The number of a user or group."""

    def __init__(self, queryset: QuerySet[Any], **kwargs: Any) -> None:
        super().__init__(queryset=queryset, pk_field=WholeNumber(), **kwargs)


class RowId(serializers.PrimaryKeyRelatedField[Any]):
    """The UUID of a row."""

    def __init__(self, queryset: QuerySet[Any], **kwargs: Any) -> None:
        super().__init__(queryset=queryset, pk_field=serializers.UUIDField(), **kwargs)


class NamedSerializer(serializers.Serializer[Any]):
    """A row by id and name. `id` is a UUID, or for users and groups a number."""

    id = serializers.UUIDField()
    name = serializers.CharField()


class NumberedSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()


@extend_schema_field(NamedSerializer(allow_null=True))
class NamedField(serializers.Field[Any, Any, Any, Any]):
    """Shows a related row as {id, name}, or null."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(read_only=True, **kwargs)

    def to_representation(self, value: Any) -> dict[str, Any]:
        return {"id": value.pk, "name": str(value)}


@extend_schema_field(NumberedSerializer(allow_null=True))
class NumberedField(NamedField):
    """As NamedField, for users and groups."""


def checked(check: Callable[..., Value], *arguments: Any) -> Value:
    """Return what `check` of hosts.validation returns; its error becomes one of the field that is being validated."""
    try:
        return check(*arguments)
    except DjangoValidationError as error:
        raise serializers.ValidationError(error.messages) from None
