"""The ledger."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from audit.access import listed_events, visible_events
from audit.api.exports import note_export
from audit.api.views import AuditView
from audit.ledger import Action
from audit.models import AuditEvent
from hosts.rest import ChoicesFilter, InstantFilter, StreamedListMixin, StrictFilterSet, TextFilter, UuidFilter


class AuditEventSerializer(serializers.ModelSerializer[AuditEvent]):
    """One line of the ledger. `actor` and `object_name` are the names of then; an empty actor is the system."""

    actor = serializers.CharField(source="actor_name")
    action = serializers.ChoiceField([action.value for action in Action])
    session = serializers.UUIDField(source="session_id", allow_null=True)
    detail = serializers.DictField()

    class Meta:
        model = AuditEvent
        fields = [
            "id",
            "at",
            "actor",
            "action",
            "object_type",
            "object_id",
            "object_name",
            "session",
            "address",
            "outcome",
            "detail",
        ]
        read_only_fields = fields


class AuditEventFilters(StrictFilterSet):
    actor = TextFilter(field_name="actor_name", help_text="Name of the person.")
    action = ChoicesFilter(
        choices=[(action.value, action.value) for action in Action], help_text="One or several, with commas between."
    )
    object_type = TextFilter()
    object_id = TextFilter()
    session = UuidFilter(field_name="session_id")
    outcome = ChoicesFilter(choices=AuditEvent.Outcome.choices, help_text="One or several, with commas between.")
    after = InstantFilter(field_name="at", lookup_expr="gte")
    before = InstantFilter(field_name="at", lookup_expr="lt")
    q = TextFilter(method="containing", help_text="Part of a name, an action, an id or an address.")

    def containing(self, events: QuerySet[AuditEvent], name: str, value: str) -> QuerySet[AuditEvent]:
        del name
        found = Q()
        for column in ("actor_name", "object_name", "action", "object_id", "address"):
            found |= Q(**{f"{column}__icontains": value})
        return events.filter(found)


class AuditEvents(StreamedListMixin, AuditView):
    queryset = AuditEvent.objects.none()
    serializer_class = AuditEventSerializer
    filterset_class = AuditEventFilters
    token_scope = "audit"  # noqa: S105 a scope, not a token
    stream_name = "audit-events"

    def get_queryset(self) -> QuerySet[AuditEvent]:
        # Anchors are for programs that verify, and far too many to read.
        is_asked_for = "action" in self.request.query_params
        events = visible_events(self.login) if is_asked_for else listed_events(self.login)
        return events.defer("salt").order_by("-at", "-id")

    def stream_starts(self, wanted: str) -> None:
        note_export(self.request, self.stream_name, wanted)

    @extend_schema(
        summary="The ledger, newest first",
        description=(
            "Administrators see all lines, others those about hosts that they may audit. Lines `session.anchored` are"
            " left out unless `action` names them."
        ),
    )
    def get(self, request: Request) -> Any:
        return self.list(request)
