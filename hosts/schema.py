"""What every operation of the OpenAPI document has in common: how to sign in, how errors look, how lists stream."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from hosts.problems import PROBLEM_TYPE
from hosts.rest import StreamedListMixin


class FieldErrorSerializer(serializers.Serializer[Any]):
    field = serializers.CharField(help_text="Name of the field or query parameter; empty for the whole request.")
    message = serializers.CharField()


class ProblemSerializer(serializers.Serializer[Any]):
    """An RFC 9457 problem."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    errors = FieldErrorSerializer(many=True)  # type: ignore[assignment]


class ApiSchema(AutoSchema):
    """Adds the problem answer to every operation, and the two streaming formats to every collection that has them."""

    def get_override_parameters(self) -> list[Any]:
        parameters = list(super().get_override_parameters())
        if self._streams():
            parameters.append(
                OpenApiParameter(
                    "format", enum=["json", "csv", "jsonl"], description="csv or jsonl: all rows, as a download."
                )
            )
        return parameters

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        if self._streams() and "200" in bodies:
            text = {"schema": {"type": "string"}}
            bodies["200"].setdefault("content", {}).update({"text/csv": text, "application/jsonl": text})
        problem = self._get_response_for_code(ProblemSerializer, "default", [PROBLEM_TYPE], direction)  # type: ignore[no-untyped-call]
        bodies["default"] = {**problem, "description": "What went wrong, and where."}
        return bodies

    def _streams(self) -> bool:
        return self.method == "GET" and isinstance(self.view, StreamedListMixin) and self._is_list_view()


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "hosts.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        del auto_schema
        return {"type": "http", "scheme": "bearer", "bearerFormat": "bst_…"}


class WebSessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "hosts.authentication.WebSessionAuthentication"
    name = "web_session"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        del auto_schema
        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME}
