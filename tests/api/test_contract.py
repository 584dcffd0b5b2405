"""The service keeps to what its OpenAPI document says, and the document is the one we agreed on."""

from __future__ import annotations

import json
import os
from pathlib import Path

import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from churn.api import create_app
from tests.api.conftest import Service, context_of

GOLDEN = Path(__file__).parent / "golden" / "openapi.json"


def test_every_route_answers_as_documented(service: Service) -> None:
    schema = schemathesis.openapi.from_asgi("/openapi.json", service.app)
    headers = service.key("admin")
    service.client.post("/v1/scores", json={"rows": [{"features": {}}]}, headers=headers)  # waits for the champion
    for found in schema.get_all_operations():
        _try(found.ok(), headers)


def _try(operation: schemathesis.APIOperation, headers: dict[str, str]) -> None:
    # That budget, contacts and threshold exclude one another, which job takes what, which options a file has, or what SQL
    # is, is more than a schema can say.
    asked = {"/v1/campaigns", "/v1/campaigns/{name}/plan", "/v1/campaigns/{name}/sync"}
    more_than_said = {"/v1/simulations", "/v1/experiments", "/v1/jobs/{name}/run", "/v1/query", *asked}
    excluded = [positive_data_acceptance] if operation.path in more_than_said else []

    @settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def _holds(case: schemathesis.Case) -> None:
        # The time an answer takes is no part of the document, and the default of ten seconds is short on a busy machine.
        case.call_and_validate(headers=headers, excluded_checks=excluded, timeout=120)

    _holds()


def test_the_api_is_the_one_agreed_on(tmp_path: Path) -> None:
    """Run with WRITE_GOLDEN=1 to agree on a new one."""
    document = create_app(context_of(tmp_path)).openapi()
    found = json.dumps(document, indent=1, sort_keys=True) + "\n"
    if os.environ.get("WRITE_GOLDEN"):
        GOLDEN.write_text(found, encoding="utf-8")
    assert found == GOLDEN.read_text(encoding="utf-8")
