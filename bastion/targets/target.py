"""What a session needs of the thing that it runs on, and how reaching it can fail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

READ_BYTES = 256 * 1024
# What a host may send before it is read: bounds the memory of a session whose browser is slow.
WINDOW_BYTES = 2 * 2**20


@dataclass(frozen=True, slots=True)
class ExitInfo:
    """How the program on the host ended; RFC 4254, section 6.10."""

    status: int | None = None
    signal: str | None = None


class Target(Protocol):
    """A program with a terminal, somewhere else."""

    async def read(self, timeout: float | None = None) -> bytes | None:  # noqa: ASYNC109 a pause, not a deadline
        """Return the next 1 to READ_BYTES bytes of output, b"" at its end, None after `timeout` seconds without any.

        What is not read stays with the host: reading slowly slows the host.
        """

    async def gather(self, size: int, seconds: float) -> None:
        """Let output gather for `seconds`; less where `size` bytes wait to be read or the output ends, if that is told.

        The transport that the event loop drives tells it as it happens, the one with a thread only at the call.
        """

    async def write(self, data: bytes) -> None:
        """Send input; waits while the host does not take it."""

    async def resize(self, cols: int, rows: int) -> None:
        """Tell the terminal's size."""

    async def wait_exit(self) -> ExitInfo | None:
        """After the end of output: how the program ended, or None if the connection was lost instead."""

    async def close(self) -> None:
        """Let go of everything; safe to repeat and after any failure."""


class TargetError(Exception):
    """The host could not be reached. `reason` is one word for the ledger.

    The message is for the person and holds no secret. `is_about_network`: it would tell a scanner which address
    answers how, so only administrators get to read it.
    """

    reason = "unreachable"
    is_about_network = True


class ConnectTimedOutError(TargetError):
    reason = "timed_out"


class ConnectRefusedError(TargetError):
    reason = "refused"


class NotSshError(TargetError):
    reason = "not_ssh"


class DestinationForbiddenError(TargetError):
    reason = "forbidden_address"


class NotFoundError(TargetError):
    reason = "not_found"


class HostKeyUnknownError(TargetError):
    reason = "unknown_key"
    is_about_network = False


class HostKeyChangedError(TargetError):
    """`fingerprint` is what the host showed instead of a pinned key."""

    reason = "changed_key"
    is_about_network = False

    def __init__(self, message: str, fingerprint: str) -> None:
        super().__init__(message)
        self.fingerprint = fingerprint


class AuthenticationFailedError(TargetError):
    reason = "authentication_failed"
    is_about_network = False


class ShellRefusedError(TargetError):
    reason = "shell_refused"
    is_about_network = False
