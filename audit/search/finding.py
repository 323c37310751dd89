"""One page of hits: newest runs first, candidates by their bits, and every candidate verified against its text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import zstandard

from audit.access import Scope
from audit.models import Session
from audit.search.catalogue import Catalogue, Sight
from audit.search.chunks import ChunkText, decode_chunk
from audit.search.grams import rows_for
from audit.search.hits import Source, has_all, hits_in
from audit.search.protocol import Filters, Hit, Page, QueryError
from audit.search.query import fold, parse_query
from audit.search.runs import FACTS, Run, RunGoneError, catalogue_of, facts_of, live_runs
from audit.search.signatures import Mask, blocks_with, columns_with
from audit.search.store import BLOCK_BITS, CHUNK, SIGNATURE, Statements, Store, marks, portions

# Text and blocks that one page reads, uncompressed: about a tenth of a second.
MOST_READ: Final = 24 << 20
# Lines of one passage that are hits: across sessions one wants the places, inside a session every line.
LINES_ACROSS: Final = 3
LINES_INSIDE: Final = 100
# Candidates read at once, at first and at most; runs likewise.
_FIRST_CHUNKS, _MOST_CHUNKS = 16, 128
_MOST_RUNS: Final = 16
# So few chunks are read sooner than the bits that could rule them out.
_FEW_CHUNKS: Final = 8
# Rows that are read for all terms together, and of each if there are many.
_MOST_ROWS, _LEAST_ROWS = 24, 4
# A search that finds a run merged away begins again; merges are minutes apart.
_ATTEMPTS: Final = 5
_LAST_ID: Final = 2**63 - 1
_CURSOR: Final = re.compile(r"(\d{1,19})\.(\d{1,9})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page begins: the chunk `id`, of which the lines below `line` are still to come."""

    id: int = _LAST_ID
    line: int = 10**9 - 1

    @classmethod
    def parse(cls, cursor: str | None) -> Position:
        if not cursor:
            return cls()
        match = _CURSOR.fullmatch(cursor)
        if match is None or int(match[1]) > _LAST_ID:
            raise QueryError("cursor", "Expected a cursor from `next`, got something else.")
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.id}.{self.line}"


@dataclass(frozen=True, slots=True)
class _Candidates:
    """Chunks that may have a hit, newest first. All other chunks from `lowest` up have none, or were given before."""

    ids: Sequence[int]
    lowest: int


def find_page(store: Store, scope: Scope, query: str, *, cursor: str | None, limit: int, filters: Filters) -> Page:
    """Return one page of hits (see SearchBackend.find)."""
    terms = parse_query(query)
    position = Position.parse(cursor)
    if scope.is_empty:
        return Page([], None)
    for attempt in range(_ATTEMPTS):
        try:
            with store.reading() as statements:
                return _Search(statements, Sight(scope, filters), terms, position).page(limit)
        except RunGoneError:
            if attempt == _ATTEMPTS - 1:
                raise
    raise AssertionError


class _Search:
    def __init__(self, statements: Statements, sight: Sight, terms: Sequence[str], position: Position) -> None:
        self._statements = statements
        self._sight = sight
        self._terms = terms
        self._position = position
        most = max(_MOST_ROWS // len(terms), _LEAST_ROWS)
        self._rows = sorted({row for term in terms for row in rows_for(term, most)})
        self._decompressor = zstandard.ZstdDecompressor()
        self._read = 0
        self._in_scope: dict[UUID, bool] = {}

    def page(self, limit: int) -> Page:
        hits: list[Hit] = []
        for candidates in self._candidates():
            at_once = _FIRST_CHUNKS
            remaining = list(candidates.ids)
            while remaining:
                some, remaining = remaining[:at_once], remaining[at_once:]
                for number, found in self._verified(some):
                    for line, hit in found:
                        if len(hits) == limit:
                            return Page(hits, str(Position(number, line + 1)))
                        hits.append(hit)
                if self._read >= MOST_READ and remaining:
                    return Page(hits, str(Position(some[-1] - 1)))
                at_once = min(2 * at_once, _MOST_CHUNKS)
            if self._read >= MOST_READ:
                return Page(hits, str(Position(candidates.lowest - 1)))
        return Page(hits, None)

    def _candidates(self) -> Iterator[_Candidates]:
        lowest, highest = self._bounds()
        # One statement says what is in runs; all above was written later, or is not sealed yet.
        runs = live_runs(self._statements)
        end = runs[0].last if runs else 0
        if highest > end:
            yield self._open_end(end, highest)
        runs = [run for run in runs if run.first <= highest and run.last >= lowest]
        at_once = 1
        while runs:
            some, runs = runs[:at_once], runs[at_once:]
            yield self._of_runs(some, highest)
            at_once = min(2 * at_once, _MOST_RUNS)

    def _bounds(self) -> tuple[int, int]:
        """Return the first and the last chunk that can be on the page."""
        session_id = self._sight.filters.session_id
        if session_id is None:
            return 0, self._position.id
        sql = f"SELECT min(id), max(id) FROM {CHUNK} WHERE session_id = %s"  # noqa: S608
        lowest, highest = self._statements.execute(sql, [str(session_id)])[0]
        return lowest or 0, min(highest or 0, self._position.id)

    def _open_end(self, end: int, highest: int) -> _Candidates:
        sql = f"SELECT {FACTS} FROM {CHUNK} WHERE id > %s AND id <= %s ORDER BY id"  # noqa: S608
        chunks = [facts_of(row) for row in self._statements.execute(sql, [end, highest])]
        if not chunks:
            return _Candidates((), end + 1)
        catalogue = Catalogue.of(chunks)
        return _Candidates(_newest_first(catalogue, catalogue.visible(self._sight)), end + 1)

    def _of_runs(self, runs: Sequence[Run], highest: int) -> _Candidates:
        """Return candidates out of runs that follow each other."""
        seen: list[tuple[Run, Catalogue, Mask]] = []
        for run in filter(self._is_in_time, runs):
            catalogue = catalogue_of(self._statements, run)
            chunks = catalogue.visible(self._sight) & (catalogue.ids <= highest)
            if chunks.any():
                seen.append((run, catalogue, chunks))
        blocks = self._blocks([run for run, _, chunks in seen if chunks.sum() > _FEW_CHUNKS])
        ids: list[int] = []
        for run, catalogue, chunks in seen:
            if run.id in blocks:
                columns = columns_with(self._rows, blocks[run.id], run.width)
                ids += _newest_first(catalogue, chunks & columns[catalogue.column])
            else:
                ids += _newest_first(catalogue, chunks)
        return _Candidates(ids, runs[-1].first)

    def _is_in_time(self, run: Run) -> bool:
        after, before = self._sight.filters.after, self._sight.filters.before
        return not ((after and run.last_at < after.timestamp()) or (before and run.first_at >= before.timestamp()))

    def _blocks(self, runs: Sequence[Run]) -> dict[int, dict[int, bytes]]:
        """Return the blocks with the terms' rows, expanded, by run and number."""
        keys = [run.key(block) for run in runs for block in blocks_with(self._rows, run.width)]
        found: dict[int, dict[int, bytes]] = {run.id: {} for run in runs}
        count = 0
        for some in portions(keys):
            sql = f"SELECT k, d FROM {SIGNATURE} WHERE k IN ({marks(some)})"  # noqa: S608
            for key, stored in self._statements.execute(sql, some):
                run, block = divmod(key, 1 << BLOCK_BITS)
                found[run][block] = self._decompressor.decompress(bytes(stored))
                self._read += len(found[run][block])
                count += 1
        if count < len(keys):
            raise RunGoneError
        return found

    def _verified(self, ids: Sequence[int]) -> Iterator[tuple[int, Iterator[tuple[int, Hit]]]]:
        """Yield (id, (line number, hit) …) of chunks that have all terms, still are there and may still be seen."""
        sql = f"SELECT id, session_id, kind, started_at, z FROM {CHUNK} WHERE id IN ({marks(ids)}) ORDER BY id DESC"  # noqa: S608
        read = [
            (number, Source(UUID(str(session_id)), kind, datetime.fromtimestamp(started_at, UTC)), text)
            for number, session_id, kind, started_at, text in self._with_all_terms(self._statements.execute(sql, ids))
        ]
        self._look_up({source.session_id for _, source, _ in read})
        for number, source, text in read:
            if self._in_scope[source.session_id]:
                yield number, self._hits(number, text, source)

    def _with_all_terms(self, rows: Sequence[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
        """Yield the rows that do not only look as if they had the terms, with their text in place of what is stored."""
        for *facts, stored in rows:
            text = decode_chunk(bytes(stored), self._decompressor)
            self._read += len(text.text)
            if has_all(fold(text.text), self._terms):
                yield *facts, text

    def _hits(self, number: int, text: ChunkText, source: Source) -> Iterator[tuple[int, Hit]]:
        filters = self._sight.filters
        most = LINES_INSIDE if filters.session_id else LINES_ACROSS
        for line, hit in hits_in(text, source, self._terms, filters, most):
            if number != self._position.id or line < self._position.line:
                yield line, hit

    def _look_up(self, sessions: set[UUID]) -> None:
        """Ask the sessions themselves whether they may be seen: the index only knows what they once were."""
        asked = sessions - self._in_scope.keys()
        if asked:
            scope = self._sight.scope
            rows = Session.objects.filter(pk__in=asked).values_list("pk", "user_id", "host_id")
            self._in_scope.update(dict.fromkeys(asked, False))
            self._in_scope.update(
                (session_id, host in scope.audited_host_ids or (user == scope.user_id and host in scope.own_host_ids))
                for session_id, user, host in rows
            )


def _newest_first(catalogue: Catalogue, chunks: Mask) -> list[int]:
    ids: list[int] = catalogue.ids[chunks][::-1].tolist()
    return ids
