"""Asks this machine's web server whether it is well: `python -m bastion.probe [/healthz|/readyz]`, for healthchecks."""

from __future__ import annotations

import http.client
import os
import sys
from urllib.parse import urlsplit

from django.conf import settings

WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def status_of(path: str, timeout: float = 5.0) -> tuple[int, str]:
    """Return the HTTP status and the body. Raises OSError or http.client.HTTPException when nobody answers properly."""
    address = WILDCARDS.get(settings.BIND, settings.BIND)
    connection = http.client.HTTPConnection(address, settings.PORT, timeout=timeout)
    try:
        # Asked by the address that people use: any other Host is refused.
        connection.request("GET", path, headers={"Host": urlsplit(settings.PUBLIC_URL).netloc})
        response = connection.getresponse()
        return response.status, response.read(65536).decode(errors="replace")
    finally:
        connection.close()


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bastion.settings")
    path = sys.argv[1] if len(sys.argv) > 1 else "/healthz"
    try:
        status, body = status_of(path)
    except (OSError, http.client.HTTPException) as error:
        print(f"{path}: no answer ({error})", file=sys.stderr)  # noqa: T201 - a command
        return 1
    print(f"{path}: {status} {body}")  # noqa: T201 - a command
    return 0 if status == http.HTTPStatus.OK else 1


if __name__ == "__main__":
    sys.exit(main())
