"""Serves the single page application: one shell for every address, each with the status that is true for it.

The files come from the frontend's build (settings.FRONTEND_DIST) and are served as /static/app/…; Vite's manifest
says which ones the shell begins with.
"""

from __future__ import annotations

import json
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypedDict
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import path, re_path
from django.views.decorators.http import require_safe
from django.views.generic import RedirectView

from audit.access import access_session
from audit.models import Session
from bastion.middleware import csp_nonce
from hosts.logins import NotSignedIn, login_of_request
from hosts.problems import problem

_ENTRY = "src/main.tsx"
_SETTINGS_SECTIONS = frozenset({"appearance", "language", "terminal", "password", "tokens"})
_ADMIN_SECTIONS = frozenset(
    {"hosts", "host-groups", "credentials", "grants", "users", "groups", "retention", "legal-holds", "evidence"}
)
_NOT_BUILT = "The frontend is not built. Run `make frontend`, then start again.\n"


class ShellFiles(TypedDict):
    """Paths below /static/app/ that the shell names."""

    entry: str
    styles: list[str]
    preloads: list[str]


@require_safe
def shell(request: HttpRequest) -> HttpResponseBase:
    return _shell(request)


@require_safe
def session_page(request: HttpRequest, session_id: UUID) -> HttpResponseBase:
    """Answer 404 for a recording that does not exist or that this person may not see.

    Who is not signed in gets the shell with 200 for every id, and is asked to sign in.
    """
    try:
        access_session(login_of_request(request), session_id)
    except NotSignedIn:
        return _shell(request)
    except Session.DoesNotExist:
        return _shell(request, HTTPStatus.NOT_FOUND)
    return _shell(request)


@require_safe
def admin_page(request: HttpRequest, section: str = "hosts") -> HttpResponseBase:
    if section not in _ADMIN_SECTIONS:
        return _shell(request, HTTPStatus.NOT_FOUND)
    is_refused = isinstance(request.user, User) and not request.user.is_staff
    return _shell(request, HTTPStatus.FORBIDDEN if is_refused else HTTPStatus.OK)


@require_safe
def settings_page(request: HttpRequest, section: str) -> HttpResponseBase:
    return _shell(request, HTTPStatus.OK if section in _SETTINGS_SECTIONS else HTTPStatus.NOT_FOUND)


def unknown_page(request: HttpRequest) -> HttpResponseBase:
    """Answer 404: as a problem to programs, as a page to people."""
    if request.path.startswith(("/api/", "/_allauth/")):
        return problem(HTTPStatus.NOT_FOUND, f"There is nothing at {request.path[:200]}.")
    if request.method not in {"GET", "HEAD"} or request.path.startswith("/static/"):
        return HttpResponse("Not found.\n", status=HTTPStatus.NOT_FOUND, content_type="text/plain")
    return _shell(request, HTTPStatus.NOT_FOUND)


def _shell(request: HttpRequest, status: int = HTTPStatus.OK) -> HttpResponse:
    files = shell_files(settings.FRONTEND_DIST)
    if files is None:
        return HttpResponse(_NOT_BUILT, status=HTTPStatus.SERVICE_UNAVAILABLE, content_type="text/plain")
    response = render(request, "index.html", {"nonce": csp_nonce(request), **files}, status=status)
    # A shell that was kept would carry a nonce that no policy knows, and name files that a later build has removed.
    response["Cache-Control"] = "no-store"
    return response


def shell_files(dist: Path) -> ShellFiles | None:
    """Return what the build in `dist` begins with, None if there is no build."""
    manifest = dist / "manifest.json"
    try:
        return _read_manifest(manifest, manifest.stat().st_mtime_ns)
    except FileNotFoundError:
        return None


@lru_cache(maxsize=1)
def _read_manifest(manifest: Path, _changed_at: int) -> ShellFiles:
    chunks: dict[str, dict[str, Any]] = json.loads(manifest.read_text())
    entry = chunks[_ENTRY]
    imported = [chunks[name] for name in entry.get("imports", [])]
    styles = [file for chunk in (*imported, entry) for file in chunk.get("css", [])]
    return ShellFiles(entry=entry["file"], styles=styles, preloads=[chunk["file"] for chunk in imported])


urlpatterns = [
    *(path(name, shell) for name in ("", "signin", "hosts", "terminals", "sessions", "search", "audit", "settings")),
    path("sessions/<uuid:session_id>", session_page),
    path("settings/<slug:section>", settings_page),
    path("admin", admin_page),
    path("admin/<slug:section>", admin_page),
    # Browsers ask for it on pages that name no icon, as Django's admin.
    path("favicon.ico", RedirectView.as_view(url="/static/app/favicon.svg")),
    # Line breaks included: Django's own answer would be HTML, under /api/ as well.
    re_path(r"^[\s\S]*$", unknown_page),
]
