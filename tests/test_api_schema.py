"""What the REST API answers is what its own OpenAPI document says, whatever it is asked.

Schemathesis invents the requests. Each runs in a transaction that is rolled back, so all of them meet the same rows.
The loops are ours because Schemathesis 4.32 cannot make tests of its own under pytest 9.2.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import yaml
from django.conf import settings as django_settings
from django.contrib.auth.models import Group, User
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode, openapi
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.core.result import Ok
from schemathesis.core.transport import Response
from schemathesis.schemas import APIOperation, BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from audit import ledger
from audit.events import Output
from audit.evidence import checkpoints
from audit.evidence.checkpoints import make_checkpoint
from audit.indexing.indexer import index_session
from audit.models import AuditEvent, Command, LegalHold, RetentionPolicy, Session
from audit.recording.seal import seal_recording
from hosts.access import Action
from hosts.credentials import store_secret
from hosts.models import ApiToken, Credential, Grant, Host, HostGroup, HostKey
from tests.conftest import token_of
from tests.inventory import API, Browser
from tests.recordings import make_grant, make_session, record_segments

Operation = APIOperation[Any, Any, Any, Any]
Request = Case[Any]
# One of everything has this id, so that an invented reference often leads somewhere.
ROW = UUID("5eed5eed-5eed-4eed-8eed-5eed5eed5eed")
NOTHING = UUID(int=1)
# The session that can be ended; the other one is sealed.
RUNNING = UUID("11fe11fe-11fe-41fe-81fe-11fe11fe11fe")
NUMBER = 900_000_007
EXCLUDED = {
    "POST /api/v1/hosts/{host_id}/scan-key/",  # it connects to the host
}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
EXAMPLES = 12

pytestmark = [pytest.mark.usefixtures("rows", "valkey")]
openapi.format("uuid", st.sampled_from([str(ROW), str(ROW), str(NOTHING)]))


@dataclass(frozen=True)
class Caller:
    """Somebody who is signed in."""

    headers: dict[str, str]
    cookies: dict[str, str] = field(default_factory=dict)

    def ask(self, case: Request) -> Response:
        """Send the request, undo what it did, and check the answer."""
        undone = transaction.atomic()
        # As Django's TestCase says of its own: what must be outermost in the product is so inside of this.
        undone._from_testcase = True  # type: ignore[attr-defined]
        with connection_is_kept(), signatures_are_forgotten(), undone:
            answer = case.call(headers=self.headers, cookies=self.cookies)
            transaction.set_rollback(True)
        case.validate_response(answer, checks=CHECKS)
        return answer


@contextmanager
def connection_is_kept() -> Iterator[None]:
    """Do as django.test.Client does: a request must not close the connection that the test's transaction is on."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    try:
        yield
    finally:
        for signal in (request_started, request_finished):
            signal.connect(close_old_connections)


@contextmanager
def signatures_are_forgotten() -> Iterator[None]:
    """Undo what is beside the database: this machine must not remember a checkpoint that was rolled back."""
    path = Path(django_settings.DATA_DIR) / checkpoints.STATE
    before = path.read_bytes()
    yield
    path.write_bytes(before)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    generated: dict[str, Any] = SchemaGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]
    return generated


@pytest.fixture(scope="module")
def operations(document: dict[str, Any]) -> list[Operation]:
    config = SchemathesisConfig.from_dict(
        {
            "generation": {"with-security-parameters": False},
            # What is asked must not depend on which words stand in our sources.
            "analysis": {"constants": {"enabled": False}},
        }
    )
    schema: BaseSchema = openapi.from_dict(document, config=config)
    schema.app = get_wsgi_application()
    results = list(schema.get_all_operations())
    found = [result.ok() for result in results if isinstance(result, Ok)]
    assert len(found) == len(results)
    assert {operation.label for operation in found} > EXCLUDED
    return [operation for operation in found if operation.label not in EXCLUDED]


@pytest.fixture
def rows(alice: User) -> None:
    credential = Credential(pk=ROW, name="deploy", username="deploy", kind=Credential.Kind.PASSWORD)
    store_secret(credential, "correct horse battery staple")
    credential.save()
    host = Host.objects.create(pk=ROW, name="web-01", address="127.0.0.1", credential=credential, labels={"a": "b"})
    servers = HostGroup.objects.create(pk=ROW, name="servers")
    host.groups.add(servers)
    RetentionPolicy.objects.create(pk=ROW, host_group=servers, days=30)
    fingerprint = f"SHA256:{'A' * 43}"
    HostKey.objects.create(pk=ROW, host=host, algorithm="ssh-ed25519", fingerprint=fingerprint, source="scan")
    operator = User.objects.create_user("bob", pk=NUMBER)
    operator.groups.add(Group.objects.create(pk=NUMBER, name="operators"))
    make_grant(alice, host, *Action)
    Grant.objects.update(id=ROW)
    token_of(alice)
    ApiToken.objects.update(id=ROW)
    make_session(alice, host, session_id=RUNNING)
    session = make_session(alice, host, session_id=ROW, state=Session.State.ENDED)
    record_segments(session, [Output(1.0, "$ echo canary\r\ncanary\r\n")])
    Session.objects.filter(pk=ROW).update(ended_at=session.started_at + timedelta(seconds=1))
    seal_recording(ROW, Session.State.SEALED)
    index_session(ROW)
    LegalHold.objects.create(pk=ROW, session=session, reason="case 17", owner_name="alice")
    facts = {"t": 1.0, "at": session.started_at, "source": "screen", "confidence": 0.9}
    Command.objects.create(
        session=session, ordinal=9, command="echo canary", user_id=alice.pk, host_id=host.pk, **facts
    )
    ledger.record(ledger.Action.SIGN_OUT, login=None, actor_name="alice")
    make_checkpoint()


@pytest.fixture
def browser(alice: User) -> Caller:
    browser = Browser(alice)
    return Caller({"X-CSRFToken": browser.csrf}, {name: it.value for name, it in browser.client.cookies.items()})


@pytest.fixture
def program(alice: User) -> Caller:
    return Caller({"Authorization": f"Bearer {token_of(alice, 'read', 'connect', 'audit', 'terminate')}"})


def ids_for(operation: Operation) -> dict[str, Any]:
    """Return the path parameters with which the operation is about a row that is there."""
    is_numbered = operation.path.startswith((f"{API}users/", f"{API}groups/"))
    known = {"id": NUMBER if is_numbered else str(ROW), "n": 0}
    if operation.path.endswith("/terminate"):
        known["session_id"] = str(RUNNING)
    return {parameter.name: known.get(parameter.name, str(ROW)) for parameter in operation.path_parameters}


def query_for(operation: Operation) -> dict[str, Any]:
    """Return the query parameters without which the operation finds nothing."""
    if "/search/" in operation.path:
        return {"q": "canary"}
    return {"event": AuditEvent.objects.latest("pk").pk} if operation.path.endswith("/ledger/proof") else {}


def requests_of(operation: Operation) -> Iterator[st.SearchStrategy[Request]]:
    """Yield requests as documented, requests that break the document elsewhere than in the path, and in the path."""
    ids = ids_for(operation)
    yield operation.as_strategy(GenerationMode.POSITIVE, path_parameters=ids)
    if operation.query or operation.body:
        yield operation.as_strategy(GenerationMode.NEGATIVE, path_parameters=ids)
    if ids:
        yield operation.as_strategy(GenerationMode.NEGATIVE)


def ask_anything(caller: Caller, operation: Operation) -> None:
    for requests in requests_of(operation):

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        )
        @given(case=requests)
        def ask(case: Request) -> None:
            caller.ask(case)

        ask()


def reads(operations: list[Operation]) -> list[Operation]:
    return [operation for operation in operations if operation.method == "get"]


def test_the_document_is_served(alice: User, document: dict[str, Any]) -> None:
    served = Browser(alice).get("schema/")
    assert yaml.safe_load(served.content)["paths"].keys() == document["paths"].keys()


@pytest.mark.parametrize("way", ["browser", "program"])
def test_what_is_there_is_answered_as_documented(
    request: pytest.FixtureRequest, subtests: pytest.Subtests, operations: list[Operation], way: str
) -> None:
    caller: Caller = request.getfixturevalue(way)
    for operation in reads(operations):
        query = query_for(operation)
        streams = ["csv", "jsonl"] if any(parameter.name == "format" for parameter in operation.query) else []
        for form in ["", *streams]:
            with subtests.test(operation.label, form=form):
                wanted = {**query, "format": form} if form else query
                case = operation.Case(path_parameters=ids_for(operation), query=wanted)
                answer = caller.ask(case)
                assert answer.status_code == 200, answer.content[:500]
                assert answer.content
                assert b'"results":[]' not in answer.content


@pytest.mark.parametrize("way", ["browser", "program"])
def test_every_question_is_answered_as_documented(
    request: pytest.FixtureRequest, subtests: pytest.Subtests, operations: list[Operation], way: str
) -> None:
    caller: Caller = request.getfixturevalue(way)
    for operation in reads(operations):
        with subtests.test(operation.label):
            ask_anything(caller, operation)


def test_every_change_is_answered_as_documented(
    subtests: pytest.Subtests, operations: list[Operation], browser: Caller
) -> None:
    for operation in operations:
        if operation.method != "get":
            with subtests.test(operation.label):
                ask_anything(browser, operation)
