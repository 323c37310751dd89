"""The recording itself: as files, as text, and in the pieces that the player loads."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, TypeVar, cast
from uuid import UUID

from django.http import HttpResponse, HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from audit.api.views import SessionView, choice
from audit.export.downloads import CAST, RAW, TRANSCRIPT, Format, download
from audit.replay import replay_index, replay_segment
from audit.timeline import Idle
from audit.viewing import note_download

_DOWNLOAD = OpenApiParameter("download", enum=["0", "1"], description="1: note it in the ledger as a download.")
_VERSION = OpenApiParameter("version", enum=["2", "3"], description="Of the asciicast format.")
_View = TypeVar("_View", bound=Callable[..., Any])
_IDLE = OpenApiParameter("idle", enum=["keep", "skip"], description="skip: silences last two seconds at most.")


def _file_schema(summary: str, content_type: str, *parameters: OpenApiParameter) -> Callable[[_View], _View]:
    return extend_schema(
        summary=summary,
        parameters=[*parameters, _DOWNLOAD],
        responses={(HTTPStatus.OK, content_type): OpenApiTypes.BINARY},
    )


class RecordingFile(SessionView):
    """A file that is made while it is sent. It holds the segments that are closed when it is asked for."""

    parameters: tuple[str, ...] = ("download",)
    serializer_class = serializers.Serializer

    def send(self, session_id: UUID, wanted: Format) -> HttpResponseBase:
        is_download = choice(self.request, "download", ("0", "1")) == "1" or self.login.kind == "token"
        session = self.viewed(session_id)
        has_content = self.request.method != "HEAD"
        response = download(session, self.login, wanted, with_content=has_content)
        if is_download and has_content:
            note_download(session, self.login, f"recording.{wanted.suffix}")
        return response


class RecordingCast(RecordingFile):
    parameters = ("download", "version")

    @_file_schema("The recording as asciicast", "application/x-asciicast", _VERSION)
    def get(self, request: Request, session_id: UUID) -> HttpResponseBase:
        return self.send(session_id, CAST["3" if choice(request, "version", ("2", "3")) == "3" else "2"])


class RecordingRaw(RecordingFile):
    @_file_schema("What the host sent, byte for byte", "application/octet-stream")
    def get(self, request: Request, session_id: UUID) -> HttpResponseBase:
        del request
        return self.send(session_id, RAW)


class Transcript(RecordingFile):
    @_file_schema("The text that was on the screen", "text/plain")
    def get(self, request: Request, session_id: UUID) -> HttpResponseBase:
        del request
        return self.send(session_id, TRANSCRIPT)


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
        content = replay_segment(self.viewed(session_id), n, idle)
        return HttpResponse(content, content_type="application/json", headers={"Cache-Control": "private, no-store"})
