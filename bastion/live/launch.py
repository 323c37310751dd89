"""The composition root of a session: the only place where its parts are made and joined."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.utils import timezone
from redis.asyncio import Redis

from audit.recording.publishing import SessionStream, StreamPublisher
from audit.recording.recorder import Outcome, Recorder
from audit.sessions import record_changed_key, why_access_ended
from bastion.live import endings, wire
from bastion.live.control import listen
from bastion.live.endings import EndedError, Ending
from bastion.live.evidence import anchor_sessions, say_heard, sign_checkpoints
from bastion.live.limits import in_words, limits_of
from bastion.live.masking import InputKeeper
from bastion.live.opening import Opened, open_session, why_not_again
from bastion.live.outlet import Outlet
from bastion.live.reaching import find_route, open_secret, unreachable
from bastion.live.registry import Registry
from bastion.live.session import LiveSession, Owner, SessionParts
from bastion.live.tee import Tee
from bastion.live.watchdog import Watchdog, access_ended
from bastion.targets.ssh import open_shell
from bastion.targets.target import HostKeyChangedError, Target, TargetError
from bastion.threads import ask_database, wait_for_host
from hosts.logins import Login
from hosts.models import InputPolicy

log = structlog.get_logger(__name__)

# Seconds before the end of draining at which people are told again.
DRAIN_NOTICES = (300.0, 60.0, 10.0)
DRAIN_LOOK_SECONDS = 0.2
DUTY_RETRY_SECONDS = 1.0


class Launcher:
    """Starts sessions and keeps those that run in this process. One for each process, made by bastion/asgi.py."""

    def __init__(self) -> None:
        self.registry = Registry()
        self._watchdog: Watchdog | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._publisher: StreamPublisher | None = None
        # What runs beside the sessions for as long as the process does.
        self._duties: list[asyncio.Task[None]] = []
        self._is_stopping = True

    async def launch(self, login: Login, host_id: UUID, size: wire.Size) -> LiveSession:
        """Gate, session row, recording, target, tee, in this order. Raises EndedError with why there is no session.

        Cancelling it ends what was begun, as soon as it is whole: a recording is never left half open.
        """
        if self._is_stopping:
            raise EndedError(endings.SHUTTING_DOWN)
        task = self._start(self._launch(login, host_id, size))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(_end_unwanted)
            raise

    async def find(self, login: Login, host_id: UUID, session_id: UUID) -> LiveSession:
        """Return a session of this process that `login` may be attached to again. Raises EndedError."""
        session = self.registry.find(session_id)
        if session is None or (session.owner.user_id, session.owner.host_id) != (login.user.pk, host_id):
            raise EndedError(endings.CANNOT_RESUME)
        cause = await ask_database(why_not_again, login, host_id)
        if cause is not None:
            raise EndedError(cause)
        return session

    def start(self) -> None:
        """Let sessions begin, on the running event loop; also after a `stop`."""
        self._is_stopping = False
        watchdog = self._watchdog = Watchdog(self.registry)
        self._publisher = StreamPublisher(Redis.from_url(settings.REDIS_URL, socket_timeout=5, protocol=2))
        self._publisher.start()
        duties = (
            watchdog.keep_limits,
            watchdog.keep_access,
            partial(listen, watchdog),
            partial(anchor_sessions, self.registry),
            sign_checkpoints,
            say_heard,
        )
        self._duties += [asyncio.get_running_loop().create_task(_keep_up(duty)) for duty in duties]

    async def drain(self, seconds: float) -> None:
        """Let no session begin, and return when those that run have ended, or after `seconds`. People are told."""
        self._is_stopping = True
        deadline = time.monotonic() + seconds
        notices = deque(sorted({seconds, *(due for due in DRAIN_NOTICES if due < seconds)}, reverse=True))
        while len(self.registry) and (left := deadline - time.monotonic()) > 0:
            if notices and left <= notices[0]:
                notices.popleft()
                for session in self.registry:
                    await session.tell(f"The server stops: this session ends in {in_words(left)} at the latest.")
            await asyncio.sleep(DRAIN_LOOK_SECONDS)

    async def stop(self) -> None:
        """End every session, sealed, and let go of Redis."""
        self._is_stopping = True
        while self._tasks:
            for session in self.registry:
                session.end(endings.SHUTTING_DOWN)
            await asyncio.wait(self._tasks, timeout=1)
        # Again and again, for the reason that StreamPublisher.stop gives.
        while running := [duty for duty in self._duties if not duty.done()]:
            for duty in running:
                duty.cancel()
            await asyncio.wait(running, timeout=1)
        self._duties.clear()
        if self._publisher is not None:
            await self._publisher.stop()
            self._publisher = None

    async def _launch(self, login: Login, host_id: UUID, size: wire.Size) -> LiveSession:
        opened = await ask_database(open_session, login, host_id, size)
        try:
            target = await self._reach(login, opened, size)
        except EndedError as error:
            await _seal_unused(opened.recorder, error.ending)
            raise
        except BaseException:
            await _seal_unused(opened.recorder, endings.CRASHED)
            raise
        session, stream = self._join(login, opened, target, size)
        self.registry.add(session)
        # What woke everybody while the session was being made did not find it.
        assert self._watchdog is not None
        self._watchdog.wake(str(session.id))
        self._start(self._run(session, stream))
        return session

    async def _reach(self, login: Login, opened: Opened, size: wire.Size) -> Target:
        """Return the connected target. Raises EndedError with why there is none.

        Whoever lost access while the host was being reached gets no shell: the gate was some seconds ago.
        """
        host = opened.host
        try:
            route = await wait_for_host(find_route, host)
            await self._check_access(login, host.pk)
            target = await open_shell(route, open_secret(host), cols=size.cols, rows=size.rows)
        except TargetError as error:
            if isinstance(error, HostKeyChangedError):
                await ask_database(record_changed_key, login, host, error.fingerprint)
            raise EndedError(unreachable(error, login)) from error
        try:
            await self._check_access(login, host.pk)
        except BaseException:
            await target.close()
            raise
        return target

    async def _check_access(self, login: Login, host_id: UUID) -> None:
        cause = await ask_database(why_access_ended, login, host_id)
        if cause is not None:
            raise EndedError(access_ended(cause))

    def _join(self, login: Login, opened: Opened, target: Target, size: wire.Size) -> tuple[LiveSession, SessionStream]:
        assert self._publisher is not None
        host, session_id = opened.host, opened.session.pk
        opened.recorder.on_stored = partial(self._publisher.forget, session_id)
        stream = SessionStream(self._publisher, session_id, opened.key)
        keeper = InputKeeper(InputPolicy(host.input_policy))
        parts = SessionParts(
            target=target,
            recorder=opened.recorder,
            tee=Tee(opened.recorder, host.encoding, keeper, stream, opened.began_at),
            outlet=Outlet(settings.SLOW_READER_LIMIT),
            limits=limits_of(host),
        )
        return LiveSession(Owner(session_id, login.user.pk, host.pk), login, size, parts), stream

    async def _run(self, session: LiveSession, stream: SessionStream) -> None:
        try:
            ending = await session.run()
            log.info("session_ended", session=str(session.id), reason=ending.reason)
        except Exception:
            # The outermost loop of a session: a fault in one must never take down the others.
            log.exception("session_failed", session=str(session.id))
            await session.abandon()
        finally:
            self.registry.remove(session)
            stream.end()

    def _start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _keep_up(duty: Callable[[], Awaitable[None]]) -> None:
    """Do what must be done for as long as the process runs, whatever goes wrong in it."""
    while True:
        try:
            await duty()
        except Exception:
            # An outermost loop: sessions that nobody watches, or that nobody anchors, would go on all the same.
            log.exception("duty_failed")
        await asyncio.sleep(DUTY_RETRY_SECONDS)


def _end_unwanted(launching: asyncio.Task[LiveSession]) -> None:
    """The person left while the session was being made."""
    if not launching.cancelled() and launching.exception() is None:
        launching.result().end(endings.LEFT)


async def _seal_unused(recorder: Recorder, ending: Ending) -> None:
    outcome = Outcome(reason=ending.reason, detail=ending.detail, ended_at=timezone.now())
    await asyncio.wrap_future(recorder.finish(outcome))
