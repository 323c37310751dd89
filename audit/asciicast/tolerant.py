"""JSON as other recorders write it, and how to complain about it."""

from __future__ import annotations

import json
from collections.abc import Mapping

import orjson


class CastError(ValueError):
    """A file is not the asciicast it claims to be. `line` counts from 1; 0 means the file as a whole."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}" if line else reason)
        self.line = line
        self.reason = reason


def json_object(line: bytes) -> Mapping[str, object]:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        value = tolerant_json(line, 1)
    if not isinstance(value, dict):
        raise CastError(1, f"the header must be a JSON object, not {shown(value)}")
    return value


def tolerant_json(line: bytes, number: int) -> object:
    """Read what orjson is too strict for: bytes that are not UTF-8, lone surrogates. Raises `CastError`."""
    try:
        return _clean(json.loads(line.decode("utf-8", "replace"), parse_constant=_refuse_constant))
    except (ValueError, RecursionError) as error:
        raise CastError(number, f"not JSON ({error})") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number")


def _clean(value: object) -> object:
    match value:
        case str():
            return without_surrogates(value)
        case list():
            return [_clean(item) for item in value]
        case dict():
            return {str(_clean(key)): _clean(item) for key, item in value.items()}
        case _:
            return value


def without_surrogates(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def shown(value: object) -> str:
    """Return a value as an error message may show it: short, and on one line."""
    shown = ascii(value)
    return shown if len(shown) <= 40 else shown[:37] + "…"  # noqa: PLR2004 - about half a line
