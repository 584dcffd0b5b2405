"""`churn monitor` and `GET /v1/monitoring` on the finished demo."""

from __future__ import annotations

import json

from fastapi.testclient import TestClient

from churn.accounts.keys import create_key
from churn.api import create_app
from churn.bootstrap import build_context
from churn.config import load_settings
from churn.context import Context
from tests.company import Company


def context_of(company: Company) -> Context:
    return build_context(settings=load_settings(config=company.home / "churn.toml", home=company.home, environ={}))


def test_the_demo_is_monitored_by_command_and_api(company: Company) -> None:
    context = context_of(company)
    key = {"Authorization": f"Bearer {create_key(context, 'reader', ('read',))}"}
    early = company.json("monitor", "--last", code=3)
    assert early["error"]["message"] == "the monitors have not run yet"
    with TestClient(create_app(context)) as client:
        assert client.get("/v1/monitoring", headers=key).status_code == 404
        assert client.get("/v1/monitoring").status_code == 401

        found = company.json("monitor")
        by_monitor = {finding["monitor"]: finding for finding in found["findings"]}
        assert {"data_drift", "score_drift", "concept_drift", "estimated", "skew", "turnover"} <= set(by_monitor)
        assert by_monitor["skew"]["severity"] == "ok"
        assert "computed again, gives the same" in by_monitor["skew"]["sentence"]
        assert by_monitor["concept_drift"]["severity"] == "unknown", "the test rows are the newest that matured"
        assert "blind" in by_monitor["estimated"]["sentence"]
        assert found["severity"] != "act", found["summary"]
        assert found["retraining"]["is_due"] is False
        assert len(found["data_drift"]["features"]) > 80
        assert all(finding["sentence"].endswith((".", "?")) for finding in found["findings"])
        assert "C00" not in json.dumps(found), "no customer is named"

        told = client.get("/v1/monitoring", headers=key).json()
    assert told["on"] == found["on"]
    assert [f["sentence"] for f in told["findings"]] == [f["sentence"] for f in found["findings"]]
    assert [day["on"] for day in told["history"]] == [found["on"]]

    shown = company.run("monitor", "--last").stdout
    assert "Verdict" in shown
    assert "Findings, most serious first" in shown or "most serious of" in shown
    assert company.json("monitor", "--last")["on"] == found["on"]
    wrong = company.json("monitor", "--date", "2099-01-01", code=2)
    assert wrong["error"]["where"] == "--date"
