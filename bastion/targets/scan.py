"""Looking at the keys that a host shows, so that a person can compare and pin them."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

from bastion.targets.ssh import fetch_host_keys
from bastion.targets.target import DestinationForbiddenError, NotFoundError, NotSshError
from hosts.destinations import DestinationNotFound, DestinationRefused, resolve


@dataclass(frozen=True, slots=True)
class ScannedKey:
    """A key that a host showed, which nobody has compared yet."""

    algorithm: str
    fingerprint: str


def scan_host_keys(address: str, port: int, *, is_demo: bool = False) -> list[ScannedKey]:
    """Return the keys that the host shows, at least one. Raises bastion.targets.target.TargetError."""
    try:
        destinations = resolve(address, port, is_demo=is_demo)
    except DestinationRefused as error:
        raise DestinationForbiddenError(str(error)) from error
    except DestinationNotFound as error:
        raise NotFoundError(f"The address {address} is not known: {error}.") from error
    keys = [ScannedKey(*key) for key in fetch_host_keys(destinations, settings.CONNECT_TIMEOUT)]
    if not keys:
        raise NotSshError("The host has no key of a kind that is trusted: Ed25519, ECDSA, or RSA with SHA-2.")
    return keys
