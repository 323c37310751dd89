"""Logins on hosts. Secrets go in and never come out."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from hosts import validation
from hosts.api.collection import Collection
from hosts.api.fields import Text, checked
from hosts.authentication import Administrator
from hosts.credentials import CredentialError, store_secret
from hosts.inventory import remove, store
from hosts.models import Credential
from hosts.rest import ChoicesFilter, StrictFilterSet, TextFilter


class CredentialSerializer(serializers.ModelSerializer[Credential]):
    name = Text(max_length=100)
    username = Text(max_length=255, trim_whitespace=False)
    kind = serializers.ChoiceField(Credential.Kind.choices)
    secret = Text(max_length=32_768, write_only=True, trim_whitespace=False, required=False)
    passphrase = Text(
        max_length=1024,
        write_only=True,
        required=False,
        allow_blank=True,
        trim_whitespace=False,
        help_text="Of a private key; used once, to read it.",
    )
    host_count = serializers.IntegerField(read_only=True)

    class Meta:
        model = Credential
        fields = [
            "id",
            "name",
            "username",
            "kind",
            "secret",
            "passphrase",
            "fingerprint",
            "host_count",
            "created_at",
            "updated_at",
        ]
        read_only_fields = ["id", "fingerprint", "created_at", "updated_at"]

    def validate_name(self, value: str) -> str:
        return checked(validation.clean_name, value, self.instance, Credential)

    def validate_username(self, value: str) -> str:
        return checked(validation.clean_account, value)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        changes_kind = self.instance is not None and attrs.get("kind", self.instance.kind) != self.instance.kind
        if "secret" not in attrs and (self.instance is None or changes_kind or attrs.get("passphrase")):
            raise serializers.ValidationError({"secret": [_("Give the password or the private key.")]})
        return attrs

    def create(self, validated_data: dict[str, Any]) -> Credential:
        return self.update(Credential(), validated_data)

    def update(self, instance: Credential, validated_data: dict[str, Any]) -> Credential:
        secret, passphrase = validated_data.pop("secret", None), validated_data.pop("passphrase", "")
        for name, value in validated_data.items():
            setattr(instance, name, value)
        if secret is not None:
            try:
                store_secret(instance, secret, passphrase)
            except CredentialError as error:
                raise serializers.ValidationError({error.field: [str(error)]}) from None
        store(instance, actor=self.context["login"], replaced=["secret"] if secret is not None else [])
        return instance


class CredentialFilters(StrictFilterSet):
    q = TextFilter(method="search", help_text="Part of the name or the login name.")
    kind = ChoicesFilter(field_name="kind", choices=Credential.Kind.choices)

    def search(self, credentials: QuerySet[Credential], name: str, value: str) -> QuerySet[Credential]:
        del name
        return credentials.filter(Q(name__icontains=value) | Q(username__icontains=value))


class Credentials(Collection):
    """Logins on hosts, for administrators. Secrets are written, never read."""

    queryset = Credential.objects.none()
    serializer_class = CredentialSerializer
    filterset_class = CredentialFilters
    permission_classes = [Administrator]
    stream_name = "credentials"

    def get_queryset(self) -> QuerySet[Credential]:
        return Credential.objects.annotate(host_count=Count("hosts")).order_by("name")

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        del request, args, kwargs
        remove(self.get_object(), actor=self.login)
        return Response(status=204)
