"""A client generated from the agreed OpenAPI document runs the CRM's flow from end to end."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.api.test_api_page import served
from tests.api.test_contract import GOLDEN
from tests.company import Company


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The package `churn_client`, as openapi-python-client writes it."""
    folder = tmp_path_factory.mktemp("client")
    command = [str(Path(sys.executable).parent / "openapi-python-client"), "generate", "--meta", "none"]
    command += ["--path", str(GOLDEN), "--output-path", str(folder / "churn_client")]
    tools = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}  # it tidies up with ruff
    done = subprocess.run(command, cwd=folder, env=os.environ | tools, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Warning" not in done.stdout, done.stdout
    sys.path.insert(0, str(folder))
    yield importlib.import_module("churn_client")
    sys.path.remove(str(folder))


def operation(folder: str, start: str) -> ModuleType:
    """Return the generated module of an operation by how its name begins; the generator appends method and path."""
    package = importlib.import_module(f"churn_client.api.{folder}")
    names = [path.stem for path in Path(package.__path__[0]).glob(f"{start}*.py")]
    assert len(names) == 1, names
    return importlib.import_module(f"churn_client.api.{folder}.{names[0]}")


def test_the_generated_client_walks_the_crms_day(generated: Any, company: Company) -> None:
    token = company.json("keys", "create", "crm", "--scope", "read", "--scope", "simulate", "--scope", "push")["key"]
    company.run("plan", "fix_payment", "--budget", "500")
    models = importlib.import_module("churn_client.models")
    with served(company) as (address, _), generated.AuthenticatedClient(base_url=address, token=token) as client:
        pages, cursor = [], generated.types.UNSET
        while cursor is not None and len(pages) < 3:
            page = operation("risk", "risk_list").sync(client=client, limit=20, cursor=cursor)
            pages.append(page)
            cursor = page.next_cursor
        listed = [one.customer_id for page in pages for one in page.customers]
        assert len(listed) == len(set(listed)) >= 40
        risk = operation("risk", "risk_of_a_customer").sync(listed[0], client=client)
        assert risk.churn_probability == pages[0].customers[0].churn_probability
        assert risk.scored_at.tzinfo is not None

        features = models.FeatureRowFeatures.from_dict({"days_since_last_login": 40, "open_payment_failures": 2})
        rows = [models.FeatureRow(features=features, customer_id="new")]
        scored = operation("scores", "score_now").sync(
            client=client, body=models.ScoreRequest(rows=rows, with_reasons=True)
        )
        assert scored.scores[0].reasons[0].text

        simulated = operation("simulations", "simulate").sync(
            client=client, body=models.SimulationInput(budget=1_000.0)
        )
        assert simulated.contacts > 0

        campaign = operation("campaigns", "campaign_v1").sync("fix_payment", client=client)
        plan = operation("campaigns", "newest_plan").sync("fix_payment", client=client)
        assert campaign.definition.offer.contact_cost == plan.campaigns[0].contact_cost
        assert campaign.plans[0].plan_id == plan.plan_id == plan.campaigns[0].plan_id
        assert campaign.treatment == plan.holdout["fix_payment"].treatment
        unmeasured = operation("campaigns", "results").sync("fix_payment", client=client)
        assert (unmeasured.status, unmeasured.remedy) == (404, "Run `churn measure`.")

        assigned = operation("campaigns", "assignments").sync("fix_payment", client=client, limit=1_000)
        treated = [one.customer_id for one in assigned.assignments if one.arm == "treatment"]
        told = [
            models.Outcome(
                customer_id=one, campaign="fix_payment", event_id=f"call-{one}", kind=models.OutcomeKind("contacted"),
                occurred_at=datetime(2026, 7, 3, 9, tzinfo=UTC),
            )
            for one in treated
        ]  # fmt: skip
        for expected in (len(treated), 0):  # sent twice, counted once
            taken = operation("campaigns", "outcomes").sync(client=client, body=models.OutcomeBatch(events=told))
            assert (taken.new, taken.rejected) == (expected, 0)

        refused = operation("models", "roll_back").sync(client=client, body=models.Why(why="not allowed"))
        assert (refused.status, refused.code) == (403, "scope_missing")
