"""What the REST API answers is what its own OpenAPI document says, whatever it is asked."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.wsgi import get_wsgi_application
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from hypothesis import strategies as st
from schemathesis import Case, openapi
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from drf_spectacular.generators import SchemaGenerator
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from audit.events import Output
from audit.indexing.indexer import index_session
from audit.models import Command, Session
from hosts.access import Action
from hosts.credentials import store_secret
from hosts.models import ApiToken, Credential, Grant, Host, HostGroup, HostKey
from tests.conftest import token_of
from tests.inventory import API, Browser, give
from tests.recordings import make_session, record_segments

ROW = UUID("5eed5eed-5eed-4eed-8eed-5eed5eed5eed")
NUMBER = 7
CONFIG = {
    "phases": {"coverage": {"enabled": True}, "examples": {"enabled": False}, "stateful": {"enabled": False}},
    "generation": {"deterministic": True, "max-examples": 15, "with-security-parameters": False},
}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]

openapi.format("uuid", st.sampled_from([str(ROW), str(ROW), str(UUID(int=1))]))


import time as _t

_a = _t.time()
SCHEMA = openapi.from_dict(SchemaGenerator().get_schema(public=True), config=SchemathesisConfig.from_dict(CONFIG))
SCHEMA.app = get_wsgi_application()
print("SCHEMA", _t.time() - _a)


@pytest.fixture
def _kept_connection():
    """As django.test.Client does it: a request must not close the connection whose transaction is the test's."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def rows(alice: User) -> None:
    group = HostGroup.objects.create(pk=ROW, name="servers")
    credential = Credential(pk=ROW, name="deploy", username="deploy", kind=Credential.Kind.PASSWORD)
    store_secret(credential, "correct horse")
    credential.save()
    host = Host.objects.create(pk=ROW, name="web-01", address="127.0.0.1", credential=credential)
    host.groups.add(group)
    HostKey.objects.create(pk=ROW, host=host, algorithm="ssh-ed25519", fingerprint="SHA256:" + "A" * 43, source="scan")
    Group.objects.create(pk=NUMBER, name="operators").user_set.add(User.objects.create_user(pk=NUMBER, username="bob"))
    give(alice, host, *Action, pk=ROW)
    token_of(alice, "read")
    ApiToken.objects.update(id=ROW)
    session = make_session(alice, host, session_id=ROW)
    record_segments(session, [Output(1.0, "$ echo secret\r\nsecret\r\n")])
    index_session(session.pk)
    Command.objects.create(
        session=session,
        ordinal=0,
        t=1.0,
        at=session.started_at,
        command="echo secret",
        source="screen",
        confidence=0.9,
        user_id=alice.pk,
        host_id=host.pk,
    )


@pytest.fixture
def browser(alice: User) -> dict[str, Any]:
    browser = Browser(alice)
    return {
        "headers": {"X-CSRFToken": browser.csrf},
        "cookies": {name: morsel.value for name, morsel in browser.client.cookies.items()},
    }


@pytest.fixture
def program(alice: User) -> dict[str, Any]:
    return {"headers": {"Authorization": f"Bearer {token_of(alice, 'read', 'connect', 'audit', 'terminate')}"}}


import collections, time

STATS = collections.Counter()


def ask(case: Case, **kw: Any) -> None:
    for name in case.path_parameters:
        if "/users/" in case.path or "/groups/" in case.path:
            case.path_parameters[name] = NUMBER
    t = time.time()
    with transaction.atomic():
        r = case.call(**kw)
        transaction.set_rollback(True)
    STATS[case.operation.label, r.status_code] += 1
    STATS[case.operation.label] += 1
    STATS["t"] += time.time() - t
    case.validate_response(r, checks=CHECKS)


def test_web(subtests, rows, _kept_connection, valkey, browser: dict[str, Any]) -> None:
    from schemathesis.checks import load_all_checks

    load_all_checks()
    from schemathesis.pytest._test_builder import build_operation_test
    from schemathesis.generation.feedback import FeedbackSources

    def inner(case):
        ask(case, **browser)

    for result in SCHEMA.get_all_operations():
        op = result.ok()
        t = build_operation_test(
            config=SCHEMA.config,
            operation=op,
            test_func=inner,
            given_kwargs={},
            feedback=FeedbackSources(constants_value_source=None),
        )
        t0 = time.time()
        with subtests.test(op.label):
            t()
        STATS["T " + op.label] = round(time.time() - t0, 2)


def teardown_module():
    with open("/tmp/stats.txt", "w") as f:
        for k, v in sorted(STATS.items(), key=str):
            print(k, v, file=f)
