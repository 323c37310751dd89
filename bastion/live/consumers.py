"""The terminal's socket: frames in, frames out, and the close code that says why it ended.

A plain ASGI application: Channels' consumer classes hop to a thread for every message, which a keystroke would feel.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any
from uuid import UUID

import structlog
from asgiref.sync import sync_to_async
from django.db import close_old_connections

from bastion.live import endings, wire
from bastion.live.endings import EndedError, Ending
from bastion.live.handshake import is_allowed
from bastion.live.launch import Launcher
from bastion.live.outlet import Viewer
from bastion.live.session import LiveSession
from hosts.logins import Login, NotSignedIn, login_of_scope

log = structlog.get_logger(__name__)

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
# Commands that come before the session is there; a browser sends a resize or two.
MOST_EARLY = 64


class TerminalApplication:
    """ASGI application of `/ws/hosts/<host id>/terminal/`."""

    def __init__(self, launcher: Launcher) -> None:
        self._launcher = launcher

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        await receive()
        if not is_allowed(scope):
            await send({"type": "websocket.close", "code": 4403})
            return
        await send({"type": "websocket.accept"})
        await TerminalSocket(self._launcher, scope, receive, send).serve()


class TerminalSocket:
    """One accepted socket, from its first frame to its close."""

    def __init__(self, launcher: Launcher, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        self._launcher = launcher
        self._scope = scope
        self._receive = receive
        self._send = send
        self._session: LiveSession | None = None
        self._early: list[wire.Command] = []
        self._viewer = Viewer(self._send_bytes, self._send_text)

    async def serve(self) -> None:
        serving = asyncio.ensure_future(self._serve_session())
        try:
            await self._read_frames()
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
            if self._session is not None:
                await self._session.detach(self._viewer)

    async def _serve_session(self) -> None:
        """Find or start the session, attach, and close the socket when there is a reason to."""
        try:
            login, host_id, request = await self._identify()
            session = await self._until_refused(self._find_or_launch(login, host_id, request))
            self._session = session
            await session.attach(self._viewer, login, request.after)
            for command in self._early:
                await session.obey(command)
            self._early.clear()
            ending = await self._viewer.ended
        except EndedError as error:
            ending = error.ending
        except OSError:
            # The browser went away while it was being told.
            return
        except Exception:
            # The outermost loop of a socket: a fault must end it with a word, not with silence.
            log.exception("terminal_failed")
            ending = endings.CRASHED
        await self._close(ending)

    async def _identify(self) -> tuple[Login, UUID, wire.TerminalRequest]:
        try:
            request = wire.parse_request(self._scope["query_string"])
            login = await sync_to_async(_find_login, thread_sensitive=False)(self._scope)
        except wire.ProtocolError as error:
            raise EndedError(endings.BAD_FRAME.because(str(error))) from error
        except NotSignedIn as error:
            raise EndedError(endings.NOT_SIGNED_IN) from error
        return login, self._scope["url_route"]["kwargs"]["host_id"], request

    async def _find_or_launch(self, login: Login, host_id: UUID, request: wire.TerminalRequest) -> LiveSession:
        if request.session is None:
            return await self._launcher.launch(login, host_id, wire.Size(request.cols, request.rows))
        return await self._launcher.find(login, host_id, request.session)

    async def _until_refused(self, finding: Coroutine[Any, Any, LiveSession]) -> LiveSession:
        """Wait for the session, unless the browser sends something meanwhile that ends it all. Raises EndedError."""
        task: asyncio.Future[LiveSession] = asyncio.ensure_future(finding)
        waited: list[asyncio.Future[Any]] = [task, self._viewer.ended]
        try:
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if self._viewer.ended.done():
                raise EndedError(self._viewer.ended.result())
            return task.result()
        finally:
            task.cancel()

    async def _read_frames(self) -> None:
        """Parse and pass on what the browser sends, until its socket is gone."""
        while (message := await self._receive())["type"] != "websocket.disconnect":
            try:
                command = wire.parse_frame(message.get("text"), message.get("bytes"))
            except wire.ProtocolError as error:
                self._refuse(endings.BAD_FRAME.because(str(error)))
                continue
            if isinstance(command, wire.Ping):
                await self._send_text(wire.pong())
            elif self._session is not None and not self._early:
                await self._session.obey(command)
            elif len(self._early) < MOST_EARLY:
                self._early.append(command)
            else:
                self._refuse(endings.BAD_FRAME.because("expected to wait for the ready frame before typing"))
        if message.get("code") == endings.LEAVING_CODE and self._session is not None:
            self._session.leave(self._viewer)

    def _refuse(self, ending: Ending) -> None:
        """End the session over what the browser sent; without one, the socket alone."""
        if self._session is not None:
            self._session.end(ending)
        self._viewer.close(ending)

    async def _send_bytes(self, data: bytes) -> None:
        await self._send({"type": "websocket.send", "bytes": data})

    async def _send_text(self, text: str) -> None:
        await self._send({"type": "websocket.send", "text": text})

    async def _close(self, ending: Ending) -> None:
        with suppress(OSError, RuntimeError):
            await self._send({"type": "websocket.close", "code": int(ending.code), "reason": ending.close_reason})


def _find_login(scope: dict[str, Any]) -> Login:
    close_old_connections()
    try:
        return login_of_scope(scope)
    finally:
        close_old_connections()
