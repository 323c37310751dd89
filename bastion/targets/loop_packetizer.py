"""What paramiko.Transport wants of its packetizer, for a transport that the event loop feeds."""

from __future__ import annotations

import logging
import socket
import time
from typing import Any

from paramiko.compress import ZlibCompressor, ZlibDecompressor
from paramiko.packet import Packetizer
from paramiko.ssh_exception import SSHException

from bastion.targets.packets import (
    Digest,
    EncryptAndMac,
    EncryptThenMac,
    Gcm,
    Mac,
    PacketReader,
    PacketWriter,
    Seal,
)

# RFC 4253 allows 255 for the version; hosts put texts before it. OpenSSH reads no more either.
LONGEST_LINE = 8192
BOTH_WAYS = 3


class LoopPacketizer:
    """Seals and counters of both directions, under the names by which paramiko.Transport sets them.

    Not a subclass of paramiko's: what it lacks must fail, not wait on a socket that the event loop reads.
    """

    REKEY_BYTES = Packetizer.REKEY_BYTES
    REKEY_PACKETS = Packetizer.REKEY_PACKETS
    # What a host may still send after it was asked for new keys.
    REKEY_BYTES_OVERFLOW_MAX = Packetizer.REKEY_BYTES_OVERFLOW_MAX

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._version_deadline: float | None = None
        self._reader = PacketReader()
        self._writer = PacketWriter()
        self._needs_rekey = False
        self._renewed = 0
        self._overflow_from = 0
        # What arrived behind the host's version.
        self.rest = b""

    # The host's version comes before packets. This waits, in the thread that connects.

    def readline(self, timeout: float) -> str:
        """Return the next line. `timeout` seconds are for all lines together. Raises TimeoutError, SSHException."""
        if self._version_deadline is None:
            self._version_deadline = time.monotonic() + timeout
        while b"\n" not in self.rest:
            if len(self.rest) > LONGEST_LINE:
                raise SSHException("a line is too long")
            self._connection.settimeout(max(0.01, self._version_deadline - time.monotonic()))
            data = self._connection.recv(LONGEST_LINE)
            if not data:
                raise EOFError
            self.rest += data
        line, _, self.rest = self.rest.partition(b"\n")
        return line.rstrip(b"\r").decode(errors="replace")

    def take_rest(self) -> bytes:
        """Return what arrived behind the host's version."""
        rest, self.rest = self.rest, b""
        return rest

    # Packets.

    @property
    def next_number(self) -> int:
        """Sequence number of the packet that `read` returns next."""
        return self._reader.number

    @property
    def packets_sent(self) -> int:
        """Number of packets since the last new keys."""
        return self._writer.packets_since

    def feed(self, data: bytes) -> None:
        self._reader.feed(data)

    def read(self) -> memoryview | None:
        """Return the payload of the next packet, or None. Raises SSHException."""
        return self._reader.read()

    def build(self, payload: bytes) -> bytes:
        """Return the packet to send for `payload`."""
        return self._writer.build(payload)

    def need_rekey(self) -> bool:
        """Whether new keys are due. Raises SSHException if the host was asked for them long ago."""
        reader, writer = self._reader, self._writer
        if self._needs_rekey:
            if reader.bytes_since - self._overflow_from > self.REKEY_BYTES_OVERFLOW_MAX:
                raise SSHException("The host ignores that new keys are due.")
        elif (
            max(reader.bytes_since, writer.bytes_since) >= self.REKEY_BYTES
            or max(reader.packets_since, writer.packets_since) >= self.REKEY_PACKETS
        ):
            self._needs_rekey = True
            self._overflow_from = reader.bytes_since
        return self._needs_rekey

    # What paramiko.Transport says after a key exchange.

    def set_inbound_cipher(
        self, *, mac_engine: Digest, mac_size: int, mac_key: bytes, iv_in: bytes | None, **cipher: Any
    ) -> None:
        mac = None if cipher["aead"] else Mac(mac_engine, mac_key, mac_size)
        self._reader.put_on(_seal(mac, iv_in, **cipher))
        self._overflow_from = 0
        self._note_renewed(1)

    def set_outbound_cipher(
        self, *, mac_engine: Digest, mac_size: int, mac_key: bytes, sdctr: bool, iv_out: bytes | None, **cipher: Any
    ) -> None:
        del sdctr
        mac = None if cipher["aead"] else Mac(mac_engine, mac_key, mac_size)
        self._writer.put_on(_seal(mac, iv_out, **cipher))
        self._note_renewed(2)

    def _note_renewed(self, direction: int) -> None:
        self._renewed |= direction
        if self._renewed == BOTH_WAYS:
            self._renewed = 0
            self._needs_rekey = False

    def set_inbound_compressor(self, compressor: ZlibDecompressor) -> None:
        self._reader.decompress = compressor.z

    def set_outbound_compressor(self, compressor: ZlibCompressor) -> None:
        self._writer.compress = compressor

    def reset_seqno_in(self) -> None:
        self._reader.number = 0

    def reset_seqno_out(self) -> None:
        self._writer.number = 0

    @property
    def _initial_kex_done(self) -> bool:
        return not self._reader.is_first_exchange

    @_initial_kex_done.setter
    def _initial_kex_done(self, is_done: bool) -> None:
        self._reader.is_first_exchange = self._writer.is_first_exchange = not is_done

    def set_log(self, logger: logging.Logger) -> None:
        """Nothing here is logged."""


def _seal(mac: Mac | None, iv: bytes | None, *, block_engine: Any, block_size: int, etm: bool, aead: bool) -> Seal:
    if aead:
        assert iv is not None
        return Gcm(block_engine, iv)
    assert mac is not None
    return (EncryptThenMac if etm else EncryptAndMac)(block_engine, block_size, mac)
