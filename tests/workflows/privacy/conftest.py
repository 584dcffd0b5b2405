from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from churn.bootstrap import build_context
from churn.config import load_settings
from churn.context import Context
from churn.decisions.bands import BANDS
from churn.jobs.now import work_now
from churn.jobs.requests import ask_export
from churn.store import ScheduledRun
from churn.views.risk_list import read_risk_list
from churn.workflows.measure import import_outcomes
from churn.workflows.plan import PlanRequest, plan_campaigns
from churn.workflows.privacy import export_customer
from churn.workflows.privacy.erase import ErasedCustomer, erase_customer
from churn.workflows.sync import SyncOptions, sync_crm
from tests.company import Company, copy_home
from tests.workflows.privacy.seeking import places_naming

CAMPAIGN = "fix_payment"


def context_of(home: Path) -> Context:
    return build_context(settings=load_settings(config=home / "churn.toml", home=home, environ={}))


@dataclass
class Lived:
    """A company with a campaign that was pushed, answered and exported, one customer who was through all of it, and two others."""

    home: Path
    context: Context
    customer: str
    other: str
    third: str

    def later(self, **ahead: float) -> Context:
        now = self.context.clock() + timedelta(**ahead)
        return replace(self.context, clock=lambda: now)


def live(home: Path) -> Lived:
    """Plan and push a campaign, tell what came of it, break a row, note an alert, and have a customer's data collected."""
    context = context_of(home)
    plan_campaigns(context, PlanRequest(campaigns=(CAMPAIGN,)))
    sync_crm(context, CAMPAIGN, connector="file", options=SyncOptions(is_forced=True))
    with context.open_store() as store:
        treated = store.assignments.customers([CAMPAIGN], arm="treatment")["customer_id"].to_list()
        customer, other, third = treated[:3]
        at = context.clock()
        store.alerts.raise_("sync_partial", "fix_payment to file", "warning", f"customer {customer} was refused", at)
        store.requests.audit("crm", "look", f"customers/{customer}", at)
    answers = home / "answers.csv"
    rows = [f"{customer},{CAMPAIGN},e1,contacted", f"{customer},{CAMPAIGN},e2,sung", f"{other},{CAMPAIGN},e3,contacted"]
    lines = ["customer_id,campaign,event_id,kind,occurred_at", *(f"{row},{at:%Y-%m-%d %H:%M}" for row in rows)]
    answers.write_text("\n".join(lines) + "\n", encoding="utf-8")
    import_outcomes(context, answers)
    with context.open_warehouse("test") as warehouse:
        warehouse.execute(
            "insert into raw.rejected_rows values ('payments', 'p.csv', 7, 'amount is missing', ?, false, 1, ?)",
            [json.dumps({"customer_id": customer, "email": "a@example.org"}), at],
        )
    read_risk_list(context, bands=BANDS, out=home / "reports" / "list.xlsx")
    context.log.note("asked", path=f"/v1/customers/{customer}/risk")
    ask_export(context, customer, who="test")
    return Lived(home, context, customer, other, third)


@pytest.fixture(scope="module")
def lived(finished_company: Company, tmp_path_factory: pytest.TempPathFactory) -> Lived:
    home = tmp_path_factory.mktemp("lived") / "home"
    copy_home(finished_company.home, home)
    return live(home)


@dataclass
class Gone:
    """What was before the erasure, the erasure, and the company after it."""

    lived: Lived
    before: list[str]
    exported: dict[str, object]
    erased: ErasedCustomer
    left: list[str]
    assigned: int
    at: datetime


@pytest.fixture(scope="module")
def gone(lived: Lived) -> Gone:
    context = lived.context
    request = next(run for run in _runs(context) if run.job == "export")
    assert work_now(context, request).run.state == "done"
    exported = export_customer(context, lived.customer, who="test")
    before = places_naming(lived.home, lived.customer)
    with context.open_store() as store:
        assigned = store.assignments.of(CAMPAIGN).height
    at = context.clock()
    erased = erase_customer(context, lived.customer, who="test")
    return Gone(lived, before, exported, erased, places_naming(lived.home, lived.customer), assigned, at)


def _runs(context: Context) -> list[ScheduledRun]:
    with context.open_store() as store:
        return store.jobs.list()
