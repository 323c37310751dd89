"""Pages by cursor: the position in the order, signed, so that a page costs the same however far down it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from django.conf import settings
from django.core import signing
from django.db.models import Field, Model, Q, QuerySet
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from hosts.problems import invalid_parameter

PAGE_SIZE = 50
MOST_PAGE_SIZE = 200
_LONGEST_CURSOR = 2000
_LONGEST_NUMBER = 4


@dataclass(frozen=True)
class Position:
    """A row in an order, and on which side of it to read on. `values` are the ordering columns as text."""

    direction: Literal["next", "previous"]
    values: tuple[str, ...]


class CursorPages(BasePagination):
    """`?cursor=` and `?page_size=` (1 to 200); answers {"next", "previous", "results"}, the first two links or null."""

    def paginate_queryset(self, queryset: Any, request: Request, view: APIView | None = None) -> list[Any]:
        ordering = ordering_of(queryset, view)
        salt = f"bastion.cursor:{queryset.model._meta.label}:{','.join(ordering)}"  # noqa: SLF001 - documented API
        size = page_size_of(request)
        position = read_cursor(request, salt)
        rows, has_more = read_rows(queryset, ordering, position, size)
        goes_back = position is not None and position.direction == "previous"
        has_next = bool(rows) and (goes_back or has_more)
        has_previous = bool(rows) and (has_more if goes_back else position is not None)
        self.next = self._link(request, salt, "next", position_of(rows[-1], ordering)) if has_next else None
        self.previous = self._link(request, salt, "previous", position_of(rows[0], ordering)) if has_previous else None
        return rows

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"next": self.next, "previous": self.previous, "results": data})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": "string", "nullable": True, "format": "uri"}
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {"next": link, "previous": link, "results": schema},
        }

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        del view
        size = {"type": "integer", "minimum": 1, "maximum": MOST_PAGE_SIZE, "default": PAGE_SIZE}
        cursor = {"type": "string"}
        return [
            {"name": "cursor", "in": "query", "description": "From `next` or `previous`.", "schema": cursor},
            {"name": "page_size", "in": "query", "description": "Rows on a page.", "schema": size},
        ]

    def _link(self, request: Request, salt: str, direction: str, values: Sequence[str]) -> str:
        return link_to(request, signing.Signer(salt=salt).sign_object([direction, *values]))


def page_size_of(request: Request) -> int:
    """Return `?page_size=`. Raises ValidationError that names it unless it is a whole number from 1 to 200."""
    text = request.query_params.get("page_size", str(PAGE_SIZE))
    is_number = text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER
    if not is_number or not 1 <= int(text) <= MOST_PAGE_SIZE:
        expected = _("Expected a whole number from 1 to %(most)d, got %(got)s.")
        raise invalid_parameter("page_size", expected % {"most": MOST_PAGE_SIZE, "got": repr(text[:20])})
    return int(text)


def read_cursor(request: Request, salt: str) -> Position | None:
    """Return `?cursor=`. Raises ValidationError that names it unless we made it, for the same rows and order."""
    text = request.query_params.get("cursor", "")
    if not text:
        return None
    try:
        direction, *values = signing.Signer(salt=salt).unsign_object(text[:_LONGEST_CURSOR])
    except (signing.BadSignature, ValueError):
        raise invalid_parameter("cursor", _("Expected a cursor from `next` or `previous` of this list.")) from None
    return Position(direction, tuple(values))


def link_to(request: Request, cursor: str) -> str:
    """Return the address of this request with another cursor."""
    query = {name: request.query_params[name] for name in request.query_params} | {"cursor": cursor}
    scheme = "https" if settings.IS_HTTPS else request.scheme
    return f"{scheme}://{request.get_host()}{request.path}?{urlencode(query)}"


def ordering_of(queryset: QuerySet[Any], view: object = None) -> tuple[str, ...]:
    """Return the columns that order the rows, ending in the primary key so that no two rows are equal."""
    meta = queryset.model._meta  # noqa: SLF001 - Django's documented API
    chosen = getattr(view, "ordering", None) or queryset.query.order_by or meta.ordering or ()
    ordering = tuple(str(name) for name in chosen)
    key = meta.pk.name
    if {key, "pk", "id"} & {name.lstrip("-") for name in ordering}:
        return ordering
    return (*ordering, f"-{key}" if ordering and ordering[-1].startswith("-") else key)


def position_of(row: Model, ordering: Sequence[str]) -> tuple[str, ...]:
    """Return the row's ordering columns as text that `read_rows` understands."""
    return tuple(_column(type(row), name).value_to_string(row) for name in ordering)


def read_rows(
    queryset: QuerySet[Any], ordering: Sequence[str], position: Position | None, size: int
) -> tuple[list[Any], bool]:
    """Return at most `size` rows beside `position`, in order, and whether there are more on that side."""
    goes_back = position is not None and position.direction == "previous"
    reading = [_reversed(name) for name in ordering] if goes_back else list(ordering)
    if position is not None:
        queryset = queryset.filter(_beyond(queryset.model, reading, position.values))
    rows = list(queryset.order_by(*reading)[: size + 1])
    has_more = len(rows) > size
    rows = rows[:size]
    return (rows[::-1] if goes_back else rows), has_more


def _reversed(name: str) -> str:
    return name[1:] if name.startswith("-") else f"-{name}"


def _column(model: type[Model], name: str) -> Field[Any, Any]:
    field = model._meta.get_field(name.lstrip("-"))  # noqa: SLF001 - Django's documented API
    if not isinstance(field, Field):
        raise TypeError(f"expected a column of {model.__name__} to order by, got {name!r}")
    return field


def _beyond(model: type[Model], ordering: Sequence[str], values: Sequence[str]) -> Q:
    """Return the condition "after this row": a > x, or a = x and b > y, and so on, with < where it descends."""
    beyond, equal = Q(), Q()
    for name, text in zip(ordering, values, strict=True):
        column = name.lstrip("-")
        value = _column(model, column).to_python(text)
        beyond |= equal & Q(**{f"{column}__{'lt' if name.startswith('-') else 'gt'}": value})
        equal &= Q(**{column: value})
    first = ordering[0].lstrip("-")
    bound = _column(model, first).to_python(values[0])
    # Implied by the rest, but this is the part for which a database can use an index.
    return Q(**{f"{first}__{'lte' if ordering[0].startswith('-') else 'gte'}": bound}) & beyond
