"""A session while it runs. It belongs to its process, not to a socket: browsers attach to it and go away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import assert_never
from uuid import UUID

import structlog
from django.conf import settings
from django.db import Error as DbError
from django.utils import timezone

from audit.recording.recorder import Outcome, Recorder
from audit.recording.segment import Prefix, RecordingFailedError
from audit.sessions import set_detached
from bastion.live import endings, wire
from bastion.live.decoding import HOLD_SECONDS
from bastion.live.endings import CloseCode, EndedError, Ending
from bastion.live.limits import Limits
from bastion.live.outlet import Outlet, SlowReaderError, Viewer
from bastion.live.tee import Tee
from bastion.targets.target import Target
from bastion.threads import ask_database
from hosts.logins import Login

log = structlog.get_logger(__name__)

# Twenty resizes a second reach the host; of those in between only the last.
RESIZE_SECONDS = 0.05
# Frames that wait for the host to take them. With 64 KiB each, what one session can hold in memory.
MOST_COMMANDS = 64
# After output of more than this, what comes next is gathered until it is worth a turn, for a moment at most. Small
# output never waits. A flood costs a sixth less CPU than with a flat pause of 1 ms: docs/performance.md.
SMALL_BYTES = 1024
GATHER_BYTES = 131072
GATHER_SECONDS = 0.004
LAST_WORDS_SECONDS = 5
STALL_WARNING_SECONDS = 1.0
STALLED = "the disk did not answer in time"


@dataclass(frozen=True, slots=True)
class SessionParts:
    """What launch joins: see bastion/live/launch.py."""

    target: Target
    recorder: Recorder
    tee: Tee
    outlet: Outlet
    limits: Limits


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose session this is, and on which host."""

    session_id: UUID
    user_id: int
    host_id: UUID


class LiveSession:
    """Moves bytes between a target and whoever is attached, through the tee, until something ends it.

    The watchdog calls `keep_limits` every second. It ends the session when `login`, the sign-in that the session
    depends on, does not stand any more, and notes in `seen_at` (monotonic clock) when it last did.
    """

    def __init__(self, owner: Owner, login: Login, size: wire.Size, parts: SessionParts) -> None:
        self.id = owner.session_id
        self.owner = owner
        self.login = login
        self.seen_at = time.monotonic()
        self.size = size
        self._target = parts.target
        self._recorder = parts.recorder
        self._tee = parts.tee
        self._outlet = parts.outlet
        self._limits = parts.limits
        self._commands: asyncio.Queue[wire.Command] = asyncio.Queue(MOST_COMMANDS)
        self._end_asked: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._noting = asyncio.Lock()
        self._is_over = False
        self._is_slow = False
        self._telling: asyncio.Task[None] | None = None
        self._was_attached = False
        self._left_at: float | None = time.monotonic()

    async def run(self) -> Ending:
        """THE loop: output and input side by side, until one of them finds an ending or somebody asks for one."""
        loop = asyncio.get_running_loop()
        self._recorder.on_failure = lambda reason: loop.call_soon_threadsafe(self.end, _cannot_record(reason))
        if refusal := self._recorder.refusal():
            self.end(_cannot_record(refusal))
        tasks = {asyncio.ensure_future(work) for work in (self._move_output(), self._obey(), self._end_asked)}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            ending = _first_ending(done)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return await self._finish(ending)

    # The two workers. Each returns the ending that it found.

    async def _move_output(self) -> Ending:
        while True:
            data = await self._target.read(HOLD_SECONDS if self._tee.is_holding else None)
            if data == b"":
                info = await self._target.wait_exit()
                return endings.exited(info) if info else endings.LOST
            shown = await (self._tee.flush_output() if data is None else self._tee.output(data))
            self._limits.note_activity()
            await self._show(shown)
            if data is not None and len(data) > SMALL_BYTES:
                # A host that floods is read in few big pieces: each costs about as much as a small one.
                await self._target.gather(GATHER_BYTES, GATHER_SECONDS)

    async def _obey(self) -> Ending:
        resized_at, waiting = 0.0, None
        while True:
            command = await self._next_command(None if waiting is None else resized_at + RESIZE_SECONDS)
            match command:
                case wire.Keys(data):
                    self._limits.note_activity()
                    await self._target.write(await self._tee.input(data))
                case wire.Size():
                    waiting = command
                case None:
                    pass
                case _:
                    assert_never(command)
            if waiting is not None and time.monotonic() - resized_at >= RESIZE_SECONDS:
                await self._resize(waiting)
                resized_at, waiting = time.monotonic(), None

    # What sockets, control and the watchdog do to a session.

    async def attach(self, viewer: Viewer, login: Login, after: int) -> None:
        """Let `viewer` see and type from byte `after` on, for as long as `login` stands.

        Whoever was attached is closed. Raises EndedError.
        """
        if self._is_over:
            raise EndedError(endings.CANNOT_RESUME)
        self.login = login
        greeting = wire.ready(self.id, after, self.size.cols, self.size.rows)
        await self._outlet.attach(viewer, after, greeting)
        is_return, self._was_attached = self._was_attached and self._left_at is not None, True
        self._left_at = None
        await self._show(b"")
        if is_return:
            await self._note_presence("attached")

    async def detach(self, viewer: Viewer) -> None:
        """The viewer's socket is gone. The session goes on for the grace period, recording all the while."""
        self._outlet.detach(viewer)
        # The outlet may have found out before: what counts is that nobody is there.
        if self._outlet.viewer is None and self._left_at is None and not self._is_over:
            self._left_at = time.monotonic()
            await self._note_presence("detached")

    def leave(self, viewer: Viewer) -> None:
        """The person behind `viewer` closed the terminal: end the session, unless somebody has replaced it."""
        # Not only while attached: output that found the socket closed may have detached it a moment ago.
        if self._outlet.latest is viewer:
            self.end(endings.CLOSED)

    def obey_at_once(self, command: wire.Command) -> bool:
        """Queue a command; False if too many are waiting already."""
        if self._is_over:
            return True
        try:
            self._commands.put_nowait(command)
        except asyncio.QueueFull:
            return False
        return True

    async def obey(self, command: wire.Command) -> None:
        """Queue a command; waits while too many are waiting already."""
        if not self._is_over:
            await self._commands.put(command)

    def keep_limits(self) -> None:
        """Look at every clock that the session has; does not wait."""
        self._tee.settle_input()
        self._recorder.rotate()
        stalled_for = self._recorder.stalled_for()
        if warning := self._stall_warning(stalled_for) or self._limits.warning():
            self._telling = asyncio.ensure_future(self.tell(warning))
        if stalled_for > settings.STALL_LIMIT:
            self._recorder.fail(STALLED)
            self.end(_cannot_record(STALLED))
        elif ending := self._limits.ending():
            self.end(ending)
        elif self._left_at is not None and time.monotonic() - self._left_at > settings.DETACH_GRACE:
            self.end(endings.LEFT)

    def synced_prefix(self) -> Prefix | None:
        """Return how much of the open segment would survive a power cut."""
        return self._recorder.synced_prefix()

    async def tell(self, text: str) -> None:
        """Give the attached person a notice, if somebody is there who reads."""
        await self._outlet.tell(wire.notice(text))

    def end(self, ending: Ending) -> None:
        """End the session as soon as the loop sees it."""
        if not self._end_asked.done():
            self._end_asked.set_result(ending)

    async def abandon(self) -> None:
        """Something that nobody thought of broke: let go of everything, sealed as far as it goes."""
        self._close(endings.CRASHED)
        await self._target.close()
        await asyncio.wrap_future(self._recorder.finish(_outcome(endings.CRASHED)))

    # Steps.

    async def _next_command(self, due_at: float | None) -> wire.Command | None:
        """Wait for a command, until `due_at` on the monotonic clock if that is given; None if none came."""
        if due_at is None:
            return await self._commands.get()
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, due_at - time.monotonic())):
                return await self._commands.get()
        return None

    def _stall_warning(self, stalled_for: float) -> str | None:
        """Return a sentence for the person when the disk begins to hold up the session, and when it lets go."""
        is_slow = stalled_for > STALL_WARNING_SECONDS
        if is_slow == self._is_slow:
            return None
        self._is_slow = is_slow
        return "Recording is slow: the terminal waits for the disk." if is_slow else "Recording goes on."

    async def _show(self, shown: bytes) -> None:
        try:
            await self._outlet.show(shown)
        except SlowReaderError as error:
            error.viewer.close(endings.SLOW)
            await self.detach(error.viewer)

    async def _resize(self, size: wire.Size) -> None:
        if size == self.size:
            return
        self.size = size
        self._tee.resize(size.cols, size.rows)
        await self._target.resize(size.cols, size.rows)

    async def _note_presence(self, label: str) -> None:
        self._tee.mark(label)
        # One at a time, each with what is so by then: two sockets must not leave the row with the older news.
        async with self._noting:
            try:
                await ask_database(set_detached, self.id, self._left_at is not None)
            except DbError as error:
                log.warning("presence_not_saved", session=str(self.id), error=type(error).__name__)

    async def _finish(self, ending: Ending) -> Ending:
        """Record what is held back, tell the person, seal. Returns the ending, or the recorder's failure instead."""
        if ending.code != CloseCode.NORMAL:
            # Who may not look any more gets nothing more, not even while the host is let go.
            self._close(ending)
        await self._target.close()
        try:
            async with asyncio.timeout(settings.STALL_LIMIT):
                rest = await self._tee.finish(ending.exit)
            await self._show_last(rest)
        except RecordingFailedError as error:
            ending = _cannot_record(error)
        except TimeoutError:
            self._recorder.fail(STALLED)
            ending = _cannot_record(STALLED)
        if ending.exit is not None:
            await self._outlet.tell(wire.exited(ending.exit.status, ending.exit.signal))
        self._close(ending)
        await asyncio.wrap_future(self._recorder.finish(_outcome(ending)))
        return ending

    async def _show_last(self, rest: bytes) -> None:
        """Show the end of the output; a browser that does not read must not hold up the seal."""
        try:
            async with asyncio.timeout(LAST_WORDS_SECONDS):
                await self._outlet.show(rest)
        except (TimeoutError, SlowReaderError):
            log.info("last_output_not_read", session=str(self.id))

    def _close(self, ending: Ending) -> None:
        """From here on nobody can attach, type or be shown anything."""
        self._is_over = True
        if viewer := self._outlet.viewer:
            self._outlet.detach(viewer)
            viewer.close(ending)
        # Wakes those who wait to put something in.
        while not self._commands.empty():
            self._commands.get_nowait()


def _outcome(ending: Ending) -> Outcome:
    return Outcome(
        reason=ending.reason,
        detail=ending.detail,
        ended_at=timezone.now(),
        exit_status=ending.exit.status if ending.exit else None,
        exit_signal=(ending.exit.signal or "") if ending.exit else "",
    )


def _cannot_record(reason: RecordingFailedError | str) -> Ending:
    return endings.CANNOT_RECORD.because(f"Recording failed: {reason}. Nothing was shown that is not recorded.")


def _first_ending(done: Iterable[asyncio.Future[Ending]]) -> Ending:
    """Return the ending of whichever worker ended; a failed recording outranks everything else."""
    found: list[Ending] = []
    for task in done:
        error = task.exception()
        match error:
            case None:
                found.append(task.result())
            case RecordingFailedError():
                return _cannot_record(error)
            case EndedError():
                found.append(error.ending)
            case _:
                log.error("session_crashed", exc_info=error)
                found.append(endings.CRASHED)
    return found[0]
