"""The search index of Bastion: signatures over compressed chunks, the same on every database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from audit.access import Scope
from audit.models import Session
from audit.search.chunks import Chunk, are_same, encode_chunks
from audit.search.compaction import compact
from audit.search.erasure import remove_chunks
from audit.search.finding import find_page
from audit.search.protocol import Filters, Kind, Page, Passage
from audit.search.runs import end_of_runs
from audit.search.store import CHUNK, CHUNK_COLUMNS, Statements, Store

# Of a session that is forgotten, as many chunks as one transaction removes.
_FORGOTTEN_AT_ONCE: Final = 20_000

_Place = tuple[Session, int, Kind]


class SignatureSearch:
    """A SearchBackend that keeps chunks in `store`, and signatures of those that are not the newest."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def replace(self, session: Session, segment: int, kind: Kind, passages: Sequence[Passage]) -> None:
        chunks = encode_chunks(passages)
        place = (session, segment, kind)
        with self.store.writing(session.pk) as statements:
            is_done = _replace(statements, place, chunks, is_maintained=False)
        if not is_done:
            with self.store.maintaining(wait=True), self.store.writing(session.pk) as statements:
                _replace(statements, place, chunks, is_maintained=True)
        compact(self.store)

    def find(self, scope: Scope, query: str, *, cursor: str | None, limit: int, filters: Filters) -> Page:
        return find_page(self.store, scope, query, cursor=cursor, limit=limit, filters=filters)

    def forget(self, session_id: UUID) -> None:
        sql = f"SELECT id FROM {CHUNK} WHERE session_id = %s ORDER BY id LIMIT %s"  # noqa: S608
        while True:
            with self.store.maintaining(wait=True), self.store.writing(session_id) as statements:
                ids = [number for (number,) in statements.execute(sql, [str(session_id), _FORGOTTEN_AT_ONCE])]
                remove_chunks(statements, ids)
            if len(ids) < _FORGOTTEN_AT_ONCE:
                break
        self.store.overwrite()

    def clear(self) -> None:
        self.store.clear()


def _replace(statements: Statements, place: _Place, chunks: Sequence[Chunk], *, is_maintained: bool) -> bool:
    """Write what is new; False, with nothing done, if that changes runs and nobody keeps others from doing that."""
    session, segment, kind = place
    sql = f"SELECT id, z FROM {CHUNK} WHERE session_id = %s AND segment = %s AND kind = %s ORDER BY id"  # noqa: S608
    known = statements.execute(sql, [str(session.pk), segment, kind])
    # What stays the same keeps its place in the order, and in the pages that people hold.
    if are_same([bytes(stored) for _, stored in known], chunks):
        return True
    if known and not is_maintained and known[0][0] <= end_of_runs(statements):
        return False
    remove_chunks(statements, [number for number, _ in known])
    started_at = session.started_at.timestamp()
    whose = (session.user_id, session.user_name, str(session.host_id), session.host_name, started_at)
    statements.insert(
        CHUNK,
        CHUNK_COLUMNS,
        [
            (
                str(session.pk),
                segment,
                kind,
                *whose,
                started_at + chunk.first,
                started_at + chunk.last,
                chunk.size,
                chunk.stored,
            )
            for chunk in chunks
        ],
    )
    return True
