"""Retention policies, and what they would delete now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from audit.api.views import AuditView
from audit.models import RetentionPolicy, Session
from audit.retention.plan import MOST_NAMED, Plan, make_plan
from audit.retention.policies import MOST_DAYS, PolicyExistsError, remove_policy, store_policy
from hosts.api.collection import Collection
from hosts.api.fields import NamedField, RowId, WholeNumber
from hosts.authentication import Administrator
from hosts.models import HostGroup
from hosts.rest import Conflict, StrictFilterSet, UuidFilter, check_parameters


class RetentionPolicySerializer(serializers.ModelSerializer[RetentionPolicy]):
    """After how many days recordings are deleted: of a host group, or of all hosts that no policy's group has."""

    host_group = NamedField()
    host_group_id = RowId(
        HostGroup.objects.all(), source="host_group", write_only=True, required=False, allow_null=True
    )
    days = WholeNumber(min_value=1, max_value=MOST_DAYS, help_text="Since the session ended.")

    class Meta:
        model = RetentionPolicy
        fields = ["id", "host_group", "host_group_id", "days", "created_at", "changed_at"]
        read_only_fields = ["id", "created_at", "changed_at"]
        # One for each group is a conflict with what is there, not a wrong value.
        validators: list[Any] = []

    def create(self, validated_data: Mapping[str, Any]) -> RetentionPolicy:
        return self.update(RetentionPolicy(), validated_data)

    def update(self, instance: RetentionPolicy, validated_data: Mapping[str, Any]) -> RetentionPolicy:
        for name, value in validated_data.items():
            setattr(instance, name, value)
        try:
            store_policy(instance, self.context["login"])
        except PolicyExistsError as error:
            raise Conflict(str(error)) from None
        return instance


class RetentionPolicyFilters(StrictFilterSet):
    host_group = UuidFilter(field_name="host_group_id")


@extend_schema_view(
    list=extend_schema(summary="After how many days recordings are deleted"),
    create=extend_schema(description="409: that group has a policy already, or there is one for all other hosts."),
    destroy=extend_schema(description="Its hosts fall under their other policies; without one they are kept for ever."),
)
class RetentionPolicies(Collection):
    """For administrators. Of several policies that a host's groups have, the longest counts."""

    queryset = RetentionPolicy.objects.none()
    serializer_class = RetentionPolicySerializer
    filterset_class = RetentionPolicyFilters
    permission_classes = [Administrator]
    stream_name = "retention-policies"

    def get_queryset(self) -> QuerySet[RetentionPolicy]:
        return RetentionPolicy.objects.select_related("host_group").order_by("created_at", "id")

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        del request, args, kwargs
        remove_policy(self.get_object(), self.login)
        return Response(status=204)


class DueSessionSerializer(serializers.ModelSerializer[Session]):
    user = serializers.CharField(source="user_name")
    host = serializers.CharField(source="host_name")

    class Meta:
        model = Session
        fields = ["id", "user", "host", "started_at", "ended_at"]
        read_only_fields = fields


class RetentionPreviewSerializer(serializers.Serializer[Plan]):
    """What the policies would delete if they were applied now."""

    count = serializers.IntegerField(help_text="Recordings.")
    bytes = serializers.IntegerField(help_text="That they take up in the object store.")
    oldest = serializers.DateTimeField(allow_null=True, help_text="When the first of them ended.")
    held = serializers.IntegerField(help_text="Further recordings that only a legal hold keeps.")
    sessions = DueSessionSerializer(many=True, help_text=_("The first %(most)d.") % {"most": MOST_NAMED})


class RetentionPreview(AuditView):
    """For administrators."""

    permission_classes = [Administrator]
    serializer_class = RetentionPreviewSerializer

    @extend_schema(summary="What the retention policies would delete now", responses=RetentionPreviewSerializer)
    def get(self, request: Request) -> Response:
        check_parameters(request, ())
        return Response(RetentionPreviewSerializer(make_plan()).data)
