"""Sessions: what is known about them, ending one, verifying one."""

from __future__ import annotations

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

from audit.access import actions_on, learns_of_holds, listed_sessions, visible_sessions
from audit.api.exports import note_export
from audit.api.views import AuditView, SessionView
from audit.control import wake_sessions
from audit.indexing.progress import with_progress
from audit.models import Session
from audit.proof import PROOFS, proof_of
from audit.retention.holds import is_held
from audit.sessions import ids_beginning_with, open_at, request_end
from hosts.access import Action
from hosts.api.fields import Text
from hosts.rest import ChoicesFilter, Conflict, InstantFilter, StreamedListMixin, StrictFilterSet, TextFilter


class SessionSerializer(serializers.ModelSerializer[Session]):
    """A session. `user` and `host` are the names that they had then; times count in seconds, sizes in bytes."""

    user = serializers.CharField(source="user_name")
    user_id = serializers.IntegerField(allow_null=True)
    host = serializers.CharField(source="host_name")
    host_id = serializers.UUIDField()
    proof = serializers.SerializerMethodField()
    gaps = serializers.ListField(
        child=serializers.ListField(min_length=3, max_length=3),
        help_text="[from second, until second or null, words]: what was on the terminal then is not in the recording.",
    )
    deleted_at = serializers.DateTimeField(
        allow_null=True, help_text="When the recording was deleted; the session and its seal stay."
    )
    held = serializers.SerializerMethodField(
        help_text="Whether a legal hold keeps the recording. Only auditors of the host and administrators are told."
    )
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
            "gaps",
            "proof",
            "deleted_at",
            "deleted_under",
            "held",
            "command_count",
            "commands_confidence",
            "indexed",
            "actions",
        ]
        read_only_fields = fields

    @extend_schema_field(serializers.ChoiceField(PROOFS))
    def get_proof(self, session: Session) -> str:
        return proof_of(session)

    def get_held(self, session: Session) -> bool:
        is_told = learns_of_holds(self.context["login"], self._allowed(session))
        return is_told and bool(session.is_held)  # type: ignore[attr-defined]

    @extend_schema_field(serializers.ListField(child=serializers.ChoiceField([action.value for action in Action])))
    def get_actions(self, session: Session) -> list[str]:
        possible = {Action.TERMINATE} if session.state in Session.RUNNING else set()
        if session.deleted_at is None:
            possible |= {Action.EXPORT, Action.VIEW_INPUT}
        allowed = self._allowed(session)
        return [action.value for action in Action if action in possible & allowed]

    def _allowed(self, session: Session) -> set[Action]:
        allowed: dict[UUID, set[Action]] = self.context["allowed"]
        return allowed.get(session.host_id, set())


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
        return open_at(sessions, value)

    def containing(self, sessions: QuerySet[Session], name: str, value: str) -> QuerySet[Session]:
        del name
        found = Q()
        for column in ("user_name", "host_name", "account", "end_reason", "end_detail"):
            found |= Q(**{f"{column}__icontains": value})
        if (ids := ids_beginning_with(value)) is not None:
            found |= Q(id__range=ids)
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
        # One session is asked for by its id, which needs no help.
        scope = visible_sessions if self.detail else listed_sessions
        sessions = scope(self.login).annotate(is_held=is_held())
        return with_progress(sessions).order_by("-started_at", "-id")

    def serialize_rows(self, rows: Sequence[Session]) -> Sequence[Mapping[str, Any]]:
        facts = {"login": self.login, "allowed": actions_on(self.login, rows)}
        context = {**self.get_serializer_context(), **facts}
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
