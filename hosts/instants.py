"""Moments as people and programs write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_RFC3339 = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[Tt ](?P<time>[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?)(?P<zone>[Zz]|[+-][0-9]{2}:[0-9]{2})?)?"
)
# Far enough from what datetime can hold that adding any offset or duration of ours stays inside.
_FIRST_YEAR, _LAST_YEAR = 1970, 9990


def parse_instant(text: str) -> datetime:
    """Read an RFC 3339 date and time, or a date alone (its first moment); without an offset it is UTC.

    Raises ValueError that says what was expected.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError("expected a time such as 2026-11-21T14:00:00Z")
    zone = (match["zone"] or "Z").upper().replace("Z", "+00:00")
    try:
        moment = datetime.fromisoformat(f"{match['date']}T{match['time'] or '00:00'}{zone}")
    except ValueError as error:
        raise ValueError(f"expected a time that exists: {error}") from None
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise ValueError(f"expected a year from {_FIRST_YEAR} to {_LAST_YEAR}, got {moment.year}")
    return moment.astimezone(UTC)
