"""Where connections may go. Names are resolved once, every answer is checked, and the caller connects to exactly it.

A check on the text alone can be passed by: `127.1`, a name that resolves to 127.0.0.1, IPv6 addresses that carry an
IPv4 address, a name that resolves differently the second time.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
SocketAddress = tuple[Any, ...]
Destination = tuple[socket.AddressFamily, SocketAddress]
Lookup = Callable[..., list[tuple[Any, ...]]]

_REFUSED = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",  # this host
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local, cloud metadata
        "100.64.0.0/10",  # between a carrier and its customers; metadata at Alibaba
        "192.0.0.0/24",  # protocol assignments; metadata at Oracle
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
        "::/127",  # unspecified, loopback
        "64:ff9b:1::/48",  # NAT64 of the local network: where the IPv4 address stands is not known here
        "fe80::/10",  # link-local
        "fec0::/10",  # site-local, deprecated
        "ff00::/8",  # multicast
    )
)
# Private ranges are allowed, but these answer with the credentials of the machine that asks.
_METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in ("169.254.169.254", "100.100.100.200", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254")
)
_NAME = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62}))*\.?")
_LONGEST_ADDRESS = 255


class DestinationRefused(Exception):  # noqa: N818 - it says what happened
    """The address may not be connected to. The message is for administrators: it says which address and why."""


class DestinationNotFound(OSError):  # noqa: N818
    """The name cannot be resolved."""


def resolve(
    address: str, port: int, *, is_demo: bool = False, lookup: Lookup = socket.getaddrinfo
) -> list[Destination]:
    """Return the socket addresses to try, in order; the caller connects to these and resolves nothing again.

    One refused answer refuses the name. The demo host may be on loopback, and nowhere else. Blocks while it asks the
    resolver. Raises DestinationRefused, or DestinationNotFound (an OSError).
    """
    try:
        answers = lookup(address, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise DestinationNotFound(f"{address!r} cannot be resolved: {error}") from None
    targets: dict[Destination, None] = {}
    for family, _kind, _protocol, _name, sockaddr in answers:
        if family not in {socket.AF_INET, socket.AF_INET6}:
            continue
        check(ipaddress.ip_address(str(sockaddr[0]).partition("%")[0]), port, is_demo=is_demo)
        targets[family, tuple(sockaddr)] = None
    if not targets:
        raise DestinationNotFound(f"{address!r} has no address")
    return list(targets)


def check(address: _Address, port: int, *, is_demo: bool = False) -> None:
    """Raise DestinationRefused unless connections may go to `address`, whatever carries it."""
    for effective in unwrap(address):
        if (effective, port) in _own_services(port) or (port == settings.PORT != 0 and _is_own(effective)):
            raise DestinationRefused(f"{address} port {port} is a service of this product")
        if is_demo:
            if not effective.is_loopback:
                raise DestinationRefused(f"the demo host must be on loopback, got {address}")
        elif not _is_listed(effective) and not _is_listed(address):
            _check_unlisted(address, effective)


def unwrap(address: _Address) -> list[_Address]:
    """Return every address that a packet to `address` can end up at: itself, or the IPv4 ones that it carries."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    number = int(address)
    low = ipaddress.IPv4Address(number & 0xFFFFFFFF)
    # IPv4-mapped, IPv4-translated (RFC 2765), and IPv4-compatible but for :: and ::1.
    if number >> 32 in {0xFFFF, 0xFFFF0000} or (number >> 32 == 0 and number > 1):
        return [low]
    if number >> 32 == 0x0064FF9B << 64:
        return [address, low]
    if address.sixtofour is not None:
        return [address, address.sixtofour]
    if address.teredo is not None:
        return [address, *address.teredo]
    return [address]


def validate_address(value: str) -> None:
    """Raise ValidationError unless `value` is an IP address that may be reached, or a host name in ASCII.

    What a name resolves to is checked when it is connected to.
    """
    if not value or len(value) > _LONGEST_ADDRESS:
        raise ValidationError(_("Use a host name or an IP address of at most 255 characters."), code="invalid_address")
    if not value.isascii():
        raise ValidationError(_("Write the name in its ASCII form, which begins with xn--."), code="invalid_address")
    try:
        literals = [ipaddress.ip_address(value.partition("%")[0])]
    except ValueError:
        literals = _literals_of_name(value)
    try:
        for literal in literals:
            check(literal, 0)
    except DestinationRefused as error:
        raise ValidationError(_("This address is refused: %(why)s."), code="refused", params={"why": error}) from None
    if "%" in value:
        raise ValidationError(_("Leave out the interface after %."), code="invalid_address")


def _literals_of_name(value: str) -> list[_Address]:
    labels = value.rstrip(".").lower().split(".")
    if labels[-1] == "localhost":
        return [ipaddress.IPv4Address("127.0.0.1")]
    # As in browsers: a last label that is a number makes an IPv4 address (127.1, 0x7f000001), never a name.
    is_number = re.fullmatch(r"[0-9]+|0x[0-9a-f]*", labels[-1]) is not None
    if is_number or not _NAME.fullmatch(value):
        raise ValidationError(
            _("Use a host name such as web-01.example.org, or an IP address."), code="invalid_address"
        )
    return []


def _check_unlisted(address: _Address, effective: _Address) -> None:
    carried = f"{address}" if address == effective else f"{address} (that is {effective})"
    if effective in _METADATA:
        raise DestinationRefused(f"{carried} is a cloud's metadata service")
    for network in _REFUSED:
        if effective in network:
            raise DestinationRefused(f"{carried} is in {network}; BASTION_ALLOWED_ADDRESSES does not list it")
    if _is_own(effective):
        raise DestinationRefused(f"{carried} is this machine; BASTION_ALLOWED_ADDRESSES does not list it")


def _is_listed(address: _Address) -> bool:
    listed = _networks(tuple(settings.ALLOWED_ADDRESSES))
    if address in _METADATA:
        # A wide range, such as that of an overlay network, must not open what is in its midst.
        return any(network.num_addresses == 1 and address in network for network in listed)
    return any(address in network for network in listed)


@lru_cache(maxsize=8)
def _networks(texts: tuple[str, ...]) -> tuple[_Network, ...]:
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)


def _is_own(address: _Address) -> bool:
    """Whether `address` belongs to this machine: what is sent there would come from the same address.

    Connecting a datagram socket only asks the routing table; nothing is sent.
    """
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6  # noqa: PLR2004
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((str(address), 9))
            return str(probe.getsockname()[0]) == str(address)
    except OSError:
        return False


def _own_services(port: int) -> set[tuple[_Address, int]]:
    """Return the addresses at which one of the product's own services listens on `port`."""
    found: set[tuple[_Address, int]] = set()
    for host, service_port in _service_endpoints():
        if service_port != port:
            continue
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            continue
        found |= {(ipaddress.ip_address(str(answer[4][0]).partition("%")[0]), port) for answer in answers}
    return found


def _service_endpoints() -> Iterator[tuple[str, int]]:
    if settings.PORT:
        yield from ((host, settings.PORT) for host in {settings.BIND, "127.0.0.1", "::1"})
    redis = urlsplit(settings.REDIS_URL)
    if redis.hostname:
        yield redis.hostname, redis.port or 6379
    database = settings.DATABASES["default"]
    if database.get("HOST") and not str(database["HOST"]).startswith("/"):
        yield str(database["HOST"]), int(database.get("PORT") or 5432)
    store = settings.STORAGES["recordings"].get("OPTIONS", {}).get("endpoint_url")
    if store and (endpoint := urlsplit(store)).hostname:
        yield endpoint.hostname, endpoint.port or (443 if endpoint.scheme == "https" else 80)
