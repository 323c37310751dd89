"""A Valkey server of one's own, for doing to it what happens to servers."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import Redis

from bastion.embedded_valkey import answers, command
from tests.polling import eventually


class FragileValkey:
    """Keeps nothing on disk: after `start` it is empty, as the product's own is."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._socket = directory / "v.sock"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self._socket}"

    def start(self) -> None:
        self._process = subprocess.Popen(command(self._socket, self._directory))
        eventually(lambda: answers(self._socket))

    def kill(self) -> None:
        """End it hard; does nothing if it does not run."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process
        self._process.send_signal(signal.SIGCONT)

    def client(self) -> Redis:
        return Redis.from_url(self.url)


@contextmanager
def fragile_valkey(directory: Path) -> Iterator[FragileValkey]:
    """`directory` must have a short path: a unix socket's is limited."""
    server = FragileValkey(directory)
    server.start()
    try:
        yield server
    finally:
        server.kill()
