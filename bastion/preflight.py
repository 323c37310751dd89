"""What must hold before anything is started. Every failure is one line that says what to do."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bastion.web import listen

# Below this much free space nothing starts, and no recording begins: a disk that fills up ends sessions.
LEAST_FREE_BYTES = 256 * 1024 * 1024
REMAINS_SECONDS = 25.0


class StartError(Exception):
    """Something that makes a start impossible, in one line for a person."""


def check_data_directory(directory: Path, free_bytes: Callable[[Path], int] | None = None) -> None:
    """Raise StartError unless the directory takes files and has enough free space."""
    try:
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        raise StartError(
            f"The data directory {directory} cannot be written: {error.strerror}. Change its owner or BASTION_DATA_DIR."
        ) from error
    free = free_bytes(directory) if free_bytes else shutil.disk_usage(directory).free
    if free < LEAST_FREE_BYTES:
        raise StartError(
            f"Only {free // 2**20} MB are free in {directory}, and recording needs at least"
            f" {LEAST_FREE_BYTES // 2**20} MB. Free some space, or set BASTION_DATA_DIR to another disk."
        )


def check_frontend(directory: Path) -> None:
    if not (directory / "manifest.json").is_file():
        raise StartError(f"There is no built frontend in {directory}. Build it with `make frontend`.")


def clear_file(path: Path) -> Path:
    """Remove the ready file of an earlier start and return its path, or raise StartError if it could not be written."""
    try:
        path.unlink(missing_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise StartError(f"BASTION_READY_FILE: {path} cannot be written: {error.strerror}.") from error
    return path


def claim(run_directory: Path, role: str) -> int:
    """Lock the data directory for one supervisor in this role. Return the lock's file descriptor."""
    descriptor = os.open(run_directory / f"{role}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.read(descriptor, 32).decode(errors="replace").strip()
        os.close(descriptor)
        raise StartError(
            f"Another Bastion (process {owner or 'unknown'}) uses {run_directory.parent}."
            " Stop it first, or set BASTION_DATA_DIR."
        ) from None
    os.ftruncate(descriptor, 0)
    os.write(descriptor, str(os.getpid()).encode())
    return descriptor


def await_remains(run_directory: Path, role: str, report: Callable[[str], None]) -> int:
    """Wait for the children of a supervisor that was killed to end: they hold this lock. Return its descriptor."""
    descriptor = os.open(run_directory / f"{role}.children.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + REMAINS_SECONDS
    is_said = False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(descriptor)
                raise StartError(
                    f"Processes of an earlier start still use {run_directory.parent}. End them, then start again."
                ) from None
            if not is_said:
                report("Waiting for processes of an earlier start to end …")
                is_said = True
            time.sleep(0.1)
        else:
            return descriptor


def open_port(address: str, port: int) -> socket.socket:
    """Return the web server's listening socket, or raise StartError with the reason and the way out."""
    try:
        return listen(address, port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            message = f"Port {port} on {address} is in use. Stop what listens there, or set BASTION_PORT."
        elif error.errno == errno.EACCES:
            message = f"Port {port} on {address} needs more rights. Set BASTION_PORT to 1024 or more."
        else:
            message = f"The address {address} cannot be listened on: {error.strerror}. Correct BASTION_BIND."
        raise StartError(message) from error
