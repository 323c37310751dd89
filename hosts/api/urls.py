"""Addresses under /api/v1/."""

from __future__ import annotations

from django.urls import path
from rest_framework.routers import SimpleRouter

from hosts.api.account import InstanceView, MeView, NoticeView, PasswordView
from hosts.api.credentials import Credentials
from hosts.api.grants import Grants
from hosts.api.hosts import HostGroups, HostKeys, Hosts, PinnedHostKey
from hosts.api.people import Groups, Users
from hosts.api.tokens import Tokens

_router = SimpleRouter(use_regex_path=False)
_router.register("hosts", Hosts, basename="host")
_router.register("host-groups", HostGroups, basename="host-group")
_router.register("credentials", Credentials, basename="credential")
_router.register("grants", Grants, basename="grant")
_router.register("tokens", Tokens, basename="token")

_numbered = SimpleRouter()
_numbered.register("users", Users, basename="user")
_numbered.register("groups", Groups, basename="group")

urlpatterns = [
    path("instance/", InstanceView.as_view(), name="instance"),
    path("me/", MeView.as_view(), name="me"),
    path("me/notice/", NoticeView.as_view(), name="me-notice"),
    path("me/password/", PasswordView.as_view(), name="me-password"),
    path("hosts/<uuid:host_id>/keys/", HostKeys.as_view(), name="host-keys"),
    path("hosts/<uuid:host_id>/keys/<uuid:key_id>/", PinnedHostKey.as_view(), name="host-key"),
    *_router.urls,
    *_numbered.urls,
]
