"""Gaps: what was on a terminal and is not in its recording. They are never hidden.

A gap is a marker in the recording whose label begins with `gap: `, so that every player and export shows it, and an
entry of `Session.gaps`, which is also in the manifest.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from audit.events import Marker
from audit.models import Session

PREFIX = "gap: "


@dataclass(frozen=True, slots=True)
class Gap:
    """From and until when something is missing, in seconds since the session started; `until` None if unknown."""

    start: float
    until: float | None
    words: str

    def marker(self) -> Marker:
        return Marker(self.start, PREFIX + self.words)


def note_gap(session_id: UUID, gap: Gap) -> None:
    """Write a gap into the session's row. Doing it again changes nothing."""
    with transaction.atomic():
        session = Session.objects.select_for_update().get(pk=session_id)
        entry = [gap.start, gap.until, gap.words]
        if entry in session.gaps:
            return
        session.gaps = sorted([*session.gaps, entry], key=lambda each: each[0])
        session.has_gaps = True
        session.save(update_fields=["gaps", "has_gaps"])
