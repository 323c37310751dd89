"""The end of a web process: sessions are told, may end by themselves, and are sealed before the server goes."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from types import FrameType

from django.conf import settings

from bastion.health import note_draining
from bastion.live.launch import Launcher


class Shutdown:
    """What signals do to a web process.

    SIGTERM gives sessions settings.DRAIN_SECONDS to end by themselves. SIGINT and SIGUSR1 end them at once, also while
    they have that time. Once more, and the server goes, whatever still runs.
    """

    def __init__(self, launcher: Launcher) -> None:
        self._launcher = launcher
        self._loop = asyncio.get_running_loop()
        self._draining: asyncio.Task[None] | None = None
        self._stopping: asyncio.Task[None] | None = None
        self._stop_server: Callable[[int, FrameType | None], object] | None = None

    def listen(self) -> None:
        """Put this before the server's own handlers, which close sockets without a word about why."""
        try:
            previous = signal.getsignal(signal.SIGTERM)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
                signal.signal(number, self._hear)
        except ValueError:
            # Not the main thread: a test's server, which stops by other means.
            return
        if callable(previous):
            self._stop_server = previous

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        self._loop.call_soon_threadsafe(self._obey, number)

    def _obey(self, number: int) -> None:
        note_draining()
        if self._stopping is not None:
            self._let_server_go()
        elif self._draining is not None:
            if number != signal.SIGTERM:
                self._draining.cancel()
        elif number == signal.SIGTERM:
            self._draining = self._loop.create_task(self._launcher.drain(settings.DRAIN_SECONDS))
            self._draining.add_done_callback(lambda _: self._stop())
        else:
            self._stop()

    def _stop(self) -> None:
        self._stopping = self._loop.create_task(self._launcher.stop())
        self._stopping.add_done_callback(lambda _: self._let_server_go())

    def _let_server_go(self) -> None:
        if self._stop_server is not None:
            self._stop_server(signal.SIGTERM, None)
