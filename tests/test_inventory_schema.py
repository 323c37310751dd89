"""The OpenAPI document: generated without a warning, with errors described once and streams everywhere."""

from __future__ import annotations

import io
from typing import Any

import pytest
import yaml
from django.core.management import call_command
from drf_spectacular.drainage import GENERATOR_STATS, reset_generator_stats


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    reset_generator_stats()
    out = io.StringIO()
    call_command("spectacular", "--validate", stdout=out)
    assert not GENERATOR_STATS._warn_cache
    assert not GENERATOR_STATS._error_cache
    found: dict[str, Any] = yaml.safe_load(out.getvalue())
    return found


def test_every_operation_describes_its_errors(document: dict[str, Any]) -> None:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            problem = operation["responses"]["default"]["content"]["application/problem+json"]
            assert problem["schema"] == {"$ref": "#/components/schemas/Problem"}, (method, path)


def test_every_collection_of_the_inventory_pages_and_streams(document: dict[str, Any]) -> None:
    for name in ("hosts", "host-groups", "credentials", "grants", "users", "groups", "tokens"):
        operation = document["paths"][f"/api/v1/{name}/"]["get"]
        assert {"cursor", "page_size", "format"} <= {parameter["name"] for parameter in operation["parameters"]}
        assert set(operation["responses"]["200"]["content"]) == {"application/json", "text/csv", "application/jsonl"}


def test_secrets_are_in_requests_only(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert {"secret", "passphrase"} <= set(schemas["CredentialRequest"]["properties"])
    assert not {"secret", "passphrase"} & set(schemas["Credential"]["properties"])
    assert "password" not in schemas["User"]["properties"]
    assert "token" not in schemas["Token"]["properties"]
    assert "token" in schemas["CreatedToken"]["properties"]


def test_ways_to_sign_in_are_described(document: dict[str, Any]) -> None:
    assert set(document["components"]["securitySchemes"]) == {"token", "web_session"}
    assert "security" not in document["paths"]["/api/v1/instance/"]["get"] or document["paths"]["/api/v1/instance/"][
        "get"
    ]["security"] in ([], [{}])
