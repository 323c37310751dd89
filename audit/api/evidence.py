"""What proves a recording: checking it here, and copies that can be checked elsewhere."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponseBase
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from audit import ledger
from audit.access import may_see_input
from audit.api.recordings import RecordingFile, file_schema
from audit.api.views import SessionView, Unavailable, check_kept
from audit.evidence.checkpoints import make_checkpoint
from audit.evidence.nodes import InconsistentLedgerError
from audit.evidence.proofs import PATIENCE_SECONDS
from audit.evidence.signer import SigningUnavailableError
from audit.export.downloads import download
from audit.export.evidence import NotSealedError, check_sealed, evidence
from audit.export.ledger_lines import NotProvableError, sealed_in
from audit.export.offline import PlayerMissingError, TooLargeError, check_page, page
from audit.ledger import record_about
from audit.models import Checkpoint, Session
from audit.verify import Report, Verdict, verify_recording
from audit.viewing import note_download
from hosts.access import Action
from hosts.rest import Conflict


class ReplayPage(RecordingFile):
    parameters = ()

    @file_schema(
        "A page that plays the recording without a network", "text/html", description="Needs the grant `export`."
    )
    def get(self, request: Request, session_id: UUID) -> HttpResponseBase:
        del request
        session = self.viewed(session_id, Action.EXPORT)
        try:
            check_page(session)
        except TooLargeError as error:
            raise Conflict(str(error)) from error
        except PlayerMissingError as error:
            raise Unavailable(str(error)) from error
        wanted = page(with_input=may_see_input(self.login, session))
        return self.send(session, wanted, Action.EXPORT, name="replay.html")


class EvidenceBundle(SessionView):
    serializer_class = serializers.Serializer

    @file_schema(
        "The recording with all that is needed to check it elsewhere",
        "application/zip",
        description="Needs the grants `export` and `view_input`. 409 until the recording is sealed.",
    )
    def get(self, request: Request, session_id: UUID) -> HttpResponseBase:
        needed = (Action.EXPORT, Action.VIEW_INPUT)
        session = self.session(session_id, *needed)
        check_kept(session)
        try:
            check_sealed(session)
        except NotSealedError as error:
            raise Conflict(str(error)) from error
        checkpoint = _checkpoint_of(session)
        has_content = request.method != "HEAD"
        if has_content:
            # Before the bundle is made, so that its own line is in its access log, signed.
            note_download(session, self.login, "evidence.zip")
            checkpoint = _checkpoint_of(session)
        return download(session, self.login, evidence(checkpoint), *needed, with_content=has_content)


def _checkpoint_of(session: Session) -> Checkpoint:
    """Return a checkpoint that has the seal, the newest if it can be had. Raises Unavailable."""
    try:
        make_checkpoint(PATIENCE_SECONDS)
    except (SigningUnavailableError, InconsistentLedgerError, OSError) as error:
        raise Unavailable(_("The ledger cannot be signed: %(why)s") % {"why": error}) from error
    try:
        return sealed_in(session)
    except NotProvableError as error:
        raise Unavailable(_("The ledger's entry of the seal is not signed yet. Try again in a minute.")) from error


class ProblemFoundSerializer(serializers.Serializer[Any]):
    segment = serializers.IntegerField(allow_null=True, help_text="null: the recording as a whole.")
    problem = serializers.CharField()


class SignatureSerializer(serializers.Serializer[Any]):
    key_id = serializers.CharField(help_text="Of the key that the manifest says it was signed with.")
    ok = serializers.BooleanField()


class ReportSerializer(serializers.Serializer[Report]):
    """`ok` is whether the verdict is intact. `undecided`: something that is needed could not be read."""

    ok = serializers.SerializerMethodField()
    verdict = serializers.ChoiceField([verdict.value for verdict in Verdict])
    state = serializers.CharField(help_text="What was found, in words.")
    sealed = serializers.BooleanField(source="is_sealed", help_text="Whether a manifest binds the recording's end.")
    signature = SignatureSerializer(allow_null=True, help_text="Of the manifest; null while there is none.")
    segments = serializers.IntegerField(help_text="Segments that were checked.")
    chain = serializers.CharField(help_text="The last link of the chain, SHA-256 in hex.")
    checked_at = serializers.DateTimeField()
    problems = ProblemFoundSerializer(many=True)

    def get_ok(self, report: Report) -> bool:
        return report.verdict is Verdict.INTACT


class VerifySession(SessionView):
    serializer_class = ReportSerializer

    @extend_schema(summary="Check a recording against its chain, its seal and the ledger", responses=ReportSerializer)
    def get(self, request: Request, session_id: UUID) -> Response:
        del request
        session = self.session(session_id)
        report = verify_recording(session)
        facts = {"verdict": report.verdict, "segments": report.segments}
        record_about(session, ledger.Action.RECORDING_VERIFIED, self.login, facts)
        return Response(ReportSerializer(report).data)
