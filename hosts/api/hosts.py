"""Hosts, their pinned keys, and host groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from hosts import validation
from hosts.access import Action, access_of, hosts_allowing, visible_hosts
from hosts.api.collection import Collection, InventoryView
from hosts.api.fields import Flag, Instant, NamedField, NamedSerializer, RowId, Text, WholeNumber, checked
from hosts.authentication import AdministratorOrReadOnly, login_of
from hosts.destinations import validate_address
from hosts.host_keys import HostKeyError, ParsedKey, parse_fingerprint, parse_known_hosts_line, pin, unpin
from hosts.inventory import remove, retire, store
from hosts.models import Credential, Host, HostGroup, HostKey, InputPolicy
from hosts.rest import ChoicesFilter, FlagFilter, StrictFilterSet, TextFilter, UuidFilter

_ACTION_CHOICES = [action.value for action in Action]


class HostKeySerializer(serializers.ModelSerializer[HostKey]):
    pinned_by = serializers.CharField(source="pinned_by_name")

    class Meta:
        model = HostKey
        fields = ["id", "algorithm", "fingerprint", "source", "pinned_at", "pinned_by"]
        read_only_fields = fields


class HostSerializer(serializers.ModelSerializer[Host]):
    """A host. `credential` is null for everybody but administrators; `account` is the login name on the host."""

    name = Text(max_length=100)
    address = Text(max_length=255)
    port = WholeNumber(min_value=1, max_value=65535, default=22)
    groups = NamedSerializer(many=True, read_only=True)
    group_ids = serializers.ListField(
        child=RowId(HostGroup.objects.all()), source="groups", max_length=100, write_only=True, required=False
    )
    credential = NamedField()
    credential_id = RowId(
        Credential.objects.all(), source="credential", write_only=True, required=False, allow_null=True
    )
    account = serializers.CharField(source="credential.username", default="", read_only=True)
    labels = serializers.DictField(child=Text(max_length=200, allow_blank=True), required=False)
    notes = Text(max_length=4000, allow_blank=True, required=False, trim_whitespace=False)
    enabled = Flag(required=False)
    encoding = Text(max_length=32, required=False)
    input_policy = serializers.ChoiceField(InputPolicy.choices, required=False)
    idle_limit = WholeNumber(
        min_value=1, max_value=validation.LONGEST_LIMIT_SECONDS, allow_null=True, required=False, help_text="Seconds."
    )
    length_limit = WholeNumber(
        min_value=1, max_value=validation.LONGEST_LIMIT_SECONDS, allow_null=True, required=False, help_text="Seconds."
    )
    keys = HostKeySerializer(many=True, read_only=True)
    key_state = serializers.SerializerMethodField()
    actions = serializers.SerializerMethodField()
    access_until = serializers.SerializerMethodField(help_text="When the right to connect ends.")

    class Meta:
        model = Host
        fields = [
            "id",
            "name",
            "address",
            "port",
            "groups",
            "group_ids",
            "labels",
            "notes",
            "enabled",
            "is_demo",
            "account",
            "credential",
            "credential_id",
            "encoding",
            "input_policy",
            "idle_limit",
            "length_limit",
            "keys",
            "key_state",
            "actions",
            "access_until",
            "created_at",
        ]
        read_only_fields = ["id", "is_demo", "created_at"]

    @extend_schema_field(serializers.ChoiceField(["pinned", "missing"]))
    def get_key_state(self, host: Host) -> str:
        return "pinned" if host.keys.all() else "missing"

    @extend_schema_field(serializers.ListField(child=serializers.ChoiceField(_ACTION_CHOICES)))
    def get_actions(self, host: Host) -> list[str]:
        held = self.context["access"][host.pk].actions
        return [action.value for action in Action if action in held]

    @extend_schema_field(Instant(allow_null=True))
    def get_access_until(self, host: Host) -> Any:
        until = self.context["access"][host.pk].until.get(Action.CONNECT)
        return Instant().to_representation(until) if until else None

    def to_representation(self, instance: Host) -> dict[str, Any]:
        shown = super().to_representation(instance)
        if not self.context["login"].user.is_staff:
            shown["credential"] = None
        return shown

    def validate_name(self, value: str) -> str:
        return checked(validation.clean_name, value, self.instance, Host)

    def validate_address(self, value: str) -> str:
        if not (self.instance and self.instance.is_demo and value == self.instance.address):
            checked(validate_address, value)
        return value

    def validate_labels(self, value: dict[str, str]) -> dict[str, str]:
        return checked(validation.clean_labels, value)

    def validate_notes(self, value: str) -> str:
        return checked(validation.clean_text, value)

    def validate_encoding(self, value: str) -> str:
        return checked(validation.clean_encoding, value)

    def create(self, validated_data: dict[str, Any]) -> Host:
        groups = validated_data.pop("groups", [])
        host = Host(**validated_data)
        store(host, actor=self.context["login"], related={"groups": groups})
        return host

    def update(self, instance: Host, validated_data: dict[str, Any]) -> Host:
        related = {"groups": validated_data.pop("groups")} if "groups" in validated_data else {}
        for name, value in validated_data.items():
            setattr(instance, name, value)
        store(instance, actor=self.context["login"], related=related)
        return instance


class HostFilters(StrictFilterSet):
    q = TextFilter(method="search", help_text="Part of the name, the address, or a group's name.")
    group = UuidFilter(method="in_group", help_text="Id of a host group.")
    enabled = FlagFilter(field_name="enabled")
    action = ChoicesFilter(
        method="allowing", choices=[(name, name) for name in _ACTION_CHOICES], help_text="What you may do there."
    )

    def search(self, hosts: QuerySet[Host], name: str, value: str) -> QuerySet[Host]:
        del name
        in_groups = HostGroup.objects.filter(name__icontains=value).values("hosts")
        return hosts.filter(Q(name__icontains=value) | Q(address__icontains=value) | Q(pk__in=in_groups))

    def in_group(self, hosts: QuerySet[Host], name: str, value: UUID) -> QuerySet[Host]:
        del name
        return hosts.filter(pk__in=Host.groups.through.objects.filter(hostgroup=value).values("host"))

    def allowing(self, hosts: QuerySet[Host], name: str, value: list[str]) -> QuerySet[Host]:
        del name
        for action in value:
            hosts = hosts.filter(pk__in=hosts_allowing(login_of(self.request), Action(action)).values("pk"))
        return hosts


@extend_schema_view(destroy=extend_schema(description="Retires the host: its recordings stay, its name is free."))
class Hosts(Collection):
    """Hosts that you may reach or audit; administrators in a browser see all."""

    queryset = Host.objects.none()
    serializer_class = HostSerializer
    filterset_class = HostFilters
    stream_name = "hosts"

    def get_queryset(self) -> QuerySet[Host]:
        return visible_hosts(self.login).select_related("credential").prefetch_related("groups", "keys")

    def serialize_rows(self, rows: Sequence[Host]) -> Sequence[Mapping[str, Any]]:
        context = {**self.get_serializer_context(), "access": access_of(self.login, rows)}
        return list(HostSerializer(rows, many=True, context=context).data)

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        del request, args, kwargs
        retire(self.get_object(), actor=self.login)
        return Response(status=204)


class PinSerializer(serializers.Serializer[Any]):
    """A fingerprint that somebody compared, or a line of a known_hosts file."""

    fingerprint = Text(max_length=1000, required=False)
    source = serializers.ChoiceField(["scan", "fingerprint"], required=False)  # type: ignore[assignment]
    algorithm = Text(max_length=64, required=False, allow_blank=True)
    known_hosts = Text(max_length=8192, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("fingerprint" in attrs) == ("known_hosts" in attrs):
            raise serializers.ValidationError(_("Give either fingerprint or known_hosts."))
        field = "fingerprint" if "fingerprint" in attrs else "known_hosts"
        try:
            if field == "known_hosts":
                return {"key": parse_known_hosts_line(attrs[field]), "source": HostKey.Source.KNOWN_HOSTS}
            key = ParsedKey(validation.clean_line(attrs.get("algorithm", "")), parse_fingerprint(attrs[field]))
        except HostKeyError as error:
            raise serializers.ValidationError({field: [str(error)]}) from None
        return {"key": key, "source": HostKey.Source(attrs.get("source", "fingerprint"))}


class _HostPart(InventoryView):
    permission_classes = [AdministratorOrReadOnly]
    queryset = HostKey.objects.none()

    def host(self) -> Host:
        return visible_hosts(self.login).get(pk=self.kwargs["host_id"])


class HostKeys(_HostPart):
    """Keys that are trusted for a host."""

    serializer_class = PinSerializer

    @extend_schema(responses={201: HostKeySerializer, 200: HostKeySerializer}, description="200: it was pinned before.")
    def post(self, request: Request, host_id: UUID) -> Response:
        del host_id
        serializer = self.get_serializer(data=request.data)
        host = self.host()
        serializer.is_valid(raise_exception=True)
        found = serializer.validated_data
        key, is_new = pin(host, found["key"], found["source"], self.login)
        return Response(HostKeySerializer(key).data, status=201 if is_new else 200)


class PinnedHostKey(_HostPart):
    """A key that is trusted for a host."""

    serializer_class = HostKeySerializer

    @extend_schema(responses={204: None})
    def delete(self, request: Request, host_id: UUID, key_id: UUID) -> Response:
        del request, host_id
        unpin(self.host().keys.get(pk=key_id), self.login)
        return Response(status=204)


class HostGroupSerializer(serializers.ModelSerializer[HostGroup]):
    name = Text(max_length=100)
    notes = Text(max_length=4000, allow_blank=True, required=False, trim_whitespace=False)
    host_count = serializers.IntegerField(read_only=True, help_text="Hosts in it that you may see.")

    class Meta:
        model = HostGroup
        fields = ["id", "name", "notes", "host_count"]

    def validate_name(self, value: str) -> str:
        return checked(validation.clean_name, value, self.instance, HostGroup)

    def validate_notes(self, value: str) -> str:
        return checked(validation.clean_text, value)

    def create(self, validated_data: dict[str, Any]) -> HostGroup:
        return self.update(HostGroup(), validated_data)

    def update(self, instance: HostGroup, validated_data: dict[str, Any]) -> HostGroup:
        for name, value in validated_data.items():
            setattr(instance, name, value)
        store(instance, actor=self.context["login"])
        return instance


class HostGroupFilters(StrictFilterSet):
    q = TextFilter(field_name="name", lookup_expr="icontains", help_text="Part of the name.")


class HostGroups(Collection):
    """Sets of hosts that grants can name."""

    queryset = HostGroup.objects.none()
    serializer_class = HostGroupSerializer
    filterset_class = HostGroupFilters
    stream_name = "host-groups"

    def get_queryset(self) -> QuerySet[HostGroup]:
        seen = Count("hosts", filter=Q(hosts__in=visible_hosts(self.login)), distinct=True)
        groups = HostGroup.objects.annotate(host_count=seen).order_by("name")
        return groups if self.login.is_web_administrator else groups.filter(host_count__gt=0)

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        del request, args, kwargs
        remove(self.get_object(), actor=self.login)
        return Response(status=204)
