"""What the views of the REST API share: collections that page and stream, and what a request may look like."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponseBase
from django.utils.translation import gettext as _
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.serializers import BaseSerializer

from hosts.authentication import login_of
from hosts.filters import (
    ChoicesFilter,
    FlagFilter,
    IdFilter,
    InstantFilter,
    StrictFilterBackend,
    StrictFilterSet,
    TextFilter,
    UuidFilter,
    check_parameters,
)
from hosts.logins import check_login
from hosts.pages import CursorPages, Position, link_to, ordering_of, page_size_of, position_of, read_rows
from hosts.problems import Conflict, invalid_parameter, problem, problem_response
from hosts.streams import BATCH_ROWS, MEDIA_TYPES, csv_cell, stream_batches, stream_rows

__all__ = [
    "ChoicesFilter",
    "Conflict",
    "CursorPages",
    "FlagFilter",
    "IdFilter",
    "InstantFilter",
    "StreamedListMixin",
    "StrictFilterBackend",
    "StrictFilterSet",
    "TextFilter",
    "UuidFilter",
    "check_parameters",
    "csv_cell",
    "invalid_parameter",
    "link_to",
    "page_size_of",
    "problem",
    "problem_response",
    "stream_format",
    "stream_rows",
]


class StreamEnded(Exception):  # noqa: N818 - it says what happened to the stream
    """The sign-in ended while rows were being sent: the connection is cut, so that nobody takes it for the whole."""


class StreamedListMixin(ListModelMixin):
    """`list` by pages, or with `?format=csv|jsonl` all rows of the filter as one stream.

    Use with a GenericAPIView: `class Hosts(StreamedListMixin, GenericViewSet)`. The stream reads batch by batch, each
    through `get_queryset` and check_login again: access that ends, ends it within a batch.
    """

    filter_backends: Sequence[Any] = [StrictFilterBackend]
    stream_name = "rows"

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        del args, kwargs
        wanted = stream_format(request)
        if wanted is None:
            page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))  # type: ignore[attr-defined]
            return self.get_paginated_response(self.serialize_rows(page))  # type: ignore[attr-defined]
        return self._stream(wanted)

    def serialize_rows(self, rows: Sequence[Any]) -> Sequence[Mapping[str, Any]]:
        """Return the rows as JSON objects; override it where rows need facts that are looked up for all at once."""
        data: Sequence[Mapping[str, Any]] = self.get_serializer(rows, many=True).data  # type: ignore[attr-defined]
        return data

    def stream_starts(self, wanted: str) -> None:
        """Override it to note that all rows are about to be sent as `wanted` ("csv" or "jsonl")."""

    def _stream(self, wanted: str) -> HttpResponseBase:
        # A stream has no pages; rubbish is refused all the same.
        page_size_of(self.request)  # type: ignore[attr-defined]
        batches = self._batches()
        # The first batch is read before the answer begins, so that a refused filter is a 400.
        first = next(batches, [])
        if self.request.method == "HEAD":  # type: ignore[attr-defined]
            first, batches = [], iter(())
        else:
            self.stream_starts(wanted)
        serializer: BaseSerializer[Any] = self.get_serializer()  # type: ignore[attr-defined]
        fields: Mapping[str, Any] = getattr(serializer, "fields", {})
        columns = [name for name, field in fields.items() if not field.write_only]
        return stream_batches(_chain(first, batches), wanted, self.stream_name, columns)

    def _batches(self) -> Iterator[Sequence[Mapping[str, Any]]]:
        login = login_of(self.request)  # type: ignore[attr-defined]
        position: Position | None = None
        has_more = True
        while has_more:
            if reason := check_login(login):
                raise StreamEnded(reason)
            queryset: QuerySet[Any] = self.filter_queryset(self.get_queryset())  # type: ignore[attr-defined]
            ordering = ordering_of(queryset, self)
            rows, has_more = read_rows(queryset, ordering, position, BATCH_ROWS)
            if rows:
                position = Position("next", position_of(rows[-1], ordering))
                yield self.serialize_rows(rows)


def stream_format(request: Request) -> str | None:
    """Return what `?format=` asks for: "csv" or "jsonl", None for pages. Raises ValidationError that names it."""
    wanted = request.query_params.get("format", "json")
    if wanted != "json" and wanted not in MEDIA_TYPES:
        raise invalid_parameter("format", _("Expected json, csv or jsonl, got %(got)s.") % {"got": repr(wanted[:20])})
    return None if wanted == "json" else wanted


def _chain(
    first: Sequence[Mapping[str, Any]], rest: Iterator[Sequence[Mapping[str, Any]]]
) -> Iterator[Sequence[Mapping[str, Any]]]:
    yield first
    yield from rest
