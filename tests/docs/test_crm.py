from __future__ import annotations

import json
import re
import tomllib
from typing import Any

import httpx
import pytest

from churn.config import Settings
from churn.config.connectors import ConnectorSection, RestConnector, RestOutcomes
from churn.crm.connector import Row
from churn.crm.connectors.rest import connect
from churn.crm.http import open_client
from churn.crm.mapping import OUR_FIELDS
from churn.crm.preflight import MappingTerms, check_mapping, examine
from churn.crm.retry import Patience
from churn.documents.definition import Crm
from tests import ROOT
from tests.crm.contract import NOW
from tests.docs.test_pages import default_of

PAGE = (ROOT / "docs" / "crm.md").read_text(encoding="utf-8")
BLOCKS = [tomllib.loads(block) for block in re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)]


@pytest.mark.parametrize("block", [b for b in BLOCKS if "connectors" in b], ids=lambda b: next(iter(b["connectors"])))
def test_every_connector_section_of_the_page_is_accepted(block: dict[str, Any]) -> None:
    (section,) = Settings.model_validate(block).connectors.values()
    ((name, written),) = block["connectors"].items()
    assert section.kind == written.get("kind", name)


def test_every_option_that_the_page_shows_commented_out_is_accepted_too() -> None:
    for block in re.findall(r"```toml\n(\[connectors.*?)```", PAGE, flags=re.DOTALL):
        Settings.model_validate(tomllib.loads(re.sub(r"^# ", "", block, flags=re.MULTILINE)))


@pytest.mark.parametrize("block", [b for b in BLOCKS if "crm" in b], ids=lambda b: b["crm"]["connector"])
def test_every_mapping_of_the_page_names_fields_of_ours(block: dict[str, Any]) -> None:
    crm = Crm.model_validate(block["crm"])
    check_mapping(crm.fields, campaign="winback", is_campaign=True)


def test_the_table_names_every_field_of_ours_with_its_kind() -> None:
    kinds = {"number": "number", "text": "text", "instant, UTC": "datetime", "day": "date"}
    rows = re.findall(r"^\| ([a-z0-9_, ]+) \| ([\w, ]+) \| [\w ]+ \|$", PAGE, flags=re.MULTILINE)
    told = {name: kinds[kind] for names, kind in rows if kind in kinds for name in names.split(", ")}
    assert told == OUR_FIELDS


def told_keys(heading: str) -> dict[str, str]:
    section = PAGE.partition(f"{heading}\n")[2]
    section = re.split(r"^##+ ", section, maxsplit=1, flags=re.MULTILINE)[0]
    return dict(re.findall(r"^\| `(\w+)` \| (.+?) \| .+ \|$", section, re.MULTILINE))


def test_every_key_of_rest_and_of_its_outcomes_is_on_the_page_with_its_default() -> None:
    common = {key: default_of(field) for key, field in ConnectorSection.model_fields.items()}
    real = {key: default_of(field) for key, field in RestConnector.model_fields.items() if key != "kind"}
    assert told_keys("## All keys of `rest`") == {key: told for key, told in real.items() if common.get(key) != told}
    outcomes = {key: default_of(field) for key, field in RestOutcomes.model_fields.items()}
    assert told_keys("### `[connectors.NAME.outcomes]`") == outcomes


def test_the_worked_example_speaks_to_a_crm_that_is_like_it() -> None:
    block = next(b for b in BLOCKS if "desk" in b.get("connectors", {}))
    section = RestConnector.model_validate(block["connectors"]["desk"])
    crm = Crm.model_validate(next(b for b in BLOCKS if b.get("crm", {}).get("connector") == "desk")["crm"])
    desk = Desk()
    client = open_client(section, transport=httpx.MockTransport(desk))
    connector = connect("desk", section, {"CHURN_CONNECTOR_DESK_SECRET": "k3y"}, clock=lambda: NOW, client=client)
    terms = MappingTerms(crm.fields, section, "x", may_mark=True, may_create=True)
    mapping = examine(connector, terms, Patience(section, seed="x")).mapping
    values = mapping.values({"risk_band": "high", "churn_probability": 0.5, "campaign": "call", "scored_at": NOW})
    (made,) = connector.write([Row("C1", None, values)], mode="upsert", run_id="r1")
    assert made.state == "created"
    assert dict(connector.find(["C1", "C2"])) == {"C1": (made.remote_id,), "C2": ()}
    (changed,) = connector.write([Row("C1", made.remote_id, {"churn_risk": "none"})], mode="update", run_id="r2")
    assert changed.state == "updated"
    assert desk.records["1"]["cf_churn_risk"] == "none"
    assert desk.records["1"]["last_name"] == "Customer C1"


class Desk:
    """The CRM of the worked example."""

    def __init__(self) -> None:
        self.records: dict[str, dict[str, Any]] = {}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/v3/")
        if path == "/oauth/token":
            return httpx.Response(200, json={"access_token": "t"})
        assert request.headers["authorization"] == "Bearer t"
        if path == "me":
            return httpx.Response(200, json={"name": "churn"})
        if path == "metadata/contact/fields":
            kinds = {"cf_churn_risk": "picklist", "cf_churn_p": "decimal", "cf_churn_scored_at": "timestamp"}
            names = ["last_name", "cf_customer_id", "cf_churn_campaign", *kinds]
            options = ["low", "medium", "high", "critical", "none"]
            fields = [
                {
                    "name": n,
                    "type": kinds.get(n, "string"),
                    "required": n == "last_name",
                    "values": options,
                    "max_length": 80,
                }
                for n in names
            ]
            return httpx.Response(200, json={"fields": fields})
        body = json.loads(request.content)
        if path == "contacts/search":
            keys = body["where"]["cf_customer_id"]["in"]
            held = [{"id": i, "attributes": r} for i, r in self.records.items() if r["cf_customer_id"] in keys]
            return httpx.Response(200, json={"data": held})
        results = []
        for entry in body["contacts"]:
            number = entry.get("id") or str(len(self.records) + 1)
            self.records.setdefault(number, {}).update(entry["contact"]["attributes"])
            results.append({"status": 200, "contact": {"id": number}})
        return httpx.Response(207, json={"results": results})
