"""Addresses under /api/v1/."""

from __future__ import annotations

from django.urls import path
from rest_framework.routers import SimpleRouter

from audit.api.commands import Commands, SessionCommands
from audit.api.events import AuditEvents
from audit.api.evidence import EvidenceBundle, ReplayPage, VerifySession
from audit.api.holds import LegalHolds
from audit.api.ledger import Ledger, LedgerCheckpoint, LedgerKeys, LedgerProofOfEvent
from audit.api.recording_search import RecordingSearch
from audit.api.recordings import RecordingCast, RecordingRaw, ReplayIndex, ReplaySegment, Transcript
from audit.api.retention import RetentionPolicies, RetentionPreview
from audit.api.search import Search, SessionSearch
from audit.api.sessions import Sessions, TerminateSession

_router = SimpleRouter(use_regex_path=False)
_router.register("sessions", Sessions, basename="session")
_router.register("retention-policies", RetentionPolicies, basename="retention-policy")
_router.register("legal-holds", LegalHolds, basename="legal-hold")

_session = "sessions/<uuid:session_id>"
urlpatterns = [
    *_router.urls,
    path(f"{_session}/recording.cast", RecordingCast.as_view(), name="recording-cast"),
    path(f"{_session}/recording.raw", RecordingRaw.as_view(), name="recording-raw"),
    path(f"{_session}/transcript.txt", Transcript.as_view(), name="transcript"),
    path(f"{_session}/replay.json", ReplayIndex.as_view(), name="replay-index"),
    path(f"{_session}/segments/<int:n>.json", ReplaySegment.as_view(), name="replay-segment"),
    path(f"{_session}/commands/", SessionCommands.as_view(), name="session-commands"),
    path(f"{_session}/search/", SessionSearch.as_view(), name="session-search"),
    path(f"{_session}/search/recording/", RecordingSearch.as_view(), name="recording-search"),
    path(f"{_session}/replay.html", ReplayPage.as_view(), name="replay-page"),
    path(f"{_session}/evidence.zip", EvidenceBundle.as_view(), name="evidence-bundle"),
    path(f"{_session}/verify", VerifySession.as_view(), name="verify"),
    path(f"{_session}/terminate", TerminateSession.as_view(), name="terminate"),
    path("commands/", Commands.as_view(), name="commands"),
    path("search/", Search.as_view(), name="search"),
    path("retention/preview", RetentionPreview.as_view(), name="retention-preview"),
    path("ledger/", Ledger.as_view(), name="ledger"),
    path("ledger/checkpoint", LedgerCheckpoint.as_view(), name="ledger-checkpoint"),
    path("ledger/keys/", LedgerKeys.as_view(), name="ledger-keys"),
    path("ledger/proof", LedgerProofOfEvent.as_view(), name="ledger-proof"),
    path("audit-events/", AuditEvents.as_view(), name="audit-events"),
]
