"""The one table of how a terminal ends: a word for the record, a close code, and a sentence for the person."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum

from bastion.targets.target import ExitInfo

# RFC 6455, section 5.5: a control frame holds 125 bytes, two of them the code.
CLOSE_REASON_BYTES = 123


# What a browser closes its socket with when its person leaves for good. Every other close, also 1000, which libraries
# send by themselves, is a lost connection to a session that waits.
LEAVING_CODE = 4000


class CloseCode(IntEnum):
    NORMAL = 1000
    # RFC 6455's registry: try again later. Browsers come back after any code that is not one of ours.
    TRY_AGAIN = 1013
    BAD_FRAME = 4400
    NOT_SIGNED_IN = 4401
    NO_SUCH_HOST = 4404
    IDLE = 4408
    TOO_LONG = 4409
    TERMINATED = 4410
    ACCESS_ENDED = 4411
    ATTACHED_ELSEWHERE = 4412
    CANNOT_RESUME = 4413
    TOO_MANY_SESSIONS = 4429
    CANNOT_RECORD = 4500
    UNREACHABLE = 4502
    SHUTTING_DOWN = 4503


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a terminal ended. `reason` stands in the session's row, `detail` is read by people."""

    code: CloseCode
    reason: str
    detail: str
    exit: ExitInfo | None = None

    @property
    def close_reason(self) -> str:
        """The detail, cut to what a close frame can carry without splitting a character."""
        return self.detail.encode()[:CLOSE_REASON_BYTES].decode(errors="ignore")

    def because(self, detail: str) -> Ending:
        return replace(self, detail=detail)


class EndedError(Exception):
    """A terminal cannot begin or go on."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.detail)
        self.ending = ending


BAD_FRAME = Ending(CloseCode.BAD_FRAME, "bad_frame", "The browser sent something unreadable.")
NOT_SIGNED_IN = Ending(CloseCode.NOT_SIGNED_IN, "not_signed_in", "Sign in first.")
NOTICE_NOT_ACCEPTED = Ending(CloseCode.NOT_SIGNED_IN, "notice_not_accepted", "Accept the notice about recording first.")
NO_SUCH_HOST = Ending(CloseCode.NO_SUCH_HOST, "no_such_host", "It does not exist, or you have no access to it.")
IDLE = Ending(CloseCode.IDLE, "idle", "Nothing was typed or shown for too long.")
TOO_LONG = Ending(CloseCode.TOO_LONG, "too_long", "The session reached its maximum length.")
TERMINATED = Ending(CloseCode.TERMINATED, "terminated", "Ended by an auditor.")
ACCESS_ENDED = Ending(CloseCode.ACCESS_ENDED, "access_ended", "Your access ended.")
ATTACHED_ELSEWHERE = Ending(
    CloseCode.ATTACHED_ELSEWHERE, "attached_elsewhere", "This session was opened somewhere else."
)
CANNOT_RESUME = Ending(CloseCode.CANNOT_RESUME, "cannot_resume", "This session cannot be taken up again.")
TOO_MANY_SESSIONS = Ending(CloseCode.TOO_MANY_SESSIONS, "too_many_sessions", "You have too many sessions open.")
CANNOT_RECORD = Ending(CloseCode.CANNOT_RECORD, "cannot_record", "Recording failed, so nothing more was shown.")
NO_DATABASE = Ending(
    CloseCode.CANNOT_RECORD, "no_database", "The database cannot be reached, so no session can begin. Try again later."
)
CANNOT_CHECK = Ending(CloseCode.ACCESS_ENDED, "access_unknown", "Your access could not be checked any more.")
UNREACHABLE = Ending(CloseCode.UNREACHABLE, "unreachable", "The host cannot be reached.")
LOST = Ending(CloseCode.UNREACHABLE, "host_lost", "The connection to the host was lost.")
SHUTTING_DOWN = Ending(CloseCode.SHUTTING_DOWN, "shutting_down", "The server is shutting down.")
SLOW = Ending(CloseCode.TRY_AGAIN, "slow_reader", "The browser did not read for too long; the session goes on.")
# The socket is gone already: the code is for the record only.
LEFT = Ending(CloseCode.NORMAL, "left", "The person went away and did not come back in time.")
CLOSED = Ending(CloseCode.NORMAL, "closed", "The person closed the terminal.")
CRASHED = Ending(CloseCode.CANNOT_RECORD, "internal_error", "The session failed on the server's side.")


def exited(info: ExitInfo) -> Ending:
    how = f"signal {info.signal}" if info.signal else f"exit status {info.status}"
    return Ending(CloseCode.NORMAL, "exit", f"The shell ended ({how}).", exit=info)
