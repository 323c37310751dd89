"""Grants: who may do what where, from when until when. They are given and revoked, never changed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import Group, User
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from hosts import validation
from hosts.access import Action, visible_grants
from hosts.api.collection import Collection
from hosts.api.fields import Instant, NamedField, NumberedField, RowId, RowNumber, Text, checked
from hosts.inventory import actions_of, revoke_grant, store
from hosts.models import Grant, Host, HostGroup
from hosts.rest import ChoicesFilter, IdFilter, StrictFilterSet, TextFilter, UuidFilter

STATES = ("active", "pending", "expired", "revoked")


class GrantSerializer(serializers.ModelSerializer[Grant]):
    """Names one of user and group, and one of host and host_group."""

    user = NumberedField()
    group = NumberedField()
    host = NamedField()
    host_group = NamedField()
    user_id = RowNumber(User.objects.all(), source="user", write_only=True, required=False, allow_null=True)
    group_id = RowNumber(Group.objects.all(), source="group", write_only=True, required=False, allow_null=True)
    host_id = RowId(
        Host.objects.filter(retired_at__isnull=True), source="host", write_only=True, required=False, allow_null=True
    )
    host_group_id = RowId(
        HostGroup.objects.all(), source="host_group", write_only=True, required=False, allow_null=True
    )
    actions = serializers.ListField(
        child=serializers.ChoiceField([action.value for action in Action]), min_length=1, max_length=len(Action)
    )
    valid_from = Instant(required=False, help_text="By default this moment.")
    valid_until = Instant(required=False, allow_null=True, help_text="Null: until it is revoked.")
    reason = Text(max_length=500, allow_blank=True, required=False)
    granted_by = serializers.CharField(source="granted_by_name", read_only=True)
    revoked_by = serializers.CharField(source="revoked_by_name", read_only=True)
    state = serializers.SerializerMethodField()

    class Meta:
        model = Grant
        fields = [
            "id",
            "user",
            "user_id",
            "group",
            "group_id",
            "host",
            "host_id",
            "host_group",
            "host_group_id",
            "actions",
            "valid_from",
            "valid_until",
            "reason",
            "granted_by",
            "created_at",
            "revoked_at",
            "revoked_by",
            "state",
        ]
        read_only_fields = ["id", "created_at", "revoked_at"]

    @extend_schema_field(serializers.ChoiceField(STATES))
    def get_state(self, grant: Grant) -> str:
        return state_of(grant, timezone.now())

    def to_representation(self, instance: Grant) -> dict[str, Any]:
        instance.actions = actions_of(instance)  # type: ignore[attr-defined]
        return super().to_representation(instance)

    def validate_reason(self, value: str) -> str:
        return checked(validation.clean_line, value)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        for one, other in (("user", "group"), ("host", "host_group")):
            if (attrs.get(one) is None) == (attrs.get(other) is None):
                message = _("Give either %(one)s or %(other)s.") % {"one": f"{one}_id", "other": f"{other}_id"}
                raise serializers.ValidationError({f"{one}_id": [message]})
        attrs.setdefault("valid_from", timezone.now())
        until: datetime | None = attrs.get("valid_until")
        if until is not None and until <= max(attrs["valid_from"], timezone.now()):
            raise serializers.ValidationError({"valid_until": [_("Expected a time to come, after valid_from.")]})
        return attrs

    def create(self, validated_data: Mapping[str, Any]) -> Grant:
        facts = dict(validated_data)
        flags = dict.fromkeys(facts.pop("actions"), True)
        login = self.context["login"]
        grant = Grant(**facts, **flags, granted_by_name=login.user.get_username())
        store(grant, actor=login)
        return grant


def state_of(grant: Grant, at: datetime) -> str:
    """Return one of STATES."""
    if grant.revoked_at is not None:
        return "revoked"
    if grant.valid_until is not None and grant.valid_until <= at:
        return "expired"
    return "pending" if grant.valid_from > at else "active"


def _in_state(state: str, at: datetime) -> Q:
    revoked, ended, pending = Q(revoked_at__isnull=False), Q(valid_until__lte=at), Q(valid_from__gt=at)
    # `valid_until` may be null, and NOT (null <= at) is null: "not ended" must be written out.
    lasting = Q(valid_until__isnull=True) | Q(valid_until__gt=at)
    return {
        "revoked": revoked,
        "expired": ~revoked & ended,
        "pending": ~revoked & lasting & pending,
        "active": ~revoked & lasting & ~pending,
    }[state]


class GrantFilters(StrictFilterSet):
    q = TextFilter(method="search", help_text="Part of who, of where, or of the reason.")
    user = IdFilter(field_name="user")
    group = IdFilter(field_name="group")
    host = UuidFilter(field_name="host")
    host_group = UuidFilter(field_name="host_group")
    state = ChoicesFilter(method="in_state", choices=[(state, state) for state in STATES])

    def search(self, grants: QuerySet[Grant], name: str, value: str) -> QuerySet[Grant]:
        del name
        who = Q(user__username__icontains=value) | Q(group__name__icontains=value)
        where = Q(host__name__icontains=value) | Q(host_group__name__icontains=value)
        return grants.filter(who | where | Q(reason__icontains=value))

    def in_state(self, grants: QuerySet[Grant], name: str, value: list[str]) -> QuerySet[Grant]:
        del name
        at, wanted = timezone.now(), Q()
        for state in value:
            wanted |= _in_state(state, at)
        return grants.filter(wanted)


@extend_schema_view(destroy=extend_schema(description="Revokes the grant; it stays in the list as evidence."))
class Grants(Collection):
    """Your grants and those of your groups; administrators see all."""

    queryset = Grant.objects.none()
    serializer_class = GrantSerializer
    filterset_class = GrantFilters
    http_method_names = ["get", "post", "delete", "head"]
    stream_name = "grants"

    def get_queryset(self) -> QuerySet[Grant]:
        grants = visible_grants(self.login).select_related("user", "group", "host", "host_group")
        return grants.order_by("-created_at", "-id")

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        del request, args, kwargs
        revoke_grant(self.get_object(), actor=self.login)
        return Response(status=204)
