from __future__ import annotations

from datetime import date, datetime

import numpy as np
import polars as pl
import pytest

from churn.bootstrap import build_context
from churn.errors import CampaignError, NotEnoughData
from churn.workflows.learn_uplift import (
    latest_learning,
    latest_uplift,
    learn_uplift,
)
from churn.workflows.train.train import assemble_training_set
from tests.company import Company
from tests.documents.samples import definition, plan_record

PLANNED = date(2026, 7, 1)
QUICK = {"learners": ("t_learner",), "bases": ("logistic_regression",)}


def assign(context, campaign: str, customers: list[str], *, day: date = PLANNED, holdout: float = 0.5) -> pl.DataFrame:
    """Assign customers by chance, as a plan does."""
    rng = np.random.default_rng(5)
    rows = pl.DataFrame({"customer_id": customers}).with_columns(
        arm=pl.Series(np.where(rng.random(len(customers)) < holdout, "holdout", "treatment")),
        stratum=pl.lit("all"),
        churn_probability=pl.lit(0.1),
        risk_band=pl.lit("medium"),
        percentile=pl.lit(50.0),
        expected_profit=pl.lit(1.0),
        expected_uplift=pl.lit(0.04),
        value_of_save=pl.lit(60.0),
        contact_cost=pl.lit(1.0),
        incentive_cost=pl.lit(0.0),
    )
    plan = plan_record(
        f"{campaign}-{day}",
        campaign,
        definition=definition(campaign, share=holdout),
        planned_at=datetime.combine(day, datetime.min.time()),
    )
    with context.open_store() as store:
        store.plans.save(plan, rows)
    return rows


def customers_of(company: Company) -> list[str]:
    return sorted(c["customer_id"] for c in company.json("risk-list", "--top", "100000")["customers"])


def test_a_campaigns_holdout_teaches_and_its_treated_are_flagged_for_training(company: Company) -> None:
    context = build_context(home=company.home)
    customers = customers_of(company)
    company.run("demo", "--play-forward")  # the month after the plan happens, without any contact of ours
    company.run("refresh")
    unassigned = training_flags(context)
    rows = assign(context, "trial", customers)
    found = learn_uplift(context, "trial", out=company.home / "list.csv", **QUICK)
    document = found.document
    assert document.counts.used + (document.counts.not_known or 0) == rows.height
    assert document.treated_share == pytest.approx(0.5, abs=0.05)
    assert document.window_days == (30,)
    assert document.outcome == "retention"
    assert not document.is_better_than_nothing  # the arms were drawn here, and nobody was contacted by it
    assert found.page is not None
    assert document.sentence in found.page.read_text(encoding="utf-8").replace("&#39;", "'")
    assert pl.read_csv(company.home / "list.csv").columns == ["customer_id", "uplift", "do_not_contact"]

    assert latest_uplift(context, "trial") is None
    for campaign in ("trial", "trial_2", "trial_2026_08"):
        learnt = latest_learning(context, campaign)
        assert learnt is not None
        assert (learnt.campaign, learnt.sentence) == ("trial", document.sentence)
    assert latest_learning(context, "another") is None

    flagged = training_flags(context)
    arms = flagged.join(rows.select("customer_id", "arm"), on="customer_id")
    assert arms.filter(arm="treatment")["is_treated"].all()
    before = arms.join(unassigned, on=["customer_id", "snapshot_date"], suffix="_before").filter(arm="holdout")
    assert before["is_treated"].equals(before["is_treated_before"], check_names=False)  # as the sources tell, no more


def training_flags(context) -> pl.DataFrame:
    """Return who is flagged as treated at the newest training date."""
    with context.open_warehouse("test") as warehouse:
        data = assemble_training_set(context, warehouse)
    assert data.counts["treated"] == data.frame["is_treated"].sum()
    return data.frame.filter(pl.col("snapshot_date") == PLANNED).select("customer_id", "snapshot_date", "is_treated")


def test_before_outcomes_are_mature_it_says_when_they_are(company: Company) -> None:
    context = build_context(home=company.home)
    assign(context, "late", customers_of(company)[:200], day=date(2026, 8, 5))
    with pytest.raises(NotEnoughData, match=r"not yet mature: 0 of 200.*ready on 2026-09"):
        learn_uplift(context, "late")


def test_a_campaign_without_assignments_or_without_a_holdout_is_refused(company: Company) -> None:
    context = build_context(home=company.home)
    assign(context, "fix_payment", customers_of(company)[:50])
    with pytest.raises(CampaignError, match=r"nobody was assigned.*Did you mean `fix_payment`"):
        learn_uplift(context, "fix_paiment")
    assign(context, "all", customers_of(company)[:50], holdout=0.0)
    with pytest.raises(CampaignError, match="nobody was left alone"):
        learn_uplift(context, "all")
