"""Legal holds: placed and released, never changed, and kept as evidence when they are released."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from audit.access import holdable_hosts, holdable_sessions, releasable_holds, visible_holds
from audit.models import LegalHold, Session
from audit.retention.holds import KINDS, DeletedError, Kind, holds_on, kind_of, place_hold, release_hold, target_name
from hosts import validation
from hosts.api.collection import Collection
from hosts.api.fields import RowId, RowNumber, Text, checked
from hosts.authentication import SignedIn
from hosts.logins import Login
from hosts.models import Host, HostGroup
from hosts.rest import ChoicesFilter, Conflict, FlagFilter, StrictFilterSet, TextFilter, UuidFilter

_TARGETS = tuple(f"{kind}_id" for kind in KINDS)


class HeldSerializer(serializers.Serializer[Any]):
    id = serializers.CharField(help_text="Of a person it is a number.")
    name = serializers.CharField()


class LegalHoldSerializer(serializers.ModelSerializer[LegalHold]):
    """Names one session, person, host or host group, whose recordings nobody may delete until it is released."""

    kind = serializers.SerializerMethodField()
    object = serializers.SerializerMethodField()
    session_id = RowId(Session.objects.all(), source="session", write_only=True, required=False, allow_null=True)
    user_id = RowNumber(User.objects.all(), source="user", write_only=True, required=False, allow_null=True)
    host_id = RowId(Host.objects.all(), source="host", write_only=True, required=False, allow_null=True)
    host_group_id = RowId(
        HostGroup.objects.all(), source="host_group", write_only=True, required=False, allow_null=True
    )
    reason = Text(max_length=500)
    owner = serializers.CharField(source="owner_name", read_only=True, help_text="Who placed it.")
    released_by = serializers.CharField(source="released_by_name", read_only=True)

    class Meta:
        model = LegalHold
        fields = ["id", "kind", "object", *_TARGETS, "reason", "owner", "created_at", "released_at", "released_by"]
        read_only_fields = ["id", "created_at", "released_at"]

    def get_fields(self) -> dict[str, Any]:
        """Let people name only what they may place a hold on: the rest does not exist."""
        fields: dict[str, Any] = super().get_fields()
        login: Login | None = self.context.get("login")
        if login is not None:
            fields["session_id"].queryset = holdable_sessions(login)
            fields["host_id"].queryset = holdable_hosts(login)
            if not login.is_web_administrator:
                fields["user_id"].queryset = User.objects.none()
                fields["host_group_id"].queryset = HostGroup.objects.none()
        return fields

    @extend_schema_field(serializers.ChoiceField(list(KINDS)))
    def get_kind(self, hold: LegalHold) -> Kind:
        return kind_of(hold)

    @extend_schema_field(HeldSerializer)
    def get_object(self, hold: LegalHold) -> dict[str, str]:
        return {"id": str(getattr(hold, f"{kind_of(hold)}_id")), "name": target_name(hold)}

    def validate_reason(self, value: str) -> str:
        return checked(validation.clean_line, value)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if sum(attrs.get(kind) is not None for kind in KINDS) != 1:
            expected = _("Give exactly one of %(names)s.") % {"names": ", ".join(_TARGETS)}
            raise serializers.ValidationError(expected)
        return attrs

    def create(self, validated_data: Mapping[str, Any]) -> LegalHold:
        login: Login = self.context["login"]
        hold = LegalHold(**validated_data, owner_name=login.user.get_username())
        try:
            place_hold(hold, login)
        except DeletedError as error:
            raise Conflict(str(error)) from None
        return hold


class LegalHoldFilters(StrictFilterSet):
    q = TextFilter(method="search", help_text="Part of the reason, of the owner's name, or of what is held.")
    kind = ChoicesFilter(method="of_kind", choices=[(kind, kind) for kind in KINDS])
    active = FlagFilter(field_name="released_at", lookup_expr="isnull", help_text="Whether it still holds.")
    session = UuidFilter(method="on_session", help_text="Id of a session that it keeps, whatever it names.")

    def search(self, holds: QuerySet[LegalHold], name: str, value: str) -> QuerySet[LegalHold]:
        del name
        of_session = Q(session__user_name__icontains=value) | Q(session__host_name__icontains=value)
        of_row = Q(user__username__icontains=value) | Q(host__name__icontains=value)
        said = Q(reason__icontains=value) | Q(owner_name__icontains=value) | Q(host_group__name__icontains=value)
        return holds.filter(said | of_row | of_session)

    def of_kind(self, holds: QuerySet[LegalHold], name: str, value: list[str]) -> QuerySet[LegalHold]:
        del name
        wanted = Q()
        for kind in value:
            wanted |= Q(**{f"{kind}__isnull": False})
        return holds.filter(wanted)

    def on_session(self, holds: QuerySet[LegalHold], name: str, value: UUID) -> QuerySet[LegalHold]:
        del name
        return holds.filter(pk__in=holds_on(value).values("pk"))


@extend_schema_view(
    list=extend_schema(summary="Legal holds, newest first"),
    create=extend_schema(
        summary="Place a legal hold",
        description="On sessions and hosts that you may audit; people and host groups are for administrators. "
        "409: the recording is deleted already.",
    ),
    destroy=extend_schema(description="Releases the hold; it stays in the list as evidence."),
)
class LegalHolds(Collection):
    """Holds on hosts that you may audit, and on sessions there; administrators see all."""

    queryset = LegalHold.objects.none()
    serializer_class = LegalHoldSerializer
    filterset_class = LegalHoldFilters
    permission_classes = [SignedIn]
    token_scope = "audit"  # noqa: S105 a scope, not a token
    http_method_names = ["get", "post", "delete", "head"]
    stream_name = "legal-holds"

    def get_queryset(self) -> QuerySet[LegalHold]:
        holds = releasable_holds(self.login) if self.request.method == "DELETE" else visible_holds(self.login)
        return holds.select_related("session", "user", "host", "host_group").order_by("-created_at", "-id")

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        del request, args, kwargs
        release_hold(self.get_object(), self.login)
        return Response(status=204)
