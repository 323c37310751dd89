"""Who may open a socket at all: decided before it is accepted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http.request import split_domain_port, validate_host


def is_allowed(scope: Mapping[str, Any]) -> bool:
    """Whether the handshake may go on.

    A browser sends cookies along from any page, so a socket without a bearer token needs an Origin that is ours, once,
    to the letter; a token is sent by nobody unasked. The Host must be ours in either case (DNS rebinding).
    """
    headers = list(scope["headers"])
    hosts = [value for name, value in headers if name == b"host"]
    if len(hosts) != 1 or not _is_our_host(hosts[0]):
        return False
    origins = [value for name, value in headers if name == b"origin"]
    if not origins:
        return any(name == b"authorization" for name, _ in headers)
    return len(origins) == 1 and origins[0].decode("latin-1") in settings.ALLOWED_ORIGINS


def _is_our_host(value: bytes) -> bool:
    domain, _ = split_domain_port(value.decode("latin-1"))
    return bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS)
