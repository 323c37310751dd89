"""Whole lists as CSV (RFC 4180) or JSON lines, in constant memory however many rows there are."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, cast

from asgiref.sync import sync_to_async
from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.utils import timezone
from django.utils.http import content_disposition_header

BATCH_ROWS = 500
MEDIA_TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl; charset=utf-8"}
# A spreadsheet takes a cell that begins so for a formula (OWASP, CSV injection); the last four are full-width.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
# Valid inside a JSON string, but they break lines, act on terminals or turn the reading direction.
_TREACHEROUS = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")

Row = Mapping[str, Any]


class BatchedResponse(StreamingHttpResponse):
    """Streams a synchronous iterator under ASGI as well, where Django would first read all of it into a list."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        parts = iter(cast("Iterable[bytes]", self.streaming_content))

        def next_part() -> bytes | None:
            # StopIteration cannot cross from a thread into a coroutine.
            return next(parts, None)

        while (part := await sync_to_async(next_part)()) is not None:
            yield part


def stream_rows(
    rows: QuerySet[Any] | Iterable[Any],
    serialize: Callable[[Any], Row],
    format: str,  # noqa: A002 - the name of the query parameter
    filename: str,
    columns: Sequence[str] = (),
) -> StreamingHttpResponse:
    """Return all `rows` as a download `<filename>-<date>.<format>`; `format` is "csv" or "jsonl".

    `columns` are the CSV's; by default the keys of the first row.
    """
    found = rows.iterator(chunk_size=BATCH_ROWS) if isinstance(rows, QuerySet) else iter(rows)

    def batches() -> Iterator[list[Row]]:
        while batch := list(islice(found, BATCH_ROWS)):
            yield [serialize(row) for row in batch]

    return stream_batches(batches(), format, filename, columns)


def stream_batches(
    batches: Iterable[Sequence[Row]],
    format: str,  # noqa: A002
    filename: str,
    columns: Sequence[str] = (),
) -> StreamingHttpResponse:
    """Do as `stream_rows` for rows that come serialized, many at a time."""
    parts = _csv_parts(batches, columns) if format == "csv" else _jsonl_parts(batches)
    response = BatchedResponse(parts, content_type=MEDIA_TYPES[format])
    name = f"{filename}-{timezone.now():%Y%m%d-%H%M%S}.{format}"
    response["Content-Disposition"] = content_disposition_header(True, name)
    response["Cache-Control"] = "no-store"
    return response


def csv_cell(value: Any) -> str | int | float:  # noqa: PLR0911 - one line for each kind of value
    """Return `value` for one CSV cell; text that a spreadsheet would run as a formula gets a ' before it."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() | float():
            return value
        case {"id": _, "name": name, **others} if not others:
            return csv_cell(name)
        case list() if not any(isinstance(item, list) for item in value):
            return csv_cell("; ".join(str(csv_cell(item)) for item in value))
        case Mapping() | list():
            return json_line(value)
        case _:
            text = str(value)
            return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def json_line(value: Any) -> str:
    """Return `value` as JSON that stays one line, and harmless, in every tool that shows lines."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    return _TREACHEROUS.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _csv_parts(batches: Iterable[Sequence[Row]], columns: Sequence[str]) -> Iterator[bytes]:
    header = list(columns)
    if header:
        yield _csv_lines([header])
    for batch in batches:
        if batch and not header:
            header = list(batch[0])
            yield _csv_lines([header])
        yield _csv_lines([[csv_cell(row.get(name)) for name in header] for row in batch])


def _csv_lines(lines: Iterable[Sequence[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(lines)
    return text.getvalue().encode("utf-8", "replace")


def _jsonl_parts(batches: Iterable[Sequence[Row]]) -> Iterator[bytes]:
    for batch in batches:
        yield "".join(json_line(row) + "\n" for row in batch).encode("utf-8", "replace")
