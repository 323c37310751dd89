"""The terminal's socket: frames in, frames out, and the close code that says why it ended.

A plain ASGI application: Channels' consumer classes hop to a thread for every message, which a keystroke would feel.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any
from uuid import UUID

import structlog
from django.db import Error as DbError

from bastion.live import endings, wire
from bastion.live.endings import EndedError, Ending
from bastion.live.handshake import is_allowed
from bastion.live.launch import Launcher
from bastion.live.outlet import Viewer
from bastion.live.session import LiveSession
from bastion.threads import ask_database
from hosts.logins import Login, NotSignedIn, login_of_scope

log = structlog.get_logger(__name__)

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
# Commands that come before the session is there; a browser sends a resize or two.
MOST_EARLY = 64
# Frames that are read ahead while the host takes none, so that the end of the socket behind them is seen.
MOST_UNREAD = 64


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
        self._early: deque[wire.Command] = deque()
        # Frames that were taken from the socket while the session had no room for them, and the next one under way.
        self._unread: deque[dict[str, Any]] = deque()
        self._receiving: asyncio.Future[dict[str, Any]] | None = None
        self._viewer = Viewer(self._send_bytes, self._send_text)

    async def serve(self) -> None:
        serving = asyncio.ensure_future(self._serve_session())
        try:
            await self._read_frames()
        finally:
            serving.cancel()
            if self._receiving is not None:
                self._receiving.cancel()
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
            while self._early:
                await session.obey(self._early[0])
                self._early.popleft()
            ending = await self._viewer.ended
        except EndedError as error:
            ending = error.ending
        except DbError as error:
            log.warning("no_session_without_database", error=type(error).__name__)
            ending = endings.NO_DATABASE
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
            login = await ask_database(login_of_scope, self._scope)
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
        while (message := await self._next_message())["type"] != "websocket.disconnect":
            if self._viewer.ended.done():
                # Closed from our side: until the browser notices, it types to nobody.
                continue
            try:
                command = wire.parse_frame(message.get("text"), message.get("bytes"))
            except wire.ProtocolError as error:
                self._refuse(endings.BAD_FRAME.because(str(error)))
                continue
            if isinstance(command, wire.Ping):
                # A socket that is gone says so in the next message.
                with suppress(OSError):
                    await self._send_text(wire.pong())
            elif self._session is not None and not self._early:
                if not self._session.obey_at_once(command):
                    await self._wait_for_room(self._session, command)
            elif len(self._early) < MOST_EARLY:
                self._early.append(command)
            else:
                self._refuse(endings.BAD_FRAME.because("expected to wait for the ready frame before typing"))
        if message.get("code") == endings.LEAVING_CODE and self._session is not None:
            self._session.leave(self._viewer)

    async def _next_message(self) -> dict[str, Any]:
        if self._unread:
            return self._unread.popleft()
        receiving, self._receiving = self._receiving, None
        return await (receiving or self._receive())

    async def _wait_for_room(self, session: LiveSession, command: wire.Command) -> None:
        """Wait until the host takes more input, but notice if the browser goes away meanwhile."""
        putting = asyncio.ensure_future(session.obey(command))
        try:
            while not putting.done() and len(self._unread) < MOST_UNREAD:
                if self._receiving is None:
                    self._receiving = asyncio.ensure_future(self._receive())
                waited: list[asyncio.Future[Any]] = [putting, self._receiving]
                await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
                if self._receiving.done():
                    message, self._receiving = self._receiving.result(), None
                    self._unread.append(message)
                    if message["type"] == "websocket.disconnect":
                        self._unread = deque([message])
                        return
            await putting
        finally:
            putting.cancel()

    def _refuse(self, ending: Ending) -> None:
        """End the session over what the browser sent; without one, the socket alone."""
        if self._session is not None:
            self._session.end(ending)
        self._viewer.close(ending)

    async def _send_bytes(self, data: bytes) -> None:
        await self._send_frame({"type": "websocket.send", "bytes": data})

    async def _send_text(self, text: str) -> None:
        await self._send_frame({"type": "websocket.send", "text": text})

    async def _send_frame(self, message: dict[str, Any]) -> None:
        try:
            await self._send(message)
        except RuntimeError as error:
            # What uvicorn says of a socket that it has closed itself, after pings that nobody answered.
            raise ConnectionResetError(str(error)) from error

    async def _close(self, ending: Ending) -> None:
        with suppress(OSError, RuntimeError):
            await self._send({"type": "websocket.close", "code": int(ending.code), "reason": ending.close_reason})
