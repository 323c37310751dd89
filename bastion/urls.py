"""Every HTTP address of the product. tests/test_every_route.py walks them all."""

from __future__ import annotations

from allauth.headless.account.views import LoginView, SessionView
from allauth.headless.constants import Client
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/", include("hosts.api.urls")),
    path("api/v1/", include("audit.api.urls")),
    path("api/v1/", include("bastion.targets.urls")),
    path("api/v1/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
    # Of allauth's addresses these two: without mail, sign-up and password resets lead nowhere.
    path("_allauth/browser/v1/auth/login", LoginView.as_api_view(client=Client.BROWSER), name="sign-in"),
    path("_allauth/browser/v1/auth/session", SessionView.as_api_view(client=Client.BROWSER), name="sign-in-session"),
    path("django-admin/", admin.site.urls),
    path("", include("bastion.health")),
    path("", include("bastion.metrics")),
    # Last: it answers every address, with 404 where there is nothing.
    path("", include("bastion.frontend")),
]
