"""Anybody's recordings: asciicast v1, v2 and v3, plain or compressed."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

import zstandard

from audit.asciicast.header import Header, header_of
from audit.asciicast.lines import Decoder
from audit.asciicast.tolerant import CastError, json_object, shown, without_surrogates
from audit.events import Event, Output

MAX_LINE_BYTES: Final = 16 * 2**20
MAX_V1_BYTES: Final = 64 * 2**20
MAX_PLAIN_BYTES: Final = 8 * 2**30

_GZIP_MAGIC: Final = b"\x1f\x8b"
_ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_BOM: Final = b"\xef\xbb\xbf"


@dataclass
class Cast:
    """An opened foreign recording. `events` reads the file as it is consumed and may raise `CastError`.

    `torn` becomes true at the end of `events` if the file breaks off in the middle of an event, which is then
    left out.
    """

    version: int
    header: Header
    events: Iterator[Event]
    torn: bool = False


def read_cast(stream: BinaryIO, max_line_bytes: int = MAX_LINE_BYTES) -> Cast:
    """Open an asciicast v1, v2 or v3 file, plain or compressed with gzip or zstd; memory stays bounded.

    Forgives what other recorders do wrong without harm (times that step back by less than a second, unknown events,
    comments, a byte order mark, lone surrogates), raises `CastError` for the rest. A file that breaks off in the
    middle of an event gives the events before it.
    """
    lines = _Lines(_plain(stream), max_line_bytes)
    first = lines.read(MAX_V1_BYTES).removeprefix(_BOM)
    if not first.strip():
        raise CastError(1, "not an asciicast: the file is empty or begins with an empty line")
    document = _object_on_one_line(first)
    if document is None:
        document = json_object(first + lines.rest(MAX_V1_BYTES - len(first)))
    version = document.get("version")
    if version == 1:
        return Cast(1, header_of(document), _v1_events(document))
    cast = Cast(3 if "term" in document else 2, header_of(document), iter(()))
    cast.events = _foreign_events(lines, cast)
    return cast


def _foreign_events(lines: _Lines, cast: Cast) -> Iterator[Event]:
    decoder = Decoder(line=1, relative=cast.version != 2, foreign=True)  # noqa: PLR2004 - the format's number
    while line := lines.read():
        try:
            event = decoder.feed(line)
            if event is not None:
                yield event
        except CastError:
            if line.endswith(b"\n"):
                raise
            cast.torn = True
    cast.torn = cast.torn or lines.torn


def _v1_events(document: Mapping[str, object]) -> Iterator[Event]:
    stdout = document.get("stdout")
    if not isinstance(stdout, list):
        raise CastError(1, f'"stdout" must be a list, not {shown(stdout)}')
    return _v1_outputs(stdout)


def _v1_outputs(stdout: list[object]) -> Iterator[Event]:
    decoder = Decoder(relative=True, foreign=True)
    for entry in stdout:
        decoder.line += 1
        match entry:
            case [delay, str(text)]:
                yield Output(decoder.time(delay), without_surrogates(text))
            case _:
                raise CastError(1, f"output {decoder.line} must be [delay, text]")


class _Lines:
    """Reads a byte stream line by line, never more than a limit, in time proportional to what it reads."""

    def __init__(self, stream: io.BufferedReader, max_line_bytes: int) -> None:
        self._stream = stream
        self._max_line_bytes = max_line_bytes
        self._number = 0
        self._total = 0
        # The compressed stream broke off: what came before is good.
        self.torn = False

    def read(self, limit: int | None = None) -> bytes:
        """Return the next line with its newline (the last may have none), or nothing at the end."""
        limit = limit or self._max_line_bytes
        line = self._guarded(self._stream.readline, limit + 1)
        self._number += 1
        if len(line) > limit:
            raise CastError(self._number, f"a line must be at most {limit} bytes long")
        return line

    def rest(self, limit: int) -> bytes:
        rest = self._guarded(self._stream.read, max(limit, 0) + 1)
        if len(rest) > limit:
            raise CastError(0, f"an asciicast v1 file must be at most {MAX_V1_BYTES} bytes long")
        return rest

    def _guarded(self, read: Any, size: int) -> bytes:
        try:
            chunk: bytes = read(size)
        except EOFError:
            self.torn = True
            return b""
        except (OSError, zlib.error, zstandard.ZstdError) as error:
            if isinstance(error, OSError) and not isinstance(error, gzip.BadGzipFile):
                raise
            raise CastError(self._number + 1, f"the compressed data are damaged ({error})") from error
        self._total += len(chunk)
        if self._total > MAX_PLAIN_BYTES:
            raise CastError(self._number + 1, f"the file must be at most {MAX_PLAIN_BYTES} bytes long, unpacked")
        return chunk


def _plain(stream: BinaryIO) -> io.BufferedReader:
    buffered = stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(_as_raw(stream))
    magic = buffered.peek(4)[:4]
    if magic.startswith(_GZIP_MAGIC):
        return io.BufferedReader(_as_raw(gzip.GzipFile(fileobj=buffered)), 2**18)
    if magic == _ZSTD_MAGIC:
        # 128 MiB is what `zstd --ultra --long=27` asks for, and the most that zstd unpacks without being told to.
        unpacker = zstandard.ZstdDecompressor(max_window_size=2**27)
        return io.BufferedReader(_as_raw(unpacker.stream_reader(buffered, read_across_frames=True)), 2**18)
    return buffered


def _as_raw(stream: Any) -> Any:
    """Say that a stream can be buffered: what `BufferedReader` needs is `readinto`, not the class `RawIOBase`."""
    return stream


def _object_on_one_line(line: bytes) -> Mapping[str, object] | None:
    """Return the object that the file's first line holds, or nothing if it goes on, as in an indented v1 file."""
    try:
        return json_object(line)
    except CastError:
        if line.strip().endswith((b"{", b",")):
            return None
        raise
