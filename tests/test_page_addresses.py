"""Every address answers with the status that is true for it, and the page may load only what the policy names."""

from __future__ import annotations

import json
import re
from pathlib import Path
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from audit.models import Session
from hosts.models import Grant, Host


@pytest.fixture(autouse=True)
def built_frontend(tmp_path: Path, settings: Settings) -> None:
    manifest = {
        "src/main.tsx": {"file": "assets/main-1.js", "imports": ["_formats-2.js"], "css": ["assets/main-3.css"]},
        "_formats-2.js": {"file": "assets/formats-2.js"},
    }
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    settings.FRONTEND_DIST = tmp_path


@pytest.fixture
def recording(bob: User) -> Session:
    """A session of bob's on a host where he may look at his own."""
    host = Host.objects.create(name="web-01", address="10.0.3.11")
    Grant.objects.create(user=bob, host=host, view_own=True, valid_from=timezone.now())
    return Session.objects.create(
        user=bob, user_name="bob", host=host, host_name="web-01", cols=80, rows=24, started_at=timezone.now()
    )


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.parametrize(
    "address", ["/", "/signin", "/hosts", "/terminals", "/sessions", "/search", "/audit", "/settings"]
)
def test_a_page_of_the_application_is_the_shell(client: Client, address: str) -> None:
    response = client.get(address)
    assert response.status_code == 200
    assert b"/static/app/assets/main-1.js" in response.content
    assert b"/static/app/assets/formats-2.js" in response.content


def test_an_unknown_page_is_the_shell_with_404(client: Client) -> None:
    response = client.get("/no/such/page")
    assert response.status_code == 404
    assert b'<div id="root">' in response.content


@pytest.mark.parametrize("address", ["/api/v1/no-such-thing/", "/api/v1/hosts/line%0Abreak/"])
def test_an_unknown_address_of_the_api_is_a_problem(client: Client, address: str) -> None:
    response = client.get(address)
    assert response.status_code == 404
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["status"] == 404


def test_a_file_that_is_not_there_is_no_page(client: Client) -> None:
    response = client.get("/static/app/assets/gone.js")
    assert response.status_code == 404
    assert response["Content-Type"] == "text/plain"


def test_what_is_not_asked_for_with_get_is_no_page(client: Client) -> None:
    assert client.post("/no/such/page").status_code == 404
    assert client.post("/hosts").status_code == 405


def test_a_recording_is_there_for_its_person(recording: Session, bob: User) -> None:
    assert signed_in(bob).get(f"/sessions/{recording.pk}").status_code == 200


def test_a_recording_that_one_may_not_see_is_404_like_one_that_is_not_there(recording: Session, mallory: User) -> None:
    client = signed_in(mallory)
    assert client.get(f"/sessions/{recording.pk}").status_code == 404
    assert client.get(f"/sessions/{uuid4()}").status_code == 404


@pytest.mark.django_db
def test_who_is_not_signed_in_learns_nothing_about_recordings(client: Client, recording: Session) -> None:
    there, missing = client.get(f"/sessions/{recording.pk}"), client.get(f"/sessions/{uuid4()}")
    assert there.status_code == missing.status_code == 200


def test_administration_is_403_for_others_than_administrators(alice: User, bob: User) -> None:
    assert signed_in(alice).get("/admin/grants").status_code == 200
    assert signed_in(bob).get("/admin/grants").status_code == 403
    assert signed_in(alice).get("/admin/nonsense").status_code == 404


@pytest.mark.django_db
def test_the_page_says_whether_somebody_is_signed_in(bob: User) -> None:
    assert b'name="signed-in" content="no"' in Client().get("/hosts").content
    assert b'name="signed-in" content="yes"' in signed_in(bob).get("/hosts").content


def test_the_shell_is_never_kept(client: Client) -> None:
    assert client.get("/hosts")["Cache-Control"] == "no-store"


def test_a_missing_build_is_said_in_one_line(client: Client, settings: Settings, tmp_path: Path) -> None:
    settings.FRONTEND_DIST = tmp_path / "nothing"
    response = client.get("/hosts")
    assert response.status_code == 503
    assert b"make frontend" in response.content


def test_the_policy_refuses_everything_but_our_own_files(client: Client) -> None:
    policy = client.get("/hosts")["Content-Security-Policy"]
    directives = dict(part.split(" ", 1) for part in policy.split("; "))
    assert directives["default-src"] == "'none'"
    assert directives["script-src"] == "'self' 'wasm-unsafe-eval'"
    assert directives["connect-src"] == "'self'"
    assert directives["frame-ancestors"] == "'none'"
    assert "unsafe" not in directives["style-src-elem"]


def test_the_nonce_of_the_page_is_the_one_of_its_policy_and_of_no_other(client: Client) -> None:
    nonces = set()
    for _ in range(2):
        response = client.get("/hosts")
        shown = re.search(r'property="csp-nonce" nonce="([^"]+)"', response.content.decode())
        assert shown is not None
        assert f"'nonce-{shown[1]}'" in response["Content-Security-Policy"]
        nonces.add(shown[1])
    assert len(nonces) == 2


def test_pages_of_django_admin_may_bring_style_elements_but_no_inline_scripts(alice: User) -> None:
    policy = signed_in(alice).get("/django-admin/")["Content-Security-Policy"]
    assert "style-src-elem 'self' 'unsafe-inline'" in policy
    assert "script-src 'self' 'wasm-unsafe-eval';" in policy


@pytest.mark.django_db
def test_every_response_has_a_request_id_that_a_client_cannot_choose(client: Client) -> None:
    first = client.get("/api/v1/instance/", headers={"X-Request-Id": "mine"})["X-Request-Id"]
    second = client.get("/api/v1/instance/")["X-Request-Id"]
    assert len({first, second, "mine"}) == 3


def test_a_file_is_served_whole_in_part_and_not_again(client: Client) -> None:
    address = "/static/admin/css/base.css"
    whole = client.get(address)
    assert whole.status_code == 200
    assert len(whole.content) == int(whole["Content-Length"])
    assert whole["Content-Type"].startswith("text/css")
    part = client.get(address, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, whole.content[10:20])
    again = client.get(address, headers={"If-Modified-Since": whole["Last-Modified"]})
    assert (again.status_code, again.content) == (304, b"")
