"""Cutting, checking and building SSH packets, RFC 4253 section 6. Bytes in, bytes out: no sockets, no waiting.

What a peer sends is hostile until its MAC was checked. A packet that is too long, is cut wrongly, or has a wrong MAC is
an SSHException, after which the reader is of no more use; no more than two packets of the greatest size are ever held.
"""

from __future__ import annotations

import hmac
import os
import struct
import zlib
from collections.abc import Callable
from typing import Any, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import CipherContext
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from paramiko.ssh_exception import SSHException

# As OpenSSH has it; RFC 4253 asks for 35,000. It bounds what a peer can make us hold, and what a packet may unpack to.
MOST_BYTES = 256 * 1024
# A packet begins with its length, which counts neither itself nor the MAC.
LENGTH_BYTES = 4
# The length of the padding, one byte of payload and four of padding.
LEAST_BYTES = 6
LEAST_PADDING = 4
GCM_TAG_BYTES = 16
SEQUENCE_NUMBERS = 2**32

Digest = Callable[[], Any]
# The body of a packet (length of the padding, payload, padding) and where the packet ends in the buffer.
Cut = tuple[bytes, int]


class Seal(Protocol):
    """How packets of one direction are encrypted and authenticated, from one NEWKEYS to the next."""

    block_size: int
    # Whether the four bytes of the length count when a packet is padded to whole blocks.
    pads_length: bool

    def open(self, buffer: bytes, start: int, number: int) -> Cut | None:
        """Return the packet with sequence number `number` at `start`; None if more bytes are needed.

        Raises SSHException. Until the packet is whole, the next call must come with the same `start` and `number`.
        """

    def close(self, body: bytes, number: int) -> bytes:
        """Return the packet for a body that is padded to whole blocks."""


class Plain:
    """Before the first key exchange is done."""

    block_size = 8
    pads_length = True

    def open(self, buffer: bytes, start: int, number: int) -> Cut | None:  # noqa: ARG002 see Seal
        if len(buffer) - start < self.block_size:
            return None
        end = start + 4 + _checked_length(buffer[start : start + 4], LENGTH_BYTES, self.block_size)
        return None if end > len(buffer) else (buffer[start + 4 : end], end)

    def close(self, body: bytes, number: int) -> bytes:  # noqa: ARG002 see Seal
        return len(body).to_bytes(4, "big") + body


class Gcm:
    """aes*-gcm@openssh.com, RFC 5647: the length stays readable and is authenticated with the rest."""

    block_size = 16
    pads_length = False

    def __init__(self, engine: AESGCM, iv: bytes) -> None:
        self._engine = engine
        self._fixed, self._counter = iv[:4], int.from_bytes(iv[4:], "big")

    def open(self, buffer: bytes, start: int, number: int) -> Cut | None:  # noqa: ARG002 the nonce counts by itself
        if len(buffer) - start < LENGTH_BYTES:
            return None
        head = buffer[start : start + 4]
        end = start + 4 + _checked_length(head, 0, self.block_size) + GCM_TAG_BYTES
        if end > len(buffer):
            return None
        try:
            return self._engine.decrypt(self._next_nonce(), buffer[start + 4 : end], head), end
        except InvalidTag as error:
            raise SSHException("Mismatched MAC") from error

    def close(self, body: bytes, number: int) -> bytes:  # noqa: ARG002 the nonce counts by itself
        head = len(body).to_bytes(4, "big")
        return head + self._engine.encrypt(self._next_nonce(), body, head)

    def _next_nonce(self) -> bytes:
        nonce = self._fixed + self._counter.to_bytes(8, "big")
        self._counter = (self._counter + 1) % 2**64
        return nonce


class EncryptThenMac:
    """hmac-*-etm@openssh.com: the length stays readable, the MAC is over what was encrypted."""

    pads_length = False

    def __init__(self, engine: CipherContext, block_size: int, mac: Mac) -> None:
        self.block_size = block_size
        self._engine = engine
        self._mac = mac

    def open(self, buffer: bytes, start: int, number: int) -> Cut | None:
        if len(buffer) - start < LENGTH_BYTES:
            return None
        end = start + 4 + _checked_length(buffer[start : start + 4], 0, self.block_size)
        if end + self._mac.size > len(buffer):
            return None
        self._mac.check(number, buffer[start:end], buffer[end : end + self._mac.size])
        return self._engine.update(buffer[start + 4 : end]), end + self._mac.size

    def close(self, body: bytes, number: int) -> bytes:
        packet = len(body).to_bytes(4, "big") + self._engine.update(body)
        return packet + self._mac.of(number, packet)


class EncryptAndMac:
    """RFC 4253 section 6.4: everything is encrypted, the MAC is over what it was before."""

    pads_length = True

    def __init__(self, engine: CipherContext, block_size: int, mac: Mac) -> None:
        self.block_size = block_size
        self._engine = engine
        self._mac = mac
        # The first block of the packet that is being waited for: a cipher decrypts nothing twice.
        self._first = b""

    def open(self, buffer: bytes, start: int, number: int) -> Cut | None:
        if not self._first:
            if len(buffer) - start < self.block_size:
                return None
            self._first = self._engine.update(buffer[start : start + self.block_size])
        end = start + 4 + _checked_length(self._first[:4], LENGTH_BYTES, self.block_size)
        if end + self._mac.size > len(buffer):
            return None
        packet = self._first + self._engine.update(buffer[start + self.block_size : end])
        self._first = b""
        self._mac.check(number, packet, buffer[end : end + self._mac.size])
        return packet[4:], end + self._mac.size

    def close(self, body: bytes, number: int) -> bytes:
        packet = len(body).to_bytes(4, "big") + body
        return self._engine.update(packet) + self._mac.of(number, packet)


class Mac:
    """HMAC over sequence number and packet, RFC 4253 section 6.4; `size` bytes of it are sent."""

    def __init__(self, digest: Digest, key: bytes, size: int) -> None:
        self.size = size
        self._digest = digest
        self._key = key

    def of(self, number: int, packet: bytes) -> bytes:
        return hmac.digest(self._key, number.to_bytes(4, "big") + packet, self._digest)[: self.size]

    def check(self, number: int, packet: bytes, shown: bytes) -> None:
        if not hmac.compare_digest(self.of(number, packet), shown):
            raise SSHException("Mismatched MAC")


class _Numbered:
    """One direction: its seal, and what was counted since the seal was put on."""

    def __init__(self) -> None:
        self._seal: Seal = Plain()
        self.number = 0
        self.is_first_exchange = True
        self.bytes_since = 0
        self.packets_since = 0

    def put_on(self, seal: Seal) -> None:
        """Go on with new keys. The sequence number goes on too, RFC 4253 section 6.4."""
        self._seal = seal
        self.bytes_since = self.packets_since = 0

    def _count(self, size: int) -> None:
        self.number = (self.number + 1) % SEQUENCE_NUMBERS
        if self.number == 0 and self.is_first_exchange:
            # Whoever can do this can choose which packets go missing: CVE-2023-48795.
            raise SSHException("The sequence number started over during the first key exchange.")
        self.bytes_since += size
        self.packets_since += 1


class PacketReader(_Numbered):
    """Cuts what arrives into the payloads of packets."""

    def __init__(self) -> None:
        super().__init__()
        self._buffer = b""
        self._start = 0
        # A zlib.decompressobj of paramiko's; its own way of calling it has no limit.
        self.decompress: Any = None

    def feed(self, data: bytes) -> None:
        self._buffer = self._buffer[self._start :] + data if self._start < len(self._buffer) else data
        self._start = 0

    def read(self) -> memoryview | None:
        """Return the payload of the next packet, at least one byte; None until more is fed. Raises SSHException."""
        cut = self._seal.open(self._buffer, self._start, self.number)
        if cut is None:
            return None
        body, end = cut
        self._count(end - self._start)
        self._start = end
        padding = body[0]
        if padding < LEAST_PADDING or padding + 2 > len(body):
            raise SSHException("A packet has a wrong padding.")
        # A view: the payload of a flood is copied once only, by who takes it.
        payload = memoryview(body)[1 : len(body) - padding]
        return payload if self.decompress is None else self._decompressed(payload)

    def _decompressed(self, payload: memoryview) -> memoryview:
        try:
            data = self.decompress.decompress(payload, MOST_BYTES)
        except zlib.error as error:
            raise SSHException("A packet cannot be decompressed.") from error
        if self.decompress.unconsumed_tail or not data:
            raise SSHException("A packet decompresses to nothing, or to too much.")
        return memoryview(data)


class PacketWriter(_Numbered):
    """Makes packets of payloads. Two threads must not call it at once."""

    def __init__(self) -> None:
        super().__init__()
        self.compress: Callable[[bytes], bytes] | None = None

    def build(self, payload: bytes) -> bytes:
        if self.compress is not None:
            payload = self.compress(payload)
        seal = self._seal
        unpadded = len(payload) + (5 if seal.pads_length else 1)
        padding = LEAST_PADDING + -(unpadded + LEAST_PADDING) % seal.block_size
        packet = seal.close(struct.pack("B", padding) + payload + os.urandom(padding), self.number)
        self._count(len(packet))
        return packet


def _checked_length(head: bytes, counted: int, block_size: int) -> int:
    """Return the length that a packet begins with; `counted` bytes before it belong to its first block."""
    length = int.from_bytes(head, "big")
    if not LEAST_BYTES <= length <= MOST_BYTES or (length + counted) % block_size:
        raise SSHException("A packet has a wrong length.")
    return length
