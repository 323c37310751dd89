"""Sessions: what is known about them, ending one, verifying one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from audit import ledger
from audit.access import terminable_host_ids, visible_sessions
from audit.api.exports import note_export
from audit.api.views import AuditView, SessionView
from audit.control import wake_sessions
from audit.indexing.progress import with_progress
from audit.models import Session
from audit.sessions import request_end
from audit.verify import Report, Verdict, verify_recording
from audit.viewing import record_about
from hosts.access import Action
from hosts.api.fields import Text
from hosts.rest import ChoicesFilter, Conflict, InstantFilter, StreamedListMixin, StrictFilterSet, TextFilter

PROOFS = {
    Session.State.SEALED: "sealed",
    Session.State.RECOVERED: "recovered",
    Session.State.IMPORTED: "imported",
    Session.State.FAILED: "none",
}
_ID_START = re.compile(r"[0-9a-fA-F][0-9a-fA-F-]{3,35}")


class SessionSerializer(serializers.ModelSerializer[Session]):
    """A session. `user` and `host` are the names that they had then; times count in seconds, sizes in bytes."""

    user = serializers.CharField(source="user_name")
    user_id = serializers.IntegerField(allow_null=True)
    host = serializers.CharField(source="host_name")
    host_id = serializers.UUIDField()
    proof = serializers.SerializerMethodField()
    indexed = serializers.BooleanField(
        source="is_indexed", help_text="Whether the session is over and all its commands and text can be found."
    )
    actions = serializers.SerializerMethodField(help_text="What the caller may do with the session now.")

    class Meta:
        model = Session
        fields = [
            "id",
            "kind",
            "user",
            "user_id",
            "host",
            "host_id",
            "account",
            "state",
            "started_at",
            "ended_at",
            "end_reason",
            "end_detail",
            "exit_status",
            "exit_signal",
            "duration",
            "cols",
            "rows",
            "output_bytes",
            "events",
            "has_gaps",
            "proof",
            "command_count",
            "commands_confidence",
            "indexed",
            "actions",
        ]
        read_only_fields = fields

    @extend_schema_field(serializers.ChoiceField(["open", "sealed", "recovered", "imported", "none"]))
    def get_proof(self, session: Session) -> str:
        return PROOFS.get(Session.State(session.state), "open")

    @extend_schema_field(serializers.ListField(child=serializers.ChoiceField([action.value for action in Action])))
    def get_actions(self, session: Session) -> list[str]:
        may_end = session.state in Session.RUNNING and session.host_id in self.context["terminable_host_ids"]
        return [Action.TERMINATE.value] if may_end else []


class SessionFilters(StrictFilterSet):
    user = TextFilter(field_name="user_name", help_text="Name of the person.")
    host = TextFilter(method="of_host", help_text="Name or id of the host.")
    state = ChoicesFilter(choices=Session.State.choices, help_text="One or several, with commas between.")
    started_after = InstantFilter(field_name="started_at", lookup_expr="gte")
    started_before = InstantFilter(field_name="started_at", lookup_expr="lt")
    active_at = InstantFilter(method="at_moment", help_text="Sessions that were open at this moment.")
    q = TextFilter(method="containing", help_text="Part of a name, an account, the reason of the end, or an id.")

    def of_host(self, sessions: QuerySet[Session], name: str, value: str) -> QuerySet[Session]:
        del name
        try:
            return sessions.filter(Q(host_name=value) | Q(host_id=UUID(value)))
        except ValueError:
            return sessions.filter(host_name=value)

    def at_moment(self, sessions: QuerySet[Session], name: str, value: datetime) -> QuerySet[Session]:
        del name
        still_open = Q(ended_at__isnull=True, state__in=Session.RUNNING)
        return sessions.filter(Q(ended_at__gte=value) | still_open, started_at__lte=value)

    def containing(self, sessions: QuerySet[Session], name: str, value: str) -> QuerySet[Session]:
        del name
        found = Q()
        for column in ("user_name", "host_name", "account", "end_reason", "end_detail"):
            found |= Q(**{f"{column}__icontains": value})
        if _ID_START.fullmatch(value):
            found |= Q(id__istartswith=value)
        return sessions.filter(found)


@extend_schema_view(
    list=extend_schema(summary="Sessions that you may see, newest first"),
    retrieve=extend_schema(summary="One session"),
)
class Sessions(StreamedListMixin, AuditView, GenericViewSet[Any]):
    queryset = Session.objects.none()
    serializer_class = SessionSerializer
    filterset_class = SessionFilters
    lookup_value_converter = "uuid"
    stream_name = "sessions"

    def get_queryset(self) -> QuerySet[Session]:
        return with_progress(visible_sessions(self.login)).order_by("-started_at", "-id")

    def serialize_rows(self, rows: Sequence[Session]) -> Sequence[Mapping[str, Any]]:
        context = {**self.get_serializer_context(), "terminable_host_ids": terminable_host_ids(self.login)}
        return list(SessionSerializer(rows, many=True, context=context).data)

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        del request, args, kwargs
        return Response(self.serialize_rows([self.get_object()])[0])

    def stream_starts(self, wanted: str) -> None:
        note_export(self.request, self.stream_name, wanted)


class EndSerializer(serializers.Serializer[Any]):
    reason = Text(max_length=500, help_text="The person whose session ends reads it.")


class EndingSerializer(serializers.Serializer[Any]):
    ending = serializers.BooleanField()


class TerminateSession(SessionView):
    serializer_class = EndSerializer

    @extend_schema(
        summary="End a running session",
        description="Needs the grant `terminate`, and for tokens the scope. The session ends within seconds.",
        request=EndSerializer,
        responses={202: EndingSerializer, 409: OpenApiResponse(description="It does not run any more.")},
    )
    def post(self, request: Request, session_id: UUID) -> Response:
        session = self.session(session_id, Action.TERMINATE)
        body = EndSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        if not request_end(session.pk, self.login, body.validated_data["reason"]) and not _is_ending(session.pk):
            raise Conflict(_("This session has ended already."))
        wake_sessions(session.pk)
        return Response({"ending": True}, status=HTTPStatus.ACCEPTED)


def _is_ending(session_id: UUID) -> bool:
    return Session.objects.filter(pk=session_id, state__in=Session.RUNNING).exists()


class ProblemFoundSerializer(serializers.Serializer[Any]):
    segment = serializers.IntegerField(allow_null=True, help_text="null: the recording as a whole.")
    problem = serializers.CharField()


class ReportSerializer(serializers.Serializer[Report]):
    """`ok` is whether the verdict is intact. `undecided`: something that is needed could not be read."""

    ok = serializers.SerializerMethodField()
    verdict = serializers.ChoiceField([verdict.value for verdict in Verdict])
    sealed = serializers.BooleanField(source="is_sealed", help_text="Whether a manifest binds the recording's end.")
    segments = serializers.IntegerField(help_text="Segments that were checked.")
    chain = serializers.CharField(help_text="The last link of the chain, SHA-256 in hex.")
    checked_at = serializers.DateTimeField()
    problems = ProblemFoundSerializer(many=True)

    def get_ok(self, report: Report) -> bool:
        return report.verdict is Verdict.INTACT


class VerifySession(SessionView):
    serializer_class = ReportSerializer

    @extend_schema(summary="Check a recording against its chain", responses=ReportSerializer)
    def get(self, request: Request, session_id: UUID) -> Response:
        del request
        session = self.session(session_id)
        report = verify_recording(session)
        facts = {"verdict": report.verdict, "segments": report.segments}
        record_about(session, ledger.Action.RECORDING_VERIFIED, self.login, facts)
        return Response(ReportSerializer(report).data)
