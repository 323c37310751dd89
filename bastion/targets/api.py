"""Looking at a host's keys over the REST API, so that an administrator can compare and pin them."""

from __future__ import annotations

from uuid import UUID

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bastion.targets.scan import scan_host_keys
from bastion.targets.target import TargetError
from hosts.access import visible_hosts
from hosts.authentication import WebSessionStaff, login_of


class ScannedKeySerializer(serializers.Serializer[object]):
    algorithm = serializers.CharField()
    fingerprint = serializers.CharField(help_text="SHA256:…, as ssh-keygen -lf prints it.")


class ScannedKeysSerializer(serializers.Serializer[object]):
    keys = ScannedKeySerializer(many=True)


class ScanKeyView(APIView):
    """Ask a host for its keys. Nothing is pinned and no credential is sent."""

    permission_classes = [WebSessionStaff]

    @extend_schema(request=None, responses=ScannedKeysSerializer, operation_id="hosts_scan_key")
    def post(self, request: Request, host_id: UUID) -> Response:
        host = visible_hosts(login_of(request)).get(pk=host_id)
        try:
            keys = scan_host_keys(host.address, host.port, is_demo=host.is_demo)
        except TargetError as error:
            raise ValidationError({"address": [_("The host's keys could not be read. %s") % error]}) from error
        return Response(ScannedKeysSerializer({"keys": keys}).data)
