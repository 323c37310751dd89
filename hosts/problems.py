"""Errors of the REST API as RFC 9457 problems: type, title, status, detail, errors[{field, message}]."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ObjectDoesNotExist
from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import Http404, JsonResponse
from django.utils.translation import gettext as _
from rest_framework.exceptions import APIException, NotFound, PermissionDenied, ValidationError
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import set_rollback

from hosts.logins import NotSignedIn

PROBLEM_TYPE = "application/problem+json"
_LONGEST_FIELD = 100


class Conflict(APIException):
    """What was asked for contradicts what is there; nothing was changed."""

    status_code = HTTPStatus.CONFLICT
    default_code = "conflict"


def problem_response(exc: Exception, context: Mapping[str, Any]) -> Response | None:
    """Turn what a view raised into a problem; None for what is no answer but a defect, which Django reports as 500.

    This is DRF's EXCEPTION_HANDLER. A missing row is 404 whichever way it was noticed.
    """
    del context
    problem = _as_api_exception(exc)
    if problem is None:
        return None
    set_rollback()
    errors = list(_field_errors(problem.detail)) if isinstance(problem, ValidationError) else []
    detail = _summary(errors) if errors else _text(problem.detail)
    response = Response(
        problem_body(problem.status_code, detail, errors), status=problem.status_code, content_type=PROBLEM_TYPE
    )
    if challenge := getattr(problem, "auth_header", None):
        response["WWW-Authenticate"] = challenge
    if wait := getattr(problem, "wait", None):
        response["Retry-After"] = str(int(wait))
    return response


def problem(status: int, detail: str) -> JsonResponse:
    """Return a problem outside of DRF views (handler404 and the like)."""
    return JsonResponse(problem_body(status, detail), status=status, content_type=PROBLEM_TYPE)


def problem_body(status: int, detail: str, errors: Iterable[Mapping[str, str]] = ()) -> dict[str, Any]:
    """Return the members of a problem. `errors` names what is wrong field by field; field "" is the whole."""
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
        "errors": list(errors),
    }


def invalid_parameter(name: str, message: str) -> ValidationError:
    """Return the exception for a query parameter that cannot be used, naming it."""
    return ValidationError({name[:_LONGEST_FIELD]: [message]})


def _as_api_exception(exc: Exception) -> APIException | None:
    match exc:
        case APIException():
            return exc
        case Http404() | ObjectDoesNotExist():
            return NotFound()
        case DjangoPermissionDenied():
            return PermissionDenied()
        case NotSignedIn():
            refused = PermissionDenied(_("Sign in first."))
            refused.status_code = HTTPStatus.UNAUTHORIZED
            return refused
        case DjangoValidationError():
            return ValidationError(exc.message_dict if hasattr(exc, "error_dict") else {NON_FIELD_ERRORS: exc.messages})
        case _:
            return None


def _field_errors(detail: Any, path: str = "") -> Iterator[dict[str, str]]:
    """Flatten DRF's nested error details: {"labels": {"env": ["…"]}} becomes the field "labels.env".

    Items of a list are not told apart: a form has one field for the whole list.
    """
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            whole = isinstance(name, int) or name in {NON_FIELD_ERRORS, api_settings.NON_FIELD_ERRORS_KEY}
            yield from _field_errors(inner, path if whole else f"{path}.{name}".lstrip("."))
    elif isinstance(detail, list):
        for inner in detail:
            yield from _field_errors(inner, path)
    else:
        yield {"field": path, "message": str(detail)}


def _summary(errors: list[dict[str, str]]) -> str:
    first = errors[0]
    return f"{first['field']}: {first['message']}" if first["field"] else first["message"]


def _text(detail: Any) -> str:
    if isinstance(detail, list | Mapping):
        return _summary(list(_field_errors(detail)) or [{"field": "", "message": ""}])
    return str(detail)
