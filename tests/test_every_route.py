"""Every address and every socket of the product, asked by somebody without a sign-in, with no grant, and by a stranger.

A route that is not listed here fails: whoever adds one says who may use it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from audit.events import Output
from audit.models import Command, Session
from audit.recording.seal import seal_recording
from bastion.asgi import socket_routes
from hosts.access import Action
from hosts.models import Host
from tests.conftest import give, token_of
from tests.recordings import make_host, make_session, record_segments

# Nothing of anybody's is behind these: what a page needs before somebody is signed in.
ANYBODY = {
    "api/v1/instance/": {200},
    "_allauth/browser/v1/auth/login": {405},
    "_allauth/browser/v1/auth/session": {401},
    "healthz": {200},
    "readyz": {200, 503},
    # The shell of the pages: the same files for everybody, filled by the API.
    "": {200},
    "signin": {200},
    "hosts": {200},
    "terminals": {200},
    "sessions": {200},
    "search": {200},
    "audit": {200},
    "settings": {200},
    "settings/<slug:section>": {200, 404},
    "sessions/<uuid:session_id>": {200},
    "admin": {200},
    "admin/<slug:section>": {200, 404},
    "favicon.ico": {302},
    r"^[\s\S]*$": {404},
}
# Loopback, or a token with the scope metrics.
METRICS = {"metrics"}
SIGNED_IN = {
    "api/v1/me/",
    "api/v1/me/notice/",
    "api/v1/me/password/",
    "api/v1/hosts/",
    "api/v1/hosts/<uuid:pk>/",
    "api/v1/hosts/<uuid:host_id>/keys/",
    "api/v1/hosts/<uuid:host_id>/keys/<uuid:key_id>/",
    "api/v1/hosts/<uuid:host_id>/scan-key/",
    "api/v1/host-groups/",
    "api/v1/host-groups/<uuid:pk>/",
    "api/v1/credentials/",
    "api/v1/credentials/<uuid:pk>/",
    "api/v1/grants/",
    "api/v1/grants/<uuid:pk>/",
    "api/v1/tokens/",
    "api/v1/tokens/<uuid:pk>/",
    "api/v1/^users/$",
    "api/v1/^users/(?P<pk>[1-9][0-9]{0,8})/$",
    "api/v1/^groups/$",
    "api/v1/^groups/(?P<pk>[1-9][0-9]{0,8})/$",
    "api/v1/sessions/",
    "api/v1/sessions/<uuid:pk>/",
    "api/v1/commands/",
    "api/v1/search/",
    "api/v1/audit-events/",
    "api/v1/ledger/",
    "api/v1/ledger/checkpoint",
    "api/v1/ledger/keys/",
    "api/v1/ledger/proof",
    "api/v1/retention-policies/",
    "api/v1/retention-policies/<uuid:pk>/",
    "api/v1/retention/preview",
    "api/v1/legal-holds/",
    "api/v1/legal-holds/<uuid:pk>/",
    "api/v1/schema/",
    "api/docs/",
}
# What shows a recording or changes a session: 404 to who may not see it.
OF_A_SESSION = {
    "api/v1/sessions/<uuid:session_id>/recording.cast",
    "api/v1/sessions/<uuid:session_id>/recording.raw",
    "api/v1/sessions/<uuid:session_id>/evidence.zip",
    "api/v1/sessions/<uuid:session_id>/replay.html",
    "api/v1/sessions/<uuid:session_id>/transcript.txt",
    "api/v1/sessions/<uuid:session_id>/replay.json",
    "api/v1/sessions/<uuid:session_id>/segments/<int:n>.json",
    "api/v1/sessions/<uuid:session_id>/commands/",
    "api/v1/sessions/<uuid:session_id>/search/",
    "api/v1/sessions/<uuid:session_id>/search/recording/",
    "api/v1/sessions/<uuid:session_id>/verify",
    "api/v1/sessions/<uuid:session_id>/terminate",
}
SOCKETS = {"ws/hosts/<uuid:host_id>/terminal/", "ws/sessions/<uuid:session_id>/watch/"}
CANARY = "canary-in-the-recording"


def routes(patterns: list[Any], prefix: str = "") -> Iterator[str]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, prefix + str(pattern.pattern))
        else:
            assert isinstance(pattern, URLPattern)
            yield prefix + str(pattern.pattern)


def all_routes() -> list[str]:
    return [route for route in routes(get_resolver().url_patterns) if not route.startswith("django-admin/")]


def filled(route: str, session: Session) -> str:
    """Return the route as an address with ids of what is there, or of nothing."""
    path = re.sub(r"\(\?P<pk>.*?\)/\$$", "1/", route.replace("^", "")).replace(r"[\s\S]*", "no/such/page").rstrip("$")
    path = path.replace("<uuid:session_id>", str(session.pk)).replace("<uuid:host_id>", str(session.host_id))
    path = path.replace("sessions/<uuid:pk>", f"sessions/{session.pk}").replace("<uuid:pk>", str(uuid4()))
    return "/" + path.replace("<uuid:key_id>", str(uuid4())).replace("<int:n>", "0").replace("<slug:section>", "grants")


@pytest.fixture
def bobs_session(transactional_db: None, bob: User) -> Session:
    """A session of bob's that alice, carol and mallory have nothing to do with."""
    host = make_host("web-01")
    give(bob, host, "connect", "view_own", "export", "view_input")
    session = make_session(bob, host, state=Session.State.ENDED)
    record_segments(session, [Output(0.5, f"$ {CANARY}\r\n")])
    Session.objects.filter(pk=session.pk).update(ended_at=session.started_at + timedelta(seconds=1))
    seal_recording(session.pk, Session.State.SEALED)
    Command.objects.create(
        session=session,
        ordinal=0,
        t=0.5,
        at=session.started_at,
        command=CANARY,
        source="screen",
        confidence=1,
        user_id=bob.pk,
        host_id=host.pk,
    )
    return session


def test_every_route_is_listed_here() -> None:
    assert set(all_routes()) == set(ANYBODY) | METRICS | SIGNED_IN | OF_A_SESSION
    assert {str(route.pattern) for route in socket_routes} == SOCKETS


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "head", "options"])
def test_without_a_sign_in_every_route_is_closed(bobs_session: Session, method: str) -> None:
    for route in sorted(SIGNED_IN | OF_A_SESSION):
        answer = getattr(Client(), method)(filled(route, bobs_session), {"q": "canary"})
        assert answer.status_code in {401, 403}, (method, route, answer.status_code)


def test_what_is_open_to_anybody_says_nothing_of_anybody(bobs_session: Session) -> None:
    for route, statuses in ANYBODY.items():
        answer = Client().get(filled(route, bobs_session))
        assert answer.status_code in statuses, (route, answer.status_code)
        assert CANARY not in answer.content.decode()
        assert "bob" not in answer.content.decode()


def test_django_admin_asks_everybody_else_to_sign_in(bobs_session: Session, mallory: User) -> None:
    client = Client()
    for route in routes(get_resolver().url_patterns):
        if route.startswith("django-admin/") and "login" not in route and "logout" not in route:
            path = re.sub(r"<[^>]*>|\(\?P<[^>]*>[^)]*\)", "1", route).rstrip("$")
            for headers in ({}, {"Authorization": f"Bearer {token_of(mallory)}"}):
                answer = client.get("/" + path, headers=headers)
                assert answer.status_code in {302, 404}, (route, answer.status_code)


@pytest.mark.parametrize("person", ["mallory", "carol", "alice"])
@pytest.mark.parametrize("way", ["browser", "token"])
def test_somebody_elses_session_does_not_exist(
    request: pytest.FixtureRequest, bobs_session: Session, person: str, way: str
) -> None:
    """An administrator without an audit grant is somebody else, too; so is an operator on another host."""
    user: User = request.getfixturevalue(person)
    if person == "carol":
        give(user, make_host("db-02"), *Action)
    client, headers = Client(), {}
    if way == "browser":
        client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    else:
        headers = {"Authorization": f"Bearer {token_of(user, 'read', 'connect', 'audit', 'terminate')}"}

    for route in sorted(OF_A_SESSION | {"api/v1/sessions/<uuid:pk>/"}):
        for method in ("get", "post"):
            path = filled(route, bobs_session) + ("?q=canary" if "search" in route else "")
            answer = getattr(client, method)(path, {"reason": "x"} if method == "post" else None, headers=headers)
            assert answer.status_code in {404, 405}, (method, route, answer.status_code)
    for route in ("sessions", "commands", "search"):
        answer = client.get(f"/api/v1/{route}/", {"q": "canary"}, headers=headers)
        assert (answer.status_code, answer.json()["results"]) == (200, []), route
    if way == "browser":
        assert client.get(f"/sessions/{bobs_session.pk}").status_code == 404
        assert client.get(f"/sessions/{uuid4()}").status_code == 404


def test_its_person_does_see_it(bobs_session: Session, bob: User) -> None:
    headers = {"Authorization": f"Bearer {token_of(bob, 'read')}"}

    for route in sorted(OF_A_SESSION - {"api/v1/sessions/<uuid:session_id>/terminate"}):
        answer = Client().get(
            filled(route, bobs_session), {"q": "canary"} if "search" in route else None, headers=headers
        )
        assert answer.status_code == 200, (route, answer.status_code)
    assert Host.objects.count() == 1
