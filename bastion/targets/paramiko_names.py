"""The private names of paramiko that the SSH targets rely on, in one place, as paramiko has no public ones for this.

Their types are for mypy; at run time PrivateTransport is paramiko.Transport. tests/test_paramiko_names.py fails when
another version of paramiko comes, or when one of these changes.
"""

# ruff: noqa: SLF001 - that is what this module is for

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import paramiko
from paramiko.common import MSG_CHANNEL_REQUEST

KNOWN_VERSION = "5.1.0"

if TYPE_CHECKING:

    class PrivateTransport(paramiko.Transport):
        agreed_on_strict_kex: bool
        _preferred_keys: tuple[str, ...]
        _expected_packet: tuple[int, ...]
        _handler_table: dict[int, Callable[[paramiko.Message], None]]
        _channel_handler_table: dict[int, Callable[[paramiko.Channel, paramiko.Message], None]]
        _channels: paramiko.transport.ChannelMap
        active: bool

        def _check_banner(self) -> None: ...
        def _send_kex_init(self) -> None: ...
        def _expect_packet(self, *kinds: int) -> None: ...
        def _enforce_strict_kex(self, kind: int) -> None: ...
        def _parse_disconnect(self, message: paramiko.Message) -> None: ...
        def _parse_debug(self, message: paramiko.Message) -> None: ...
        def _parse_newkeys(self, message: paramiko.Message) -> None: ...
        def _parse_ext_info(self, message: paramiko.Message) -> None: ...
        def _send_message(self, message: paramiko.Message) -> None: ...
        def _send_user_message(self, message: paramiko.Message) -> None: ...

else:
    PrivateTransport = paramiko.Transport


def _note_exit(channel: paramiko.Channel, message: paramiko.Message) -> None:
    """Handle a request of the host's, and note an exit signal, RFC 4254 section 6.10, which paramiko drops."""
    position = message.packet.tell()
    if message.get_text() == "exit-signal":
        message.get_boolean()
        channel.bastion_exit_signal = message.get_text()[:32]  # type: ignore[attr-defined] # there is no such field
    message.packet.seek(position)
    paramiko.Channel._handle_request(channel, message)  # type: ignore[attr-defined]


def check_count(message: paramiko.Message, *, texts_before: int = 0) -> None:
    """Raise SSHException if a message counts more than it holds: paramiko would go on reading nothing for hours."""
    for _ in range(texts_before):
        message.get_binary()
    if message.get_int() > len(message.get_remainder()):
        raise paramiko.SSHException("A message of the host's counts more than it holds.")
    message.rewind()


class ClientTransport(PrivateTransport):
    """paramiko's transport, noting exit signals, and with a check that it lacks."""

    _channel_handler_table = {**PrivateTransport._channel_handler_table, MSG_CHANNEL_REQUEST: _note_exit}

    def _parse_ext_info(self, message: paramiko.Message) -> None:
        check_count(message)
        super()._parse_ext_info(message)


def exit_signal_of(channel: paramiko.Channel) -> str | None:
    """Return the name of the signal that ended the program, such as KILL, if one did."""
    signal: str | None = getattr(channel, "bastion_exit_signal", None)
    return signal


def auth_handler_table_of(transport: paramiko.Transport) -> dict[int, Callable[[paramiko.Message], None]]:
    """Return who handles which message of authentication; nobody before it begins."""
    handler: Any = transport.auth_handler
    return handler._handler_table if handler is not None else {}


def preferred_host_keys() -> tuple[str, ...]:
    return PrivateTransport._preferred_keys


def unlink(channel: paramiko.Channel) -> None:
    """Tell a channel that its connection is gone."""
    channel._unlink()  # type: ignore[attr-defined]


def take_credit(channel: paramiko.Channel, size: int) -> int:
    """Count `size` bytes as read; return by how many the host's window is to grow now, often 0."""
    credit: int = channel._check_add_window(size)  # type: ignore[attr-defined]
    return credit
