"""Every HTTP address of the product. tests/test_every_route.py walks them all."""

from __future__ import annotations

from importlib.util import find_spec

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

# While parts are being written, a missing one leaves its addresses out.
_parts = [name for name in ("hosts.api.urls", "audit.api.urls", "bastion.targets.urls") if find_spec(name)]

urlpatterns: list[URLPattern | URLResolver] = [
    *(path("api/v1/", include(name)) for name in _parts),
    path("api/v1/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
    path("_allauth/", include("allauth.headless.urls")),
    path("django-admin/", admin.site.urls),
    *(path("", include(name)) for name in ("bastion.health", "bastion.metrics", "bastion.frontend") if find_spec(name)),
]
