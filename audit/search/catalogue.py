"""What is known of the chunks in one run of signatures, so that what may not be seen is left out before it is read.

A run is the unit that is sealed and merged, as in a log-structured merge tree. Its chunks have consecutive ids; each
of its columns stands for some of them. A run never changes but for bits that are erased.
"""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

import numpy as np
import zstandard
from numpy.typing import NDArray

from audit.access import Scope
from audit.search.chunks import CHUNK_SIZE
from audit.search.protocol import KINDS, Filters, Kind
from audit.search.signatures import Mask

T = TypeVar("T")
Ints = NDArray[np.int64]
# Catalogues of runs that a process keeps: one is at most about 2 MB, those of 5 GB of text are about 40.
_KEPT: Final = 64


@dataclass(frozen=True, slots=True)
class ChunkFacts:
    """What is known of a chunk beside its text; times are seconds since the epoch."""

    id: int
    session_id: UUID
    kind: Kind
    user_id: int | None
    user_name: str
    host_id: UUID
    host_name: str
    first_at: float
    last_at: float
    size: int


@dataclass(frozen=True)
class Catalogue:
    """The facts of a run's chunks, in order of their ids, as arrays: of chunks, of their sessions, and of names."""

    ids: Ints
    # The column of each chunk, and how many columns each of the runs had that were merged into this one.
    column: NDArray[np.int32]
    columns: Ints
    owner: NDArray[np.int32]
    kind: NDArray[np.uint8]
    first_at: NDArray[np.float64]
    last_at: NDArray[np.float64]
    sessions: NDArray[np.uint8]
    session_user: Ints
    session_user_name: NDArray[np.int32]
    session_host: NDArray[np.int32]
    session_host_name: NDArray[np.int32]
    hosts: NDArray[np.uint8]
    user_names: NDArray[np.str_]
    host_names: NDArray[np.str_]

    @classmethod
    def of(cls, chunks: Sequence[ChunkFacts]) -> Catalogue:
        """Return the catalogue of chunks, with columns of about CHUNK_SIZE characters in multiples of eight."""
        column, columns = _columns(chunks)
        sessions = _Numbers[tuple[UUID, int | None, str, UUID, str]]()
        owner = [sessions.of((c.session_id, c.user_id, c.user_name, c.host_id, c.host_name)) for c in chunks]
        user_names, hosts, host_names = _Numbers[str](), _Numbers[UUID](), _Numbers[str]()
        return cls(
            ids=np.array([chunk.id for chunk in chunks], np.int64),
            column=np.array(column, np.int32),
            columns=np.array([columns], np.int64),
            owner=np.array(owner, np.int32),
            kind=np.array([KINDS.index(chunk.kind) for chunk in chunks], np.uint8),
            first_at=np.array([chunk.first_at for chunk in chunks], np.float64),
            last_at=np.array([chunk.last_at for chunk in chunks], np.float64),
            sessions=_uuid_array([session[0] for session in sessions]),
            session_user=np.array([-1 if session[1] is None else session[1] for session in sessions], np.int64),
            session_user_name=np.array([user_names.of(session[2]) for session in sessions], np.int32),
            session_host=np.array([hosts.of(session[3]) for session in sessions], np.int32),
            session_host_name=np.array([host_names.of(session[4]) for session in sessions], np.int32),
            hosts=_uuid_array(list(hosts)),
            user_names=np.array(list(user_names), np.str_),
            host_names=np.array(list(host_names), np.str_),
        )

    @classmethod
    def joined(cls, parts: Sequence[Catalogue]) -> Catalogue:
        """Return one catalogue of consecutive runs, column after column."""
        starts: dict[str, list[int]] = {}
        for counted in ("ids", "sessions", "hosts", "user_names", "host_names"):
            lengths = [len(getattr(part, counted)) for part in parts]
            starts[counted] = [sum(lengths[:number]) for number in range(len(parts))]
        starts["columns"] = [sum(8 * part.width for part in parts[:number]) for number in range(len(parts))]
        refers = {
            "column": "columns",
            "owner": "sessions",
            "session_user_name": "user_names",
            "session_host": "hosts",
            "session_host_name": "host_names",
        }
        arrays: dict[str, Any] = {}
        for field in fields(cls):
            pieces = [getattr(part, field.name) for part in parts]
            if field.name in refers:
                shifts = starts[refers[field.name]]
                pieces = [piece + piece.dtype.type(shift) for piece, shift in zip(pieces, shifts, strict=True)]
            arrays[field.name] = np.concatenate(pieces)
        return cls(**arrays)

    def encode(self) -> bytes:
        file = io.BytesIO()
        np.savez(file, **{field.name: getattr(self, field.name) for field in fields(self)})
        return zstandard.ZstdCompressor(level=3).compress(file.getvalue())

    @classmethod
    def decode(cls, stored: bytes) -> Catalogue:
        plain = zstandard.ZstdDecompressor().decompress(stored)
        with np.load(io.BytesIO(plain), allow_pickle=False) as arrays:
            return cls(**{field.name: arrays[field.name] for field in fields(cls)})

    @property
    def width(self) -> int:
        """Return the bytes of a row of signatures."""
        return int(self.columns.sum()) // 8

    @cached_property
    def _host_numbers(self) -> Ints:
        return HOST_NUMBERS.of(self.hosts)

    def visible(self, sight: Sight) -> Mask:
        """Return which chunks may be seen and are wanted."""
        filters = sight.filters
        host = self._host_numbers[self.session_host]
        allowed = (sight.own(host) & (self.session_user == sight.scope.user_id)) | sight.audited(host)
        if filters.session_id:
            wanted = np.frombuffer(filters.session_id.bytes, np.uint8)
            allowed &= (self.sessions == wanted).all(axis=1)
        if filters.user:
            allowed &= (self.user_names == filters.user)[self.session_user_name]
        if filters.host:
            allowed &= (self.host_names == filters.host)[self.session_host_name]
        chunks: Mask = allowed[self.owner]
        if filters.kind:
            chunks &= self.kind == KINDS.index(filters.kind)
        if filters.after:
            chunks &= self.last_at >= filters.after.timestamp()
        if filters.before:
            chunks &= self.first_at < filters.before.timestamp()
        return chunks


class Sight:
    """A permission with filters, resolved once for all runs of a query, whatever the number of grants."""

    def __init__(self, scope: Scope, filters: Filters) -> None:
        self.scope = scope
        self.filters = filters
        self._known = 0
        self._own = self._audited = np.zeros(0, np.bool_)

    def own(self, host: Ints) -> Mask:
        self._resolve()
        return self._own[host]

    def audited(self, host: Ints) -> Mask:
        self._resolve()
        return self._audited[host]

    def _resolve(self) -> None:
        """Look up the hosts that are in the index, not those that are granted: there may be thousands of grants."""
        hosts = HOST_NUMBERS.known
        if self._known < (count := len(hosts)):
            own, audited = self.scope.own_host_ids, self.scope.audited_host_ids
            self._own = np.fromiter((hosts[number] in own for number in range(count)), np.bool_, count)
            self._audited = np.fromiter((hosts[number] in audited for number in range(count)), np.bool_, count)
            self._known = count


class _HostNumbers:
    """Small numbers for the hosts that this process has met in catalogues."""

    def __init__(self) -> None:
        self.known: list[UUID] = []
        self._numbers: dict[bytes, int] = {}
        self._lock = threading.Lock()

    def of(self, hosts: NDArray[np.uint8]) -> Ints:
        with self._lock:
            return np.array([self._number(host.tobytes()) for host in hosts], np.int64)

    def _number(self, host: bytes) -> int:
        number = self._numbers.get(host)
        if number is None:
            self.known.append(UUID(bytes=host))
            number = self._numbers[host] = len(self.known) - 1
        return number


HOST_NUMBERS: Final = _HostNumbers()


class _Catalogues:
    """The catalogues that were used last. A run's number is drawn by chance, so it never means another run."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, Catalogue] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, run: int, load: Callable[[], bytes]) -> Catalogue:
        with self._lock:
            if run in self._kept:
                self._kept.move_to_end(run)
                return self._kept[run]
        catalogue = Catalogue.decode(load())
        with self._lock:
            self._kept[run] = catalogue
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return catalogue


CATALOGUES: Final = _Catalogues()


class _Numbers(Generic[T]):
    """Different values, numbered in the order in which they were met."""

    def __init__(self) -> None:
        self._numbers: dict[T, int] = {}

    def of(self, value: T) -> int:
        return self._numbers.setdefault(value, len(self._numbers))

    def __iter__(self) -> Iterator[T]:
        return iter(self._numbers)


def _columns(chunks: Sequence[ChunkFacts]) -> tuple[list[int], int]:
    """Return the column of each chunk, and how many there are.

    A column is of one kind: what is looked for in commands must not be met in all the output around them.
    """
    columns: list[int] = []
    count = 0
    # Kind -> the column that takes more of it, and the characters in it.
    open_columns: dict[Kind, tuple[int, int]] = {}
    for chunk in chunks:
        column, size = open_columns.get(chunk.kind, (-1, CHUNK_SIZE))
        if size + chunk.size > CHUNK_SIZE:
            column, size, count = count, 0, count + 1
        open_columns[chunk.kind] = (column, size + chunk.size)
        columns.append(column)
    # Rows are whole bytes: the last columns may be empty.
    return columns, count + -count % 8


def _uuid_array(ids: Sequence[UUID]) -> NDArray[np.uint8]:
    return np.frombuffer(b"".join(item.bytes for item in ids), np.uint8).reshape(-1, 16)
