"""Commands that were run, of one session or of all that one may see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from audit import ledger
from audit.access import visible_commands
from audit.api.exports import note_export
from audit.api.views import SessionView
from audit.models import Command
from hosts.rest import InstantFilter, StreamedListMixin, StrictFilterSet, TextFilter, UuidFilter


class CommandSerializer(serializers.ModelSerializer[Command]):
    """A command. `t` and `end_t` are seconds since its session started, `at` is the same as `t` on the clock."""

    session = serializers.UUIDField(source="session_id")
    user = serializers.CharField(source="session.user_name")
    host = serializers.CharField(source="session.host_name")

    class Meta:
        model = Command
        fields = [
            "session",
            "user",
            "host",
            "at",
            "t",
            "end_t",
            "command",
            "source",
            "confidence",
            "exit_status",
        ]
        read_only_fields = fields


class CommandFilters(StrictFilterSet):
    user = TextFilter(field_name="session__user_name", help_text="Name of the person.")
    host = TextFilter(method="of_host", help_text="Name or id of the host.")
    session = UuidFilter(field_name="session_id")
    q = TextFilter(field_name="command", lookup_expr="icontains", help_text="Part of the command.")
    after = InstantFilter(field_name="at", lookup_expr="gte")
    before = InstantFilter(field_name="at", lookup_expr="lt")

    def of_host(self, commands: QuerySet[Command], name: str, value: str) -> QuerySet[Command]:
        del name
        try:
            return commands.filter(Q(session__host_name=value) | Q(host_id=UUID(value)))
        except ValueError:
            return commands.filter(session__host_name=value)


class Commands(StreamedListMixin, SessionView):
    queryset = Command.objects.none()
    serializer_class = CommandSerializer
    filterset_class = CommandFilters
    stream_name = "commands"

    def get_queryset(self) -> QuerySet[Command]:
        return visible_commands(self.login).select_related("session").order_by("-at", "-id")

    def serialize_rows(self, rows: Sequence[Command]) -> Sequence[Mapping[str, Any]]:
        return list(CommandSerializer(rows, many=True).data)

    def stream_starts(self, wanted: str) -> None:
        note_export(self.request, self.stream_name, wanted)

    @extend_schema(summary="Commands of all sessions that you may see, newest first")
    def get(self, request: Request) -> Any:
        answer = self.list(request)
        if request.query_params.get("q") and "cursor" not in request.query_params:
            detail = {key: value for key, value in request.query_params.items() if key != "page_size"}
            ledger.record(ledger.Action.SEARCH_PERFORMED, login=self.login, object_type="commands", detail=detail)
        return answer


class SessionCommands(Commands):
    """The same rows, in the order in which they were run."""

    ordering = ("at", "id")

    def get_queryset(self) -> QuerySet[Command]:
        commands = visible_commands(self.login).filter(session_id=self.kwargs["session_id"])
        return commands.select_related("session").order_by(*self.ordering)

    @extend_schema(summary="Commands of one session, in the order in which they were run")
    def get(self, request: Request, session_id: UUID) -> Any:  # type: ignore[override]
        self.parameters = tuple(CommandFilters.base_filters)
        self.viewed(session_id)
        return self.list(request)
