"""The ledger as something that can be proved: its newest checkpoint, the keys that signed, and proofs of its lines."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from audit.access import access_event, may_see_ledger
from audit.api.views import AuditView, Unavailable
from audit.evidence.checkpoints import latest_checkpoint
from audit.evidence.nodes import InconsistentLedgerError
from audit.evidence.proofs import format_proof, proof_now
from audit.evidence.signer import SigningUnavailableError
from audit.evidence.status import LedgerStatus, ledger_status, verification_keys
from audit.models import VerificationKey
from hosts.rest import check_parameters, invalid_parameter

_TEXT = "text/plain; charset=utf-8"
_LARGEST_ID = 2**63 - 1


class LedgerStatusSerializer(serializers.Serializer[LedgerStatus]):
    size = serializers.IntegerField(help_text="Lines that the newest checkpoint covers.")
    root = serializers.CharField(  # type: ignore[assignment] # the metaclass takes fields out of the class's names
        help_text="Root of the tree over them, SHA-256 in hex; empty before the first."
    )
    checkpoint = serializers.CharField(help_text="The checkpoint itself, a signed note.")
    at = serializers.DateTimeField(allow_null=True)
    pending = serializers.IntegerField(help_text="Lines that no checkpoint covers yet.")
    published_to = serializers.CharField(allow_null=True, help_text="null: checkpoints do not leave this installation.")
    problems = serializers.ListField(child=serializers.CharField(), help_text="What is wrong, in words.")


class VerificationKeySerializer(serializers.ModelSerializer[VerificationKey]):
    """A key that signs or signed. `retired_at`: since then it signs nothing; what it signed stays valid."""

    class Meta:
        model = VerificationKey
        fields = ["vkey", "key_id", "created_at", "retired_at"]
        read_only_fields = fields


class KeysSerializer(serializers.Serializer[Any]):
    results = VerificationKeySerializer(many=True)


class LedgerView(AuditView):
    """For administrators and for whoever audits a host; for others there is nothing here."""

    token_scope = "audit"  # noqa: S105 a scope, not a token
    parameters: tuple[str, ...] = ()
    serializer_class: type[serializers.Serializer[Any]] = serializers.Serializer

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if not may_see_ledger(self.login):
            raise NotFound
        check_parameters(request, self.parameters)


class Ledger(LedgerView):
    serializer_class = LedgerStatusSerializer

    @extend_schema(summary="How the ledger stands", responses=LedgerStatusSerializer)
    def get(self, request: Request) -> Response:
        del request
        return Response(LedgerStatusSerializer(ledger_status()).data)


class LedgerCheckpoint(LedgerView):
    @extend_schema(
        summary="The newest checkpoint of the ledger",
        description="A signed note (c2sp.org/tlog-checkpoint). Keep one elsewhere: it proves all lines before it.",
        responses={(HTTPStatus.OK, "text/plain"): OpenApiTypes.STR},
    )
    def get(self, request: Request) -> HttpResponse:
        del request
        last = latest_checkpoint()
        if last is None:
            raise NotFound
        return HttpResponse(last.note, content_type=_TEXT)


class LedgerKeys(AuditView):
    """Public keys are for everybody who is signed in: who gets a bundle needs them."""

    serializer_class = KeysSerializer

    @extend_schema(summary="Public keys that seals and checkpoints are signed with", responses=KeysSerializer)
    def get(self, request: Request) -> Response:
        check_parameters(request, ())
        return Response(KeysSerializer({"results": verification_keys()}).data)


class LedgerProofOfEvent(LedgerView):
    parameters = ("event",)

    @extend_schema(
        summary="Proof that a line is in the ledger",
        description=(
            "A c2sp.org/tlog-proof, which can be checked with the public key alone. Its extra data are the line's salt"
            " in hex, a newline, and the line as canonical JSON. Needs sight of the line."
        ),
        parameters=[OpenApiParameter("event", int, required=True, description="Id of the line.")],
        responses={(HTTPStatus.OK, "text/plain"): OpenApiTypes.STR},
    )
    def get(self, request: Request) -> HttpResponse:
        event = access_event(self.login, _event_id(request))
        try:
            proof = proof_now(event)
        except (SigningUnavailableError, InconsistentLedgerError) as error:
            raise Unavailable(str(error)) from error
        if proof is None:
            raise Unavailable(_("This line is in no checkpoint yet. Try again in a few seconds."))
        response = HttpResponse(format_proof(proof), content_type=_TEXT)
        response["Content-Disposition"] = f'attachment; filename="event-{event.pk}.tlog-proof"'
        return response


def _event_id(request: Request) -> int:
    text = request.query_params.get("event", "")
    if not (text.isascii() and text.isdigit() and int(text) <= _LARGEST_ID):
        raise invalid_parameter("event", _("Expected the id of a line, got %(got)s.") % {"got": repr(text[:20])})
    return int(text)
