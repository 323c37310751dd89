"""paramiko.Transport without its thread: the event loop reads the socket and feeds it.

All protocol code is paramiko's: key exchange, host keys, signing in, channels, new keys, global requests. Replaced are
its thread (`Transport.run`) and its packetizer. paramiko's blocking calls (start_client, auth_*, open_session, get_pty)
still work, from another thread than the loop's; they wait for events that this module sets.

What is on which thread: everything that arrives is handled on the loop. Anybody may send: see loop_outbox.py. While
keys are exchanged, what must wait for the new ones is put aside: the loop, which alone can end that, never waits.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import suppress
from typing import Protocol, cast

import paramiko
import structlog
from paramiko.common import (
    MSG_CHANNEL_DATA,
    MSG_DEBUG,
    MSG_DISCONNECT,
    MSG_IGNORE,
    MSG_KEXINIT,
    MSG_UNIMPLEMENTED,
    MSG_USERAUTH_INFO_REQUEST,
    cMSG_UNIMPLEMENTED,
)
from paramiko.ssh_exception import MessageOrderError

from bastion.targets.loop_outbox import Outbox
from bastion.targets.loop_packetizer import LoopPacketizer
from bastion.targets.paramiko_names import ClientTransport, auth_handler_table_of, check_count, unlink
from bastion.targets.target import WINDOW_BYTES

log = structlog.get_logger(__name__)

# After a read of this size a socket rests until the loop's next turn. uvloop would read it up to 32 times before it
# looks at others: echo beside a flood p99 2.0 ms instead of 3.2, at the same rate of the flood.
BIG_READ_BYTES = 65536
# A host that has begun to exchange keys and does not go on is gone.
EXCHANGE_SECONDS = 30
KEX_METHOD_MESSAGES = range(30, 42)
# Keys and signatures of RSA with 16,384 bits would take 6,000. paramiko needs seconds to read a number of 256 KiB.
MOST_KEX_BYTES = 16384


class Terminal(Protocol):
    """What a transport tells the one channel whose data takes the short way; see loop_target.py."""

    channel: paramiko.Channel

    def receive(self, data: memoryview) -> None:
        """Take output of the host, in order. Raises SSHException if the host may not send so much."""

    def note_room(self) -> None:
        """There may be room to send, or there will never be: the window, the socket or the keys have changed."""


class LoopTransport(ClientTransport, asyncio.Protocol):
    """A client's end of an SSH connection over a connected socket, driven by `loop`."""

    def __init__(self, connection: socket.socket, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._loop_thread: int | None = None
        self._stream: asyncio.Transport | None = None
        self._is_attaching = False
        self._keepalive: asyncio.TimerHandle | None = None
        self._exchange_limit: asyncio.TimerHandle | None = None
        self._terminal: Terminal | None = None
        # CHANNEL_DATA for the terminal begins with this.
        self._data_head = b""
        self.lost = asyncio.Event()
        super().__init__(connection, default_window_size=WINDOW_BYTES, packetizer_class=LoopPacketizer)  # type: ignore[arg-type] # duck-typed on purpose
        self._packets = cast("LoopPacketizer", self.packetizer)
        self._outbox = Outbox(self._packets, loop, self.clear_to_send, self._end)

    # In the thread that connects.

    def start(self) -> None:
        """Exchange versions and hand the socket to the loop: what start_client calls in place of Thread.start."""
        connection = cast("socket.socket", self.sock)
        try:
            connection.settimeout(self.banner_timeout)
            connection.sendall(f"{self.local_version}\r\n".encode())
            self._check_banner()
            asyncio.run_coroutine_threadsafe(self._attach(), self._loop).result(self.handshake_timeout)
        except (paramiko.SSHException, OSError, EOFError, RuntimeError) as error:
            # paramiko says SSHException of whatever keeps a version from coming.
            was_late = isinstance(error.__context__, TimeoutError)
            self._abandon(TimeoutError() if was_late else error)

    def set_keepalive(self, interval: float) -> None:
        """Send a request that needs no answer after each `interval` seconds in which nothing else was sent."""
        self._call_soon(self._keep_alive, interval, self._packets.packets_sent)

    def close(self) -> None:
        """End the connection at once, from any thread, whatever the host does. Safe to repeat."""
        self._abandon(EOFError())

    def _abandon(self, error: Exception) -> None:
        if threading.get_ident() == self._loop_thread:
            self._end(error)
            return
        self._note_end(error)
        if not self._call_soon(self._release):
            self.sock.close()

    async def _attach(self) -> None:
        self._loop_thread = threading.get_ident()
        if not self.active:
            return
        connection = cast("socket.socket", self.sock)
        self._is_attaching = True
        try:
            self._stream, _ = await self._loop.create_connection(lambda: self, sock=connection)
        except BaseException:
            # The loop has let go of the file descriptor already: closing it again would close somebody else's.
            connection.detach()
            raise
        finally:
            self._is_attaching = False
        self._begin()

    def _begin(self) -> None:
        if not self.active:
            self._release()
            return
        assert self._stream is not None
        self._outbox.open(self._stream)
        self._send_kex_init()
        self._expect_packet(MSG_KEXINIT)
        self.data_received(self._packets.take_rest())

    # asyncio.Protocol

    def data_received(self, data: bytes) -> None:
        """Handle every packet that is whole by now."""
        if self._stream is None:
            # Not even our own end is ready: see _attach.
            self._packets.rest += data
            return
        if not self.active:
            return
        if len(data) >= BIG_READ_BYTES:
            self._stream.pause_reading()
            self._loop.call_soon(self._resume_reading)
        try:
            self._packets.feed(data)
            self._handle_packets()
            if self.active and self._packets.need_rekey() and not self.in_kex:
                self._send_kex_init()
        except (paramiko.SSHException, EOFError) as error:
            self._end(error)
        except Exception as error:
            # The outermost loop of a connection. What a hostile host sends makes paramiko's handlers fail in many
            # ways: KeyError, struct.error, UnicodeDecodeError. As in Transport.run, that ends this connection alone.
            log.warning("ssh_connection_failed", error=type(error).__name__, exc_info=error)
            self._end(error)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self._end(error or EOFError())
        self.lost.set()

    def pause_writing(self) -> None:
        self._outbox.is_blocked = True

    def resume_writing(self) -> None:
        self._outbox.is_blocked = False
        self._note_room()

    def _resume_reading(self) -> None:
        if self._stream is not None and not self._stream.is_closing():
            self._stream.resume_reading()

    # What arrives.

    def _handle_packets(self) -> None:
        packets = self._packets
        while self.active:
            number = packets.next_number
            payload = packets.read()
            if payload is None:
                return
            # Output of the terminal takes a short way: paramiko's would copy it twice more.
            if self._terminal is not None and payload[:5] == self._data_head and not self._expected_packet:
                size = int.from_bytes(payload[5:9], "big")
                if size > len(payload) - 9:
                    raise paramiko.SSHException("The host sent less data than it says.")
                self._terminal.receive(payload[9 : 9 + size])
                continue
            if payload[0] in KEX_METHOD_MESSAGES and len(payload) > MOST_KEX_BYTES:
                raise paramiko.SSHException("The host sent a number that is too great.")
            message = paramiko.Message(payload[1:])
            message.seqno = number
            self._handle(payload[0], message)

    def _handle(self, kind: int, message: paramiko.Message) -> None:
        """Do what paramiko.Transport.run does with one message, for a client."""
        if kind == MSG_IGNORE:
            self._enforce_strict_kex(kind)
        elif kind == MSG_DISCONNECT:
            self._parse_disconnect(message)
            raise EOFError
        elif kind == MSG_DEBUG:
            self._enforce_strict_kex(kind)
            self._parse_debug(message)
        elif not self._handle_key_exchange(kind, message):
            self._handle_other(kind, message)

    def _handle_key_exchange(self, kind: int, message: paramiko.Message) -> bool:
        """Refuse what is out of order. Returns whether the message was of the method of exchange, and is handled."""
        if not self._expected_packet:
            return False
        if kind not in self._expected_packet:
            refusal = MessageOrderError if self.agreed_on_strict_kex else paramiko.SSHException
            raise refusal(f"The host sent message {kind} in place of {self._expected_packet}.")
        self._expected_packet = ()
        if kind not in KEX_METHOD_MESSAGES:
            return False
        assert self.kex_engine is not None
        self.kex_engine.parse_next(kind, message)
        return True

    def _handle_other(self, kind: int, message: paramiko.Message) -> None:
        if kind in self._handler_table:
            self._handler_table[kind](message)
        elif kind in self._channel_handler_table:
            self._handle_for_channel(kind, message)
        elif kind in (handlers := auth_handler_table_of(self)):
            if kind == MSG_USERAUTH_INFO_REQUEST:
                # Title, instructions and language; then the number of questions.
                check_count(message, texts_before=3)
            handlers[kind](message)
        elif kind != MSG_UNIMPLEMENTED:
            reply = paramiko.Message()
            reply.add_byte(cMSG_UNIMPLEMENTED)
            reply.add_int(message.seqno)
            self._send_message(reply)

    def _handle_for_channel(self, kind: int, message: paramiko.Message) -> None:
        number = message.get_int()
        channel: paramiko.Channel | None = self._channels.get(number)
        if channel is not None:
            self._channel_handler_table[kind](channel, message)
            # The window may have grown, or the channel is closed.
            self._note_room()
        elif number not in self.channels_seen:
            raise paramiko.SSHException(f"The host sent something for the unknown channel {number}.")

    def _send_kex_init(self) -> None:
        super()._send_kex_init()
        self._cancel(self._exchange_limit)
        error = paramiko.SSHException("The host did not finish the key exchange.")
        limit = max(EXCHANGE_SECONDS, self.handshake_timeout)
        self._exchange_limit = self._loop.call_later(limit, self._end, error)

    def _parse_newkeys(self, message: paramiko.Message) -> None:
        super()._parse_newkeys(message)
        self._cancel(self._exchange_limit)
        self._outbox.send_put_aside()
        self._note_room()

    # What is sent.

    def attach_terminal(self, terminal: Terminal) -> None:
        """Let output of the terminal's channel go to it."""
        head = bytes([MSG_CHANNEL_DATA]) + terminal.channel.chanid.to_bytes(4, "big")
        self._data_head, self._terminal = head, terminal

    @property
    def can_send_data(self) -> bool:
        """Whether channel data may be sent now: no keys are exchanged, and the socket takes it."""
        return self.clear_to_send.is_set() and not self._outbox.is_blocked

    def send_payload(self, payload: bytes) -> None:
        """Send, or put aside if it has to wait for new keys. Never waits; from any thread. Raises SSHException."""
        if self.active:
            self._outbox.send(payload)

    def _send_message(self, message: paramiko.Message) -> None:
        self.send_payload(message.asbytes())

    def _send_user_message(self, message: paramiko.Message) -> None:
        # paramiko's waits here until keys are exchanged; see send_payload.
        self.send_payload(message.asbytes())

    def _note_room(self) -> None:
        if self._terminal is not None:
            self._terminal.note_room()

    def _keep_alive(self, interval: float, sent_before: int) -> None:
        if not self.active:
            return
        if self._packets.packets_sent == sent_before:
            self.global_request("keepalive@lag.net", wait=False)
        sent = self._packets.packets_sent
        self._keepalive = self._loop.call_later(interval, self._keep_alive, interval, sent)

    # The end.

    def _end(self, error: Exception) -> None:
        self._note_end(error)
        self._release()

    def _note_end(self, error: Exception) -> None:
        """Tell everybody who waits, as Transport.run does at its end; from any thread."""
        was_active, self.active = self.active, False
        if was_active:
            self.saved_exception = error
        for channel in self._channels.values():
            unlink(channel)
        if was_active:
            if self.completion_event is not None:
                self.completion_event.set()
            if self.auth_handler is not None:
                self.auth_handler.abort()
            for event in list(self.channel_events.values()):
                event.set()

    def _release(self) -> None:
        """Let go of the socket and all that waits for it, on the loop."""
        self._outbox.clear()
        self._cancel(self._keepalive)
        self._cancel(self._exchange_limit)
        if self._stream is not None:
            self._stream.abort()
        elif not self._is_attaching:
            # uvloop knows the socket only when create_connection is done, so until then it must not be closed.
            self.sock.close()
            self.lost.set()
        self._note_room()

    @staticmethod
    def _cancel(timer: asyncio.TimerHandle | None) -> None:
        if timer is not None:
            timer.cancel()

    def _call_soon(self, function: object, *arguments: object) -> bool:
        """Call on the loop. Returns False if the loop is closed, as when the process stops."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function, *arguments)  # type: ignore[arg-type]
            return True
        return False
