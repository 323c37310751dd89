"""The recording itself: as files, as text, and in the pieces that the player loads."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Literal, TypeVar, cast
from uuid import UUID

from django.http import HttpResponse, HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from audit.access import may_see_input
from audit.api.views import SessionView, choice
from audit.export import downloads
from audit.export.downloads import RAW, TRANSCRIPT, Format, download
from audit.models import Session
from audit.replay import replay_index, replay_segment
from audit.timeline import Idle
from audit.viewing import note_download
from hosts.access import Action

_DOWNLOAD = OpenApiParameter("download", enum=["0", "1"], description="1: note it in the ledger as a download.")
_VERSION = OpenApiParameter("version", enum=["2", "3"], description="Of the asciicast format.")
_View = TypeVar("_View", bound=Callable[..., Any])
_IDLE = OpenApiParameter("idle", enum=["keep", "skip"], description="skip: silences last two seconds at most.")


def file_schema(
    summary: str, content_type: str, *parameters: OpenApiParameter, description: str = ""
) -> Callable[[_View], _View]:
    return extend_schema(
        summary=summary,
        description=description,
        parameters=[*parameters],
        responses={(HTTPStatus.OK, content_type): OpenApiTypes.BINARY},
    )


class RecordingFile(SessionView):
    """A file that is made while it is sent. It holds the segments that are closed when it is asked for."""

    parameters: tuple[str, ...] = ("download",)
    serializer_class = serializers.Serializer

    def send(self, session: Session, wanted: Format, *actions: Action, name: str = "") -> HttpResponseBase:
        """Answer with the file, which the ledger knows as `name`; exact copies, which need `actions`, are downloads."""
        is_download = self.is_asked_for("download") or self.login.kind == "token" or bool(actions)
        has_content = self.request.method != "HEAD"
        response = download(session, self.login, wanted, *actions, with_content=has_content)
        if has_content and is_download:
            note_download(session, self.login, name or f"recording.{wanted.suffix}")
        return response

    def is_asked_for(self, name: str) -> bool:
        return choice(self.request, name, ("0", "1")) == "1"

    def viewed(self, session_id: UUID, *actions: Action) -> Session:
        # A request that is refused is no view.
        self.is_asked_for("download")
        return super().viewed(session_id, *actions)


class RecordingCast(RecordingFile):
    parameters = ("download", "version")

    @file_schema(
        "The recording as asciicast",
        "application/x-asciicast",
        _VERSION,
        _DOWNLOAD,
        description="What was typed is in it only with the grant `view_input`.",
    )
    def get(self, request: Request, session_id: UUID) -> HttpResponseBase:
        version = cast("Literal['2', '3']", choice(request, "version", ("2", "3")))
        session = self.viewed(session_id)
        return self.send(session, downloads.cast(version, with_input=may_see_input(self.login, session)))


class RecordingRaw(RecordingFile):
    @file_schema(
        "What the host sent, byte for byte",
        "application/octet-stream",
        _DOWNLOAD,
        description="Needs the grant `export`.",
    )
    def get(self, request: Request, session_id: UUID) -> HttpResponseBase:
        del request
        return self.send(self.viewed(session_id, Action.EXPORT), RAW, Action.EXPORT)


class Transcript(RecordingFile):
    @file_schema("The text that was on the screen", "text/plain", _DOWNLOAD)
    def get(self, request: Request, session_id: UUID) -> HttpResponseBase:
        del request
        return self.send(self.viewed(session_id), TRANSCRIPT)


class _TermSerializer(serializers.Serializer[Any]):
    cols = serializers.IntegerField()
    rows = serializers.IntegerField()


class _ReplayPartSerializer(serializers.Serializer[Any]):
    start = serializers.FloatField()
    url = serializers.CharField()


class ReplayIndexSerializer(serializers.Serializer[Any]):
    """asciinema-player's segmented format; `map`, `true_duration`, `idle` and `complete` are for the page around it."""

    version = serializers.IntegerField()
    duration = serializers.FloatField(help_text="Shown seconds.")
    term = _TermSerializer()
    markers = serializers.ListField(child=serializers.ListField(), help_text="[shown second, label], in order.")
    segments = _ReplayPartSerializer(many=True)
    map = serializers.ListField(
        child=serializers.ListField(child=serializers.FloatField(), min_length=2, max_length=2),
        help_text="[true second, shown second]: nodes with straight lines between them, both rising.",
    )
    true_duration = serializers.FloatField(help_text="Seconds since the session started.")
    idle = serializers.ChoiceField(["keep", "skip"])
    complete = serializers.BooleanField(help_text="False while the recording still grows.")


class ReplayIndex(SessionView):
    parameters = ("idle",)
    serializer_class = ReplayIndexSerializer

    @extend_schema(summary="Index for the player", parameters=[_IDLE], responses=ReplayIndexSerializer)
    def get(self, request: Request, session_id: UUID) -> Response:
        idle = cast("Idle", choice(request, "idle", ("keep", "skip")))
        return Response(replay_index(self.viewed(session_id), idle), headers={"Cache-Control": "private, no-store"})


class _SnapshotSerializer(_TermSerializer):
    init = serializers.CharField(help_text="Terminal output that rebuilds the screen at the segment's start.")


class ReplaySegmentSerializer(serializers.Serializer[Any]):
    snapshot = _SnapshotSerializer()
    events = serializers.ListField(child=serializers.ListField(), help_text="[shown second, code, data].")


class ReplaySegment(SessionView):
    parameters = ("idle",)
    serializer_class = ReplaySegmentSerializer

    @extend_schema(
        summary="One segment for the player",
        parameters=[_IDLE, OpenApiParameter("n", int, OpenApiParameter.PATH)],
        responses=ReplaySegmentSerializer,
    )
    def get(self, request: Request, session_id: UUID, n: int) -> HttpResponse:
        idle = cast("Idle", choice(request, "idle", ("keep", "skip")))
        session = self.viewed(session_id)
        content = replay_segment(session, n, idle, with_input=may_see_input(self.login, session))
        return HttpResponse(content, content_type="application/json", headers={"Cache-Control": "private, no-store"})
