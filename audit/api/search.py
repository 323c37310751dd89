"""Search across everything that the caller may see, and inside one session."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, cast
from uuid import UUID

from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from audit import ledger
from audit.access import search_scope, visible_sessions
from audit.api.exports import note_export
from audit.api.views import SessionView, choice
from audit.models import Session
from audit.search import KINDS, Filters, Hit, Kind, Page, backend
from hosts.filters import LONGEST_TEXT
from hosts.instants import parse_instant
from hosts.logins import check_login
from hosts.rest import StreamEnded, check_parameters, invalid_parameter, link_to, page_size_of, stream_format
from hosts.streams import stream_batches

_PARAMETERS = ("q", "user", "host", "kind", "after", "before")
_STREAM_PAGE = 200
_Q = OpenApiParameter("q", str, required=True, description='Terms that must all occur; "quotes" make a phrase.')
_CURSOR = OpenApiParameter("cursor", str, description="From `next`.")
_PAGE_SIZE = OpenApiParameter("page_size", {"type": "integer", "minimum": 1, "maximum": 200, "default": 50})
_FORMAT = OpenApiParameter("format", enum=["json", "csv", "jsonl"], description="csv, jsonl: all hits, as a download.")
_KIND = OpenApiParameter("kind", enum=list(KINDS))
_NARROWING = [
    OpenApiParameter("user", str, description="Name of the person."),
    OpenApiParameter("host", str, description="Name of the host."),
    _KIND,
    OpenApiParameter("after", OpenApiTypes.DATETIME),
    OpenApiParameter("before", OpenApiTypes.DATETIME),
]


class FoundSessionSerializer(serializers.ModelSerializer[Session]):
    user = serializers.CharField(source="user_name")
    host = serializers.CharField(source="host_name")

    class Meta:
        model = Session
        fields = ["id", "user", "host", "started_at", "state"]
        read_only_fields = fields


class SearchHitSerializer(serializers.Serializer[Any]):
    """A line that was found. `marks` are [start, end) in code points of `snippet`."""

    session = FoundSessionSerializer()
    t = serializers.FloatField(help_text="Seconds since the session started.")
    at = serializers.DateTimeField()
    kind = serializers.ChoiceField(list(KINDS))
    snippet = serializers.CharField(help_text="The line, between its neighbours.")
    marks = serializers.ListField(
        child=serializers.ListField(child=serializers.IntegerField(), min_length=2, max_length=2)
    )
    link = serializers.CharField(help_text="The page that shows this moment.")


class SearchPageSerializer(serializers.Serializer[Any]):
    """A page may hold few hits and still have a `next`: short terms are looked for a stretch at a time."""

    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True, help_text="Always null: pages go towards older hits.")
    results = SearchHitSerializer(many=True)


_RESPONSES = {
    (HTTPStatus.OK, "application/json"): SearchPageSerializer,
    **{(HTTPStatus.OK, kind): OpenApiTypes.STR for kind in ("text/csv", "application/jsonl")},
}


class Search(SessionView):
    serializer_class = SearchPageSerializer
    parameters: tuple[str, ...] = _PARAMETERS

    @extend_schema(
        summary="Search what was on screens and typed",
        parameters=[_Q, *_NARROWING, _CURSOR, _PAGE_SIZE, _FORMAT],
        responses=_RESPONSES,
    )
    def get(self, request: Request) -> Any:
        check_parameters(request, self.parameters)
        return self.answer(request, filters_of(request))

    def answer(self, request: Request, filters: Filters) -> Any:
        wanted = stream_format(request)
        size = page_size_of(request)
        page = self._page(request.query_params.get("cursor"), _STREAM_PAGE if wanted else size, filters)
        has_content = request.method != "HEAD"
        if not request.query_params.get("cursor") and has_content:
            self._note(request, filters)
        if wanted is None:
            following = None if page.next is None else link_to(request, page.next)
            return Response({"next": following, "previous": None, "results": self._rows(page.hits)})
        if has_content:
            note_export(request, "search", wanted)
        batches = self._batches(page, filters) if has_content else iter(())
        return stream_batches(batches, wanted, "search", list(SearchHitSerializer().fields))

    def _page(self, cursor: str | None, limit: int, filters: Filters) -> Page:
        query = self.request.query_params.get("q", "")
        return backend().find(search_scope(self.login), query, cursor=cursor, limit=limit, filters=filters)

    def _batches(self, page: Page, filters: Filters) -> Iterator[Sequence[Mapping[str, Any]]]:
        yield self._rows(page.hits)
        while page.next is not None:
            if reason := check_login(self.login):
                raise StreamEnded(reason)
            # The scope is resolved anew: what was taken away is not sent any more.
            page = self._page(page.next, _STREAM_PAGE, filters)
            yield self._rows(page.hits)

    def _rows(self, hits: Sequence[Hit]) -> list[Mapping[str, Any]]:
        """Return the hits with their sessions, once more through the gate that guards sessions."""
        kept = visible_sessions(self.login).filter(deleted_at__isnull=True)
        sessions = kept.in_bulk({hit.session_id for hit in hits})
        rows = [row_of(hit, sessions[hit.session_id]) for hit in hits if hit.session_id in sessions]
        return [SearchHitSerializer(row).data for row in rows]

    def _note(self, request: Request, filters: Filters) -> None:
        ledger.record(
            ledger.Action.SEARCH_PERFORMED,
            login=self.login,
            object_type="session" if filters.session_id else "search",
            object_id=filters.session_id or "",
            session_id=filters.session_id,
            detail={name: request.query_params[name] for name in self.parameters if request.query_params.get(name)},
        )


class SessionSearch(Search):
    parameters = ("q", "kind")

    @extend_schema(
        summary="Search inside one session",
        parameters=[_Q, _KIND, _CURSOR, _PAGE_SIZE, _FORMAT],
        responses=_RESPONSES,
    )
    def get(self, request: Request, session_id: UUID) -> Any:  # type: ignore[override]
        session = self.viewed(session_id)
        return self.answer(request, Filters(session_id=session.pk, kind=_kind_of(request)))


def filters_of(request: Request) -> Filters:
    """Return the filters of a request. Raises ValidationError that names the parameter."""
    return Filters(
        kind=_kind_of(request),
        user=_text(request, "user"),
        host=_text(request, "host"),
        after=_moment(request, "after"),
        before=_moment(request, "before"),
    )


def _kind_of(request: Request) -> Kind | None:
    return cast("Kind | None", choice(request, "kind", ("", *KINDS)) or None)


def _text(request: Request, name: str) -> str:
    value: str = request.query_params.get(name, "")
    if len(value) > LONGEST_TEXT or "\x00" in value:
        raise invalid_parameter(name, _("Expected at most %(most)d characters.") % {"most": LONGEST_TEXT})
    return value


def _moment(request: Request, name: str) -> datetime | None:
    text = request.query_params.get(name)
    try:
        return parse_instant(text) if text else None
    except ValueError as error:
        raise invalid_parameter(name, str(error)) from None


def row_of(hit: Hit, session: Session) -> dict[str, Any]:
    """Return what SearchHitSerializer shows of a hit."""
    return {
        "session": session,
        "t": hit.t,
        "at": session.started_at + timedelta(seconds=hit.t),
        "kind": hit.kind,
        "snippet": hit.snippet,
        "marks": hit.marks,
        "link": f"/sessions/{session.pk}#t={round(hit.t, 3)}",
    }
