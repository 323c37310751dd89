"""What every response carries: a request id to look things up by, and a policy of what its page may load."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable
from contextlib import closing
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from whitenoise.middleware import WhiteNoiseMiddleware  # type: ignore[import-untyped]

_GetResponse = Callable[[HttpRequest], HttpResponseBase]

REQUEST_ID_HEADER = "X-Request-Id"
POLICY_HEADER = "Content-Security-Policy"

_POLICY = {
    "default-src": "'none'",
    # The player's terminal engine is WebAssembly.
    "script-src": "'self' 'wasm-unsafe-eval'",
    "style-src-elem": "'self' 'nonce-{nonce}'",
    # xterm.js and Mantine position things with style attributes, which cannot carry a nonce.
    "style-src-attr": "'unsafe-inline'",
    "connect-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "worker-src": "'self' blob:",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
}
# Pages of Django's admin and of Swagger UI bring <style> elements that know no nonce; their scripts are all files.
_OTHERS_PAGES = ("/django-admin/", "/api/docs/")


class StaticFilesMiddleware(WhiteNoiseMiddleware):  # type: ignore[misc]
    """Serves the frontend's build and the static files of Django's apps, each file as one piece.

    WhiteNoise streams 4 KiB at a time, which Django under ASGI collects into a list first, with a warning; and it
    leaves the file open when the browser has gone away.
    """

    @staticmethod
    def serve(static_file: Any, request: HttpRequest) -> HttpResponse:
        found = static_file.get_response(request.method, request.META)
        content = b""
        if found.file is not None:
            with closing(found.file) as file:
                content = file.read()
        response = HttpResponse(content, status=int(found.status))
        del response["Content-Type"]
        for name, value in found.headers:
            response[name] = value
        return response


class RequestContextMiddleware:
    """Gives each request an id, in the context of every log line it causes and in the header X-Request-Id."""

    def __init__(self, get_response: _GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        # Never taken from outside: an id that a client can choose is an id that two requests can share.
        request_id = str(uuid.uuid4())
        with structlog.contextvars.bound_contextvars(request_id=request_id, path=request.path):
            response = self.get_response(request)
        response[REQUEST_ID_HEADER] = request_id
        return response


class ContentSecurityPolicyMiddleware:
    """Sends the policy, and gives the view the nonce that its `<style>` elements need (`csp_nonce(request)`)."""

    def __init__(self, get_response: _GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        nonce = secrets.token_urlsafe(16)
        request.META["bastion.csp_nonce"] = nonce
        response = self.get_response(request)
        if POLICY_HEADER not in response:
            response[POLICY_HEADER] = policy_for(request.path, nonce)
        return response


def csp_nonce(request: HttpRequest) -> str:
    """Return the nonce of this response's policy."""
    return str(request.META["bastion.csp_nonce"])


def policy_for(path: str, nonce: str) -> str:
    """Return the Content-Security-Policy (level 3) of a page at `path`."""
    policy = dict(_POLICY)
    if path.startswith(_OTHERS_PAGES):
        policy["style-src-elem"] = "'self' 'unsafe-inline'"
    return "; ".join(f"{name} {sources.format(nonce=nonce)}" for name, sources in policy.items())
