"""One's own API tokens. Making and revoking them needs a web session: a token cannot prolong itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from hosts.api.collection import Collection
from hosts.api.fields import Text, WholeNumber
from hosts.authentication import WebSessionOrReadOnly
from hosts.inventory import announce_token, revoke_token
from hosts.models import ApiToken
from hosts.rest import StrictFilterSet
from hosts.tokens import DEFAULT_DAYS, DEFAULT_SCOPES, LONGEST_DAYS, SCOPES, create_token


class TokenSerializer(serializers.ModelSerializer[ApiToken]):
    name = Text(max_length=100)
    scopes = serializers.ListField(
        child=serializers.ChoiceField(SCOPES),
        min_length=1,
        max_length=len(SCOPES),
        default=list(DEFAULT_SCOPES),
    )
    days = WholeNumber(write_only=True, min_value=1, max_value=LONGEST_DAYS, default=DEFAULT_DAYS)

    class Meta:
        model = ApiToken
        fields = [
            "id",
            "name",
            "scopes",
            "days",
            "created_at",
            "expires_at",
            "last_used_at",
            "last_used_from",
            "revoked_at",
        ]
        read_only_fields = ["id", "created_at", "expires_at", "last_used_at", "last_used_from", "revoked_at"]


class CreatedTokenSerializer(TokenSerializer):
    token = serializers.CharField(read_only=True, help_text="Shown this once.")

    class Meta(TokenSerializer.Meta):
        fields = [*TokenSerializer.Meta.fields, "token"]

    def create(self, validated_data: Mapping[str, Any]) -> ApiToken:
        login = self.context["login"]
        try:
            with transaction.atomic():
                token, text = create_token(login.user, **validated_data)
                announce_token(token, actor=login)
        except ValidationError as error:
            raise serializers.ValidationError(error.message_dict) from None
        token.token = text.reveal().decode("ascii")  # type: ignore[attr-defined]
        return token


class TokenFilters(StrictFilterSet):
    pass


@extend_schema_view(destroy=extend_schema(description="Revokes the token; what it is used for ends within seconds."))
class Tokens(Collection):
    """Your own API tokens."""

    queryset = ApiToken.objects.none()
    serializer_class = TokenSerializer
    filterset_class = TokenFilters
    permission_classes = [WebSessionOrReadOnly]
    http_method_names = ["get", "post", "delete", "head"]
    stream_name = "tokens"

    def get_queryset(self) -> QuerySet[ApiToken]:
        return ApiToken.objects.filter(user=self.login.user).order_by("-created_at")

    @extend_schema(request=TokenSerializer, responses={201: CreatedTokenSerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        del args, kwargs
        serializer = CreatedTokenSerializer(data=request.data, context=self.get_serializer_context())
        serializer.is_valid(raise_exception=True)
        serializer.save()
        # A token in a cache would be a token for whoever reads the cache.
        return Response(serializer.data, status=201, headers={"Cache-Control": "no-store"})

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        del request, args, kwargs
        revoke_token(self.get_object(), actor=self.login)
        return Response(status=204)
