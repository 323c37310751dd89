"""A TCP proxy in front of an object store that can be told to misbehave."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum, auto

_PIECE = 65536
_ERROR = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Fault(Enum):
    NONE = auto()
    # The connection is taken, and nothing ever comes back.
    HANG = auto()
    # Every request is answered with 500.
    ERROR = auto()
    # The request arrives, the answer does not.
    ANSWER_LOST = auto()
    # Half of the answer comes, and then nothing.
    HALF_AN_ANSWER = auto()


class FaultyStore:
    """Passes on what it gets, or does what `fault` says. One thread for each connection and direction."""

    def __init__(self, host: str, port: int) -> None:
        self.fault = Fault.NONE
        # Connections that the faults above were done to.
        self.harmed = 0
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        self._listener.close()
        for one in self._open:
            # Wakes its reader, which a close alone would not.
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._open.append(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError):
            store = socket.create_connection(self._target)
            self._open.append(store)
            threading.Thread(target=self._answer, args=(store, client), daemon=True).start()
            while piece := client.recv(_PIECE):
                if self.fault is Fault.HANG:
                    self.harmed += 1
                elif self.fault is Fault.ERROR:
                    self.harmed += 1
                    client.sendall(_ERROR)
                    break
                else:
                    store.sendall(piece)
            client.shutdown(socket.SHUT_RDWR)

    def _answer(self, store: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while piece := store.recv(_PIECE):
                if self.fault is Fault.ANSWER_LOST:
                    self.harmed += 1
                    client.shutdown(socket.SHUT_RDWR)
                    return
                if self.fault is Fault.HALF_AN_ANSWER:
                    self.harmed += 1
                    client.sendall(piece[: len(piece) // 2])
                    return
                client.sendall(piece)


@contextmanager
def faulty_store(host: str, port: int) -> Iterator[FaultyStore]:
    proxy = FaultyStore(host, port)
    try:
        yield proxy
    finally:
        proxy.close()
