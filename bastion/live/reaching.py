"""From a host's row to a connected target."""

from __future__ import annotations

import codecs

from django.conf import settings

from bastion.live import endings
from bastion.live.endings import Ending
from bastion.targets.ssh import SshRoute
from bastion.targets.target import (
    AuthenticationFailedError,
    DestinationForbiddenError,
    NotFoundError,
    TargetError,
)
from bastion.threads import with_database
from hosts.credentials import LoginSecret, open_credential
from hosts.destinations import DestinationNotFound, DestinationRefused, resolve
from hosts.logins import Login
from hosts.models import Host, HostKey
from hosts.vault import VaultError


def find_route(host: Host) -> SshRoute:
    """Return where the host is, and which keys to believe there. Waits for its name. Raises TargetError."""
    try:
        destinations = resolve(host.address, host.port, is_demo=host.is_demo)
    except DestinationRefused as error:
        raise DestinationForbiddenError(str(error)) from error
    except DestinationNotFound as error:
        raise NotFoundError(f"The address {host.address} is not known: {error}.") from error
    pins: list[HostKey] = with_database(list, host.keys.all())
    return SshRoute(
        destinations=destinations,
        pins=frozenset(pin.fingerprint for pin in pins),
        algorithms=frozenset(pin.algorithm for pin in pins if pin.algorithm),
        timeout=settings.CONNECT_TIMEOUT,
        # The browser speaks UTF-8; a login without a locale would take Chinese for meta keys.
        environment={"LC_CTYPE": "C.UTF-8"} if codecs.lookup(host.encoding).name == "utf-8" else {},
    )


def open_secret(host: Host) -> LoginSecret:
    """Return how to sign in on the host. Raises TargetError."""
    if host.credential is None:
        raise AuthenticationFailedError("No credential is stored for this host. An administrator can add one.")
    try:
        return open_credential(host.credential)
    except VaultError as error:
        raise AuthenticationFailedError("The stored credential cannot be opened with this server's keys.") from error


def unreachable(error: TargetError, login: Login) -> Ending:
    """Return the ending; what would tell a scanner how an address answers is for administrators only."""
    is_for_person = login.user.is_staff or not error.is_about_network
    detail = str(error) if is_for_person else endings.UNREACHABLE.detail
    return Ending(endings.UNREACHABLE.code, error.reason, detail)
