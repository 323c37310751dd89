"""Hosts, grants, sign-ins and browsers for tests of the inventory and its API."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.http import HttpResponseBase
from django.test import Client
from django.utils import timezone

from hosts.access import Action
from hosts.logins import WEB_SCOPES, Login
from hosts.models import Grant, Host, HostGroup
from hosts.signals import inventory_changed
from hosts.tokens import create_token

API = "/api/v1/"


def new_host(name: str = "", **facts: Any) -> Host:
    return Host.objects.create(name=name or f"host-{secrets.token_hex(4)}", **{"address": "10.0.0.5", **facts})


def give(who: User | Group, where: Host | HostGroup, *actions: Action, **facts: Any) -> Grant:
    person = {"user" if isinstance(who, User) else "group": who}
    place = {"host" if isinstance(where, Host) else "host_group": where}
    flags = {action.value: True for action in actions}
    begins = {"valid_from": timezone.now() - timedelta(days=1)}
    return Grant.objects.create(**{**begins, **person, **place, **flags, **facts})


def browser_login(user: User, scopes: frozenset[str] = WEB_SCOPES) -> Login:
    """A login for calling what takes one; nothing in the database stands behind it."""
    return Login(user=user, kind="web", key=secrets.token_hex(32), scopes=scopes)


def token_login(user: User, *scopes: str) -> Login:
    return Login(user=user, kind="token", key=secrets.token_hex(32), scopes=frozenset(scopes))


class Browser:
    """A web session that talks JSON to the API and sends the CSRF token, as the frontend does."""

    def __init__(self, user: User | None = None) -> None:
        self.client = Client(enforce_csrf_checks=True)
        if user is not None:
            self.client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[0])
        self.client.get(f"{API}instance/")
        self.csrf = self.client.cookies[settings.CSRF_COOKIE_NAME].value

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(API + path, query or None)

    def post(self, path: str, body: Any = None) -> Any:
        return self._send("post", path, body)

    def patch(self, path: str, body: Any) -> Any:
        return self._send("patch", path, body)

    def delete(self, path: str) -> Any:
        return self._send("delete", path, None)

    def _send(self, method: str, path: str, body: Any) -> Any:
        data = body if isinstance(body, bytes) else json.dumps({} if body is None else body).encode()
        send = getattr(self.client, method)
        return send(API + path, data, content_type="application/json", headers={"X-CSRFToken": self.csrf})


class Program:
    """An API token."""

    def __init__(self, user: User, *scopes: str) -> None:
        _token, text = create_token(user, "test", scopes or ("read", "connect"), 1)
        self.headers = {"Authorization": f"Bearer {text.reveal().decode()}"}
        self.client = Client(enforce_csrf_checks=True)

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(API + path, query or None, headers=self.headers)

    def post(self, path: str, body: Any) -> Any:
        return self.client.post(API + path, json.dumps(body), content_type="application/json", headers=self.headers)


def cases(field: str, *values: Any) -> list[tuple[str, Any]]:
    """Parameters for a test that gives a field one value after the other."""
    return [(field, value) for value in values]


def brief(value: object) -> str:
    """A test id that is short and the same in each process."""
    return ascii(value)[:40]


def fields_of(response: Any) -> set[str]:
    """The fields that a problem names. Checks that it is one."""
    assert response["Content-Type"] == "application/problem+json", response.content
    problem = response.json()
    assert problem["status"] == response.status_code
    assert set(problem) == {"type", "title", "status", "detail", "errors"}
    return {error["field"] for error in problem["errors"]}


def whole(response: HttpResponseBase) -> bytes:
    """All bytes of a streamed response."""
    return b"".join(response.streaming_content)  # type: ignore[attr-defined]


@contextmanager
def announcements() -> Iterator[list[dict[str, Any]]]:
    """Collect what inventory_changed says in the meantime."""
    heard: list[dict[str, Any]] = []

    def hear(**said: Any) -> None:
        heard.append(said)

    inventory_changed.connect(hear, weak=False)
    try:
        yield heard
    finally:
        inventory_changed.disconnect(hear)
