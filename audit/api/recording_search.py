"""Search that reads one recording, where the index does not hold all that was printed."""

from __future__ import annotations

from uuid import UUID

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from audit import ledger
from audit.api.search import SearchHitSerializer, SearchPageSerializer, row_of
from audit.api.views import SessionView
from audit.recording_search import search_recording
from hosts.rest import invalid_parameter, link_to, page_size_of, stream_format

_Q = OpenApiParameter("q", str, required=True, description='Terms that a line must hold; "quotes" make a phrase.')
_CURSOR = OpenApiParameter("cursor", str, description="From `next`.")
_PAGE_SIZE = OpenApiParameter("page_size", {"type": "integer", "minimum": 1, "maximum": 200, "default": 50})
# Of one request; the rest is for the next page.
SECONDS = 3.0


class RecordingSearch(SessionView):
    parameters = ("q",)
    serializer_class = SearchPageSerializer

    @extend_schema(
        summary="Search a recording by reading it",
        description=(
            "Finds what was on the screen also where the index holds only the beginning and the end of what a command"
            " printed. Each page is some seconds of reading, oldest lines first: it may hold no hits and still have a"
            " `next`."
        ),
        parameters=[_Q, _CURSOR, _PAGE_SIZE],
        responses=SearchPageSerializer,
    )
    def get(self, request: Request, session_id: UUID) -> Response:
        if stream_format(request) is not None:
            raise invalid_parameter("format", _("This search answers by pages alone."))
        session = self.viewed(session_id)
        query, cursor = request.query_params.get("q", ""), request.query_params.get("cursor")
        page = search_recording(session, query, cursor=cursor, limit=page_size_of(request), seconds=SECONDS)
        if not cursor and request.method != "HEAD":
            ledger.record(
                ledger.Action.SEARCH_PERFORMED,
                login=self.login,
                object_type="session",
                object_id=session.pk,
                session_id=session.pk,
                detail={"q": query, "in": "recording"},
            )
        following = None if page.next is None else link_to(request, page.next)
        results = [SearchHitSerializer(row_of(hit, session)).data for hit in page.hits]
        return Response({"next": following, "previous": None, "results": results})
