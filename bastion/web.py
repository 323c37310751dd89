"""One web process: uvicorn with the limits that a terminal needs. `python -m bastion.web`, or under the supervisor."""

from __future__ import annotations

import argparse
import logging.config
import os
import socket
from collections.abc import Sequence

import uvicorn
from django.conf import settings

# The terminal takes frames of at most 64 KiB and says so in words; this bound is where memory would be at stake.
MAX_FRAME_BYTES = 2**20
SEND_BUFFER_BYTES = 2**19
PING_SECONDS = 20
# Time that open sessions have to be sealed in after SIGTERM.
SHUTDOWN_SECONDS = 10


def server_config() -> uvicorn.Config:
    """Return uvicorn's settings: bounded frames, pings that find half-open peers, no compression beside secrets."""
    return uvicorn.Config(
        "bastion.asgi:application",
        host=settings.BIND,
        port=settings.PORT,
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        ws_max_size=MAX_FRAME_BYTES,
        ws_ping_interval=PING_SECONDS,
        ws_ping_timeout=PING_SECONDS,
        ws_per_message_deflate=False,
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.TRUSTED_PROXIES),
        forwarded_allow_ips=settings.TRUSTED_PROXIES,
        timeout_keep_alive=65,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )


def listen(address: str, port: int) -> socket.socket:
    """Return a listening socket. Raises OSError when the address cannot be had."""
    family, kind, protocol, _, where = socket.getaddrinfo(
        address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Inherited by what it accepts. What the kernel holds for a browser that is gone must fit into what a session
        # remembers for the browser that comes back (bastion/live/outlet.py).
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        listener.bind(where)
        listener.listen(2048)
    except OSError:
        listener.close()
        raise
    return listener


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bastion.web", description="Runs one web process.")
    parser.add_argument("--fd", type=int, help="listening socket that the supervisor hands down")
    options = parser.parse_args(arguments)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bastion.settings")
    logging.config.dictConfig(settings.LOGGING)
    listener = listen(settings.BIND, settings.PORT) if options.fd is None else socket.socket(fileno=options.fd)
    uvicorn.Server(server_config()).run(sockets=[listener])


if __name__ == "__main__":
    main()
