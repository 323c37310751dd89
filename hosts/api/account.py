"""What the page needs before and after somebody signs in: the instance, oneself, the notice, one's password."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from allauth.core import ratelimit
from django.conf import settings
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.password_validation import validate_password
from django.db import transaction
from django.middleware.csrf import get_token
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import Throttled
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from hosts.access import Action, hosts_allowing
from hosts.api.fields import Text, checked
from hosts.authentication import SignedIn, WebSessionOrReadOnly, login_of
from hosts.logins import accept_notice, notice_accepted
from hosts.models import Host
from hosts.rest import check_parameters
from hosts.signals import announce


class LanguageSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    name = serializers.CharField()


class InstanceSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    version = serializers.CharField()
    notice = serializers.CharField(help_text="What people accept at each sign-in.")
    demo = serializers.BooleanField(help_text="Whether there is a demo host.")
    languages = LanguageSerializer(many=True)
    csrf_cookie = serializers.CharField(help_text="Cookie whose value goes into the header X-CSRFToken.")


class InstanceView(APIView):
    """What anybody may know. Sets the CSRF cookie."""

    authentication_classes = []
    permission_classes = [AllowAny]

    @extend_schema(responses=InstanceSerializer, auth=[])
    def get(self, request: Request) -> Response:
        check_parameters(request, ())
        get_token(request._request)  # noqa: SLF001 - only Django's own request sets the cookie
        facts = {
            "name": "Bastion",
            "version": settings.VERSION,
            "notice": settings.NOTICE,
            "demo": Host.objects.filter(is_demo=True, enabled=True, retired_at__isnull=True).exists(),
            "languages": [{"code": code, "name": name} for code, name in settings.LANGUAGES],
            "csrf_cookie": settings.CSRF_COOKIE_NAME,
        }
        return Response(InstanceSerializer(facts).data)


class MeSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    full_name = serializers.CharField()
    is_admin = serializers.BooleanField()
    can_audit = serializers.BooleanField(help_text="Whether there is a host whose sessions you may see.")
    kind = serializers.ChoiceField(["web", "token"])
    scopes = serializers.ListField(child=serializers.CharField())
    notice_accepted = serializers.BooleanField()


class MeView(APIView):
    """Who is signed in."""

    permission_classes = [SignedIn]

    @extend_schema(responses=MeSerializer)
    def get(self, request: Request) -> Response:
        check_parameters(request, ())
        login = login_of(request)
        facts = {
            "id": login.user.pk,
            "name": login.user.get_username(),
            "full_name": login.user.get_full_name(),
            "is_admin": login.user.is_staff,
            "can_audit": hosts_allowing(login, Action.AUDIT).exists(),
            "kind": login.kind,
            "scopes": sorted(login.scopes),
            "notice_accepted": notice_accepted(login),
        }
        return Response(MeSerializer(facts).data)


class NoticeView(APIView):
    """The notice that sessions are recorded."""

    permission_classes = [WebSessionOrReadOnly]

    @extend_schema(request=None, responses={204: None}, description="Accepts the notice, once per sign-in.")
    def post(self, request: Request) -> Response:
        login = login_of(request)
        with transaction.atomic():
            if accept_notice(request):
                announce(
                    "notice.accepted",
                    actor=login,
                    object_id=login.user.pk,
                    object_name=login.user.get_username(),
                    object_type="user",
                    detail={"notice": settings.NOTICE},
                )
        return Response(status=HTTPStatus.NO_CONTENT)


class PasswordSerializer(serializers.Serializer[Any]):
    current = Text(max_length=1024, trim_whitespace=False)
    new = Text(max_length=1024, trim_whitespace=False)

    def validate_new(self, value: str) -> str:
        checked(validate_password, value, self.context["login"].user)
        return value


class PasswordView(APIView):
    """One's own password."""

    permission_classes = [WebSessionOrReadOnly]

    @extend_schema(
        request=PasswordSerializer,
        responses={204: None},
        description="Ends every other sign-in, and every terminal.",
    )
    def post(self, request: Request) -> Response:
        login = login_of(request)
        user = login.user
        serializer = PasswordSerializer(data=request.data, context={"login": login})
        serializer.is_valid(raise_exception=True)
        if not ratelimit.consume(request._request, action="change_password", user=user):  # noqa: SLF001
            raise Throttled(wait=60)
        if not user.check_password(serializer.validated_data["current"]):
            raise serializers.ValidationError({"current": [_("This is not your password.")]})
        with transaction.atomic():
            user.set_password(serializer.validated_data["new"])
            user.save(update_fields=["password"])
            announce(
                "password.changed",
                actor=login,
                object_id=user.pk,
                object_name=user.get_username(),
                object_type="user",
            )
        update_session_auth_hash(request._request, user)  # noqa: SLF001
        return Response(status=HTTPStatus.NO_CONTENT)
