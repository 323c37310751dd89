"""What the web server runs: HTTP to Django, sockets to the live applications, and an orderly end."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any, cast

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bastion.settings")

from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

from channels.routing import ProtocolTypeRouter, URLRouter
from django.urls import path, re_path

import celery_app  # noqa: F401 so that tasks are sent to the configured broker
from audit.recording.recovery import recover_all
from bastion.live.consumers import TerminalApplication
from bastion.live.launch import Launcher
from bastion.live.shutdown import Shutdown
from bastion.live.watch import WatchApplication

launcher = Launcher()

# Every socket of the product; tests/test_every_route.py walks them all.
socket_routes = [
    path("ws/hosts/<uuid:host_id>/terminal/", cast("Any", TerminalApplication(launcher))),
    path("ws/sessions/<uuid:session_id>/watch/", cast("Any", WatchApplication())),
]


async def refuse_socket(
    _scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Any]
) -> None:
    """Refuse the handshake of an address that is no socket."""
    await receive()
    await send({"type": "websocket.close", "code": 4404})


_router = ProtocolTypeRouter(
    {
        "http": django_application,
        "websocket": URLRouter([*socket_routes, re_path("", cast("Any", refuse_socket))]),
    }
)


async def application(scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Any]) -> None:
    """ASGI entry point. Lifespan: sessions are told and sealed before the server lets its sockets go."""
    if scope["type"] != "lifespan":
        await _router(scope, receive, send)
        return
    await receive()
    launcher.start()
    # What a process that died here left behind; beat looks again, from any node.
    recovering = asyncio.get_running_loop().run_in_executor(None, recover_all)
    Shutdown(launcher).listen()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await launcher.stop()
    await recovering
    await send({"type": "lifespan.shutdown.complete"})
