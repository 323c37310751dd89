"""The composition root of a session: the only place where its parts are made and joined."""

from __future__ import annotations

import asyncio
import codecs
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import structlog
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import close_old_connections
from django.utils import timezone
from redis.asyncio import Redis

from audit.asciicast import Header
from audit.models import Session
from audit.recording.key import make_key
from audit.recording.recorder import Outcome, Recorder, open_recording
from audit.recording.segment import RecordingFailedError
from audit.recording.stream import SessionStream, StreamPublisher
from audit.sessions import (
    count_running,
    new_session,
    record_changed_key,
    record_denied,
    save_started,
    why_access_ended,
)
from bastion.live import endings, wire
from bastion.live.control import listen
from bastion.live.endings import EndedError, Ending
from bastion.live.limits import limits_of
from bastion.live.masking import InputKeeper
from bastion.live.outlet import Outlet
from bastion.live.registry import Registry
from bastion.live.session import LiveSession, Owner, SessionParts
from bastion.live.tee import Tee
from bastion.live.watchdog import Watchdog
from bastion.targets.ssh import SshRoute, open_shell
from bastion.targets.target import (
    AuthenticationFailedError,
    DestinationForbiddenError,
    HostKeyChangedError,
    NotFoundError,
    Target,
    TargetError,
)
from hosts.access import Action, access_host
from hosts.credentials import LoginSecret, open_credential
from hosts.destinations import DestinationNotFound, DestinationRefused, resolve
from hosts.logins import Login, notice_accepted
from hosts.models import Host, InputPolicy
from hosts.vault import VaultError

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Opened:
    """A session that is durable, before anything was connected."""

    host: Host
    session: Session
    recorder: Recorder


class Launcher:
    """Starts sessions and keeps those that run in this process. One for each process, made by bastion/asgi.py."""

    def __init__(self) -> None:
        self.registry = Registry()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._publisher: StreamPublisher | None = None
        self._listener: asyncio.Task[None] | None = None
        self._is_stopping = True

    async def launch(self, login: Login, host_id: UUID, size: wire.Size) -> LiveSession:
        """Gate, session row, recording, target, tee, in this order. Raises EndedError with why there is no session.

        Cancelling it ends what was begun, as soon as it is whole: a recording is never left half open.
        """
        if self._is_stopping:
            raise EndedError(endings.SHUTTING_DOWN)
        task = asyncio.get_running_loop().create_task(self._launch(login, host_id, size))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
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
        cause = await sync_to_async(_why_not_again, thread_sensitive=False)(login, host_id)
        if cause is not None:
            raise EndedError(cause)
        return session

    async def _launch(self, login: Login, host_id: UUID, size: wire.Size) -> LiveSession:
        opened = await sync_to_async(_open_session, thread_sensitive=False)(login, host_id, size)
        target = await self._reach(login, opened, size)
        session, stream = self._join(login, opened, target, size)
        self.registry.add(session)
        task = asyncio.get_running_loop().create_task(self._run(session, stream), name=f"session-{session.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return session

    def start(self) -> None:
        """Let sessions begin, on the running event loop; also after a `stop`."""
        self._is_stopping = False
        self._publisher = StreamPublisher(Redis.from_url(settings.REDIS_URL, socket_timeout=5))
        self._publisher.start()
        self._listener = asyncio.get_running_loop().create_task(listen(self.registry), name="control")

    async def stop(self) -> None:
        """End every session, sealed, and let go of Redis."""
        self._is_stopping = True
        while self._tasks:
            for session in self.registry:
                session.end(endings.SHUTTING_DOWN)
            await asyncio.wait(self._tasks, timeout=1)
        # Again and again, for the reason that StreamPublisher.stop gives.
        while self._listener is not None and not self._listener.done():
            self._listener.cancel()
            await asyncio.wait([self._listener], timeout=1)
        self._listener = None
        if self._publisher is not None:
            await self._publisher.stop()
            self._publisher = None

    async def _reach(self, login: Login, opened: _Opened, size: wire.Size) -> Target:
        """Return the connected target; where there is none, the recording is sealed with why."""
        try:
            route, secret = await asyncio.to_thread(_route_to, opened.host)
            return await open_shell(route, secret, cols=size.cols, rows=size.rows)
        except TargetError as error:
            ending = _unreachable(error, login)
            if isinstance(error, HostKeyChangedError):
                await sync_to_async(record_changed_key, thread_sensitive=False)(login, opened.host, error.fingerprint)
            await _seal_unused(opened.recorder, ending)
            raise EndedError(ending) from error
        except BaseException:
            await _seal_unused(opened.recorder, endings.CRASHED)
            raise

    def _join(
        self, login: Login, opened: _Opened, target: Target, size: wire.Size
    ) -> tuple[LiveSession, SessionStream]:
        assert self._publisher is not None
        host, session_id = opened.host, opened.session.pk
        stream = SessionStream(self._publisher, session_id)
        keeper = InputKeeper(InputPolicy(host.input_policy))
        parts = SessionParts(
            target=target,
            recorder=opened.recorder,
            tee=Tee(opened.recorder, host.encoding, keeper, stream),
            outlet=Outlet(settings.SLOW_READER_LIMIT),
            limits=limits_of(host),
            watchdog=Watchdog(session_id, login, host.pk),
        )
        return LiveSession(Owner(session_id, login.user.pk, host.pk), size, parts), stream

    async def _run(self, session: LiveSession, stream: SessionStream) -> None:
        try:
            ending = await session.run()
            log.info("session_ended", session=str(session.id), reason=ending.reason)
        except Exception:
            # The outermost loop of a session: a fault in one must never take down the others.
            log.exception("session_failed", session=str(session.id))
        finally:
            self.registry.remove(session)
            stream.end()


def _end_unwanted(launching: asyncio.Task[LiveSession]) -> None:
    """The person left while the session was being made."""
    if not launching.cancelled() and launching.exception() is None:
        launching.result().end(endings.LEFT)


def _why_not_again(login: Login, host_id: UUID) -> Ending | None:
    close_old_connections()
    try:
        if not notice_accepted(login):
            return endings.NOTICE_NOT_ACCEPTED
        return endings.NO_SUCH_HOST if why_access_ended(login, host_id) else None
    finally:
        close_old_connections()


def _open_session(login: Login, host_id: UUID, size: wire.Size) -> _Opened:
    """Pass the gate, then make the recording and the row durable. Raises EndedError."""
    close_old_connections()
    try:
        host = _admit(login, host_id)
        session_id = uuid4()
        key, sealed_key = make_key(session_id)
        session = new_session(session_id, sealed_key, login, host, cols=size.cols, rows=size.rows)
        header = Header(
            cols=size.cols,
            rows=size.rows,
            timestamp=int(session.started_at.timestamp()),
            title=f"{session.user_name} on {host.name}",
            env={"TERM": "xterm-256color"},
            encoding=host.encoding,
        )
        recorder = open_recording(session_id, key, header)
        try:
            save_started(session, login)
        except BaseException:
            recorder.abandon()
            raise
        return _Opened(host, session, recorder)
    except RecordingFailedError as error:
        raise EndedError(endings.CANNOT_RECORD.because(f"Recording could not begin: {error}.")) from error
    finally:
        close_old_connections()


def _admit(login: Login, host_id: UUID) -> Host:
    if not notice_accepted(login):
        raise EndedError(endings.NOTICE_NOT_ACCEPTED)
    try:
        host = access_host(login, host_id, Action.CONNECT)
    except Host.DoesNotExist:
        record_denied(login, Host.objects.filter(pk=host_id).first(), host_id, "no grant")
        raise EndedError(endings.NO_SUCH_HOST) from None
    running = count_running(login)
    if running >= settings.SESSIONS_PER_USER:
        record_denied(login, host, host_id, "too many sessions")
        detail = f"You have {running} of {settings.SESSIONS_PER_USER} sessions open."
        raise EndedError(endings.TOO_MANY_SESSIONS.because(detail))
    return host


def _route_to(host: Host) -> tuple[SshRoute, LoginSecret]:
    """Return where the host is and how to sign in there. Raises TargetError."""
    close_old_connections()
    try:
        if host.credential is None:
            raise TargetError("No credential is stored for this host. An administrator can add one.")
        destinations = resolve(host.address, host.port, is_demo=host.is_demo)
        pins = list(host.keys.all())
        route = SshRoute(
            destinations=destinations,
            pins=frozenset(pin.fingerprint for pin in pins),
            algorithms=frozenset(pin.algorithm for pin in pins if pin.algorithm),
            timeout=settings.CONNECT_TIMEOUT,
            # The browser speaks UTF-8; a login without a locale would take Chinese for meta keys.
            environment={"LC_CTYPE": "C.UTF-8"} if codecs.lookup(host.encoding).name == "utf-8" else {},
        )
        return route, open_credential(host.credential)
    except DestinationRefused as error:
        raise DestinationForbiddenError(str(error)) from error
    except DestinationNotFound as error:
        raise NotFoundError(f"The address {host.address} is not known: {error}.") from error
    except VaultError as error:
        raise AuthenticationFailedError("The stored credential cannot be opened with this server's keys.") from error
    finally:
        close_old_connections()


def _unreachable(error: TargetError, login: Login) -> Ending:
    """Return the ending; what would tell a scanner how an address answers is for administrators only."""
    is_for_person = login.user.is_staff or not error.is_about_network
    detail = str(error) if is_for_person else endings.UNREACHABLE.detail
    return Ending(endings.UNREACHABLE.code, error.reason, detail)


async def _seal_unused(recorder: Recorder, ending: Ending) -> None:
    outcome = Outcome(reason=ending.reason, detail=ending.detail, ended_at=timezone.now())
    await asyncio.wrap_future(recorder.finish(outcome))
