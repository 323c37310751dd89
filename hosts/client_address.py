"""Where a request really comes from: the first hop, seen from here, that is not one of our own proxies."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, cast

from django.conf import settings
from django.http import HttpRequest
from rest_framework.request import Request

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_MOST_HOPS = 16


def client_address(source: HttpRequest | Request | Mapping[str, Any]) -> str:
    """Return the client's address of a Django request or an ASGI scope; "" if there is none (a unix socket).

    X-Forwarded-For is believed only as far as settings.TRUSTED_PROXIES vouch for it, read from the right.
    """
    peer, forwarded = _of_scope(source) if isinstance(source, Mapping) else _of_request(source)
    address = _parse(peer)
    if address is None:
        return ""
    for hop in reversed(forwarded.split(",")[-_MOST_HOPS:]):
        if not _is_trusted(address):
            break
        before = _parse(hop)
        if before is None:
            break
        address = before
    return str(address)


def _of_request(request: HttpRequest | Request) -> tuple[str, str]:
    return request.META.get("REMOTE_ADDR") or "", request.META.get("HTTP_X_FORWARDED_FOR", "")


def _of_scope(scope: Mapping[str, Any]) -> tuple[str, str]:
    client = scope.get("client")
    values = [value.decode("latin-1") for name, value in scope.get("headers", []) if name == b"x-forwarded-for"]
    return (str(client[0]) if client else ""), ",".join(values)


def _is_trusted(address: _Address) -> bool:
    # TRUSTED_PROXIES is a list in settings; lists cannot be cache keys.
    return any(address in network for network in _networks(tuple(settings.TRUSTED_PROXIES)))


@lru_cache(maxsize=4)
def _networks(texts: tuple[str, ...]) -> tuple[_Network, ...]:
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)


def _parse(text: str) -> _Address | None:
    """Read `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1` or `[2001:db8::1]:4711`."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = cast("ipaddress.IPv4Address | None", getattr(address, "ipv4_mapped", None))
    return mapped or address
