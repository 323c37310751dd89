"""What a request to the REST API may look like.

DRF reads this module while it loads its views, so it must not import them.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import IO, Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import APIException, ParseError
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import JSONParser
from rest_framework.request import Request

_MOST_BODY_BYTES = 1 << 20


class TooLarge(APIException):
    """The body is larger than any of our requests needs."""

    status_code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"


class SmallJsonParser(JSONParser):
    """JSON of at most 1 MiB; nesting that no request of ours has is a parse error, not a crash."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        body = stream.read(_MOST_BODY_BYTES + 1)
        if len(body) > _MOST_BODY_BYTES:
            raise TooLarge(_("Expected at most %(most)d bytes.") % {"most": _MOST_BODY_BYTES})
        # RFC 8259, section 8.1: a byte order mark may be ignored.
        body = body.removeprefix(codecs.BOM_UTF8)
        try:
            return super().parse(io.BytesIO(body), media_type, parser_context)
        except RecursionError:
            raise ParseError(_("The JSON is nested too deeply.")) from None


class OneFormat(DefaultContentNegotiation):
    """Where there is one format to answer in, Accept does not matter: `?format=csv` goes with any Accept."""

    def select_renderer(self, request: Request, renderers: Iterable[Any], format_suffix: str | None = None) -> Any:
        known = list(renderers)
        if len(known) == 1:
            return known[0], known[0].media_type
        return super().select_renderer(request, known, format_suffix)
