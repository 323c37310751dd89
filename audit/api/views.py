"""What the views of recordings share: the login, the session behind an address, and how trouble with it reads."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from rest_framework.exceptions import APIException
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request

from audit.access import access_session
from audit.asciicast import CastError
from audit.indexing.screen import ScreenError
from audit.models import Session
from audit.recording.key import KeyDestroyedError, KeyUnavailableError
from audit.recording.storage import StorageError
from audit.replay import NotIndexedError
from audit.search import QueryError, SearchIndexError
from audit.viewing import note_view
from hosts.access import Action
from hosts.authentication import login_of
from hosts.logins import Login
from hosts.rest import check_parameters, invalid_parameter


class Unavailable(APIException):
    """Something that is needed for the answer cannot be had; the request may be right."""

    status_code = HTTPStatus.SERVICE_UNAVAILABLE
    default_code = "unavailable"


class Gone(APIException):
    """The recording was deleted; that it was there, and its seal, are still known."""

    status_code = HTTPStatus.GONE
    default_code = "gone"


class AuditView(GenericAPIView[Any]):
    """A view that knows who asks, and turns what recordings can be wrong with into problems."""

    @property
    def login(self) -> Login:
        return login_of(self.request)

    def handle_exception(self, exc: Exception) -> Any:
        return super().handle_exception(_as_problem(exc))


class SessionView(AuditView):
    """A view of one session. `parameters` are the query parameters that it takes."""

    parameters: tuple[str, ...] = ()

    def session(self, session_id: UUID, *actions: Action) -> Session:
        """Return the session if it may be seen. Raises Session.DoesNotExist, ValidationError for odd parameters."""
        check_parameters(self.request, self.parameters)
        return access_session(self.login, session_id, *actions)

    def viewed(self, session_id: UUID, *actions: Action) -> Session:
        """Return the session as `session` does, for showing what was recorded, and note that in the ledger.

        Raises Gone if the recording is deleted.
        """
        session = self.session(session_id, *actions)
        check_kept(session)
        if self.request.method != "HEAD":
            note_view(session, self.login)
        return session


def check_kept(session: Session) -> None:
    """Raise Gone, which says when and why, if the session's recording is deleted."""
    if session.deleted_at is not None:
        said = _("This recording was deleted under %(under)s on %(day)s. Its session and its proof are kept.")
        raise Gone(said % {"under": session.deleted_under, "day": f"{session.deleted_at:%Y-%m-%d}"})


def choice(request: Request, name: str, allowed: tuple[str, ...]) -> str:
    """Return a query parameter that has one of the `allowed` values; the first is the default."""
    value: str = request.query_params.get(name, allowed[0])
    if value not in allowed:
        expected = _("Expected %(known)s, got %(got)s.") % {"known": ", ".join(allowed), "got": repr(value[:20])}
        raise invalid_parameter(name, expected)
    return value


def _as_problem(exc: Exception) -> Exception:
    match exc:
        case QueryError():
            return invalid_parameter(exc.field, str(exc))
        case NotIndexedError():
            return Unavailable(_("This part of the recording is still being prepared. Try again in a minute."))
        case KeyDestroyedError():
            return Gone(str(exc))
        case StorageError() | CastError() | ScreenError():
            return Unavailable(_("The recording cannot be read: %(why)s. Verify it.") % {"why": str(exc).rstrip(".")})
        case SearchIndexError() | KeyUnavailableError():
            return Unavailable(str(exc))
        case _:
            return exc
