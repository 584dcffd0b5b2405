"""The truth agrees with what is observed, and its potential outcomes hang together."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest

from churn.demo import CompanyFiles
from churn.demo.offers import OFFERS
from tests.demo.measures import Facts, departures

pytestmark = pytest.mark.xdist_group("company")


def test_there_is_one_row_per_customer_and_month_and_one_month_beyond_the_data(
    company: CompanyFiles, facts: Facts
) -> None:
    truth = facts.truth
    assert truth.select("customer_id", "month").is_duplicated().sum() == 0
    assert truth["month_start_date"].max() == company.cutoff_date
    assert truth["month"].n_unique() == company.months + 1


def test_what_the_subscriptions_show_is_what_the_truth_says(company: CompanyFiles, facts: Facts) -> None:
    start = pl.col("month_start_date").cast(pl.Datetime("us"))
    left = departures(facts.subscriptions)
    closed = facts.truth.filter(
        pl.col("has_churned").is_not_null()
        & (pl.col("month_start_date") + timedelta(days=32) <= company.cutoff_date)
    )  # fmt: skip
    seen = (
        closed.join(left, on="customer_id")
        .filter(pl.col("left_at").is_between(start + timedelta(days=2), start + timedelta(days=32), closed="left"))
        .select("customer_id", "month", "is_involuntary_right", seen=True)
    )
    both = closed.join(seen, on=["customer_id", "month"], how="left").with_columns(
        pl.col("seen").fill_null(value=False)
    )
    assert both["has_churned"].equals(both["seen"].rename("has_churned"))
    churned = both.filter("has_churned")
    assert churned["is_involuntary"].to_list() == churned["is_involuntary_right"].to_list()
    assert len(churned) > 5_000


def test_without_contact_the_outcome_is_the_observed_one_and_under_contact_that_of_the_offer(facts: Facts) -> None:
    known = facts.truth.filter(pl.col("has_churned").is_not_null())
    alone = known.filter(pl.col("contacted_with").is_null())
    contacted = known.filter(pl.col("contacted_with") == "price_incentive")
    assert alone["has_churned"].to_list() == alone["churn_without_contact"].to_list()
    assert len(contacted) > 200
    assert contacted["has_churned"].to_list() == contacted["churn_under_price_incentive"].to_list()


def test_one_draw_serves_every_arm(facts: Facts) -> None:
    known = facts.truth.filter(pl.col("has_churned").is_not_null())
    alone, offered = known["churn_without_contact"], known["churn_under_price_incentive"]
    change = known["p_price_incentive"] - known["p_no_contact"]
    assert not (offered & ~alone).filter(change < -1e-6).any()
    assert not (alone & ~offered).filter(change > 1e-6).any()
    rescued = known.filter("is_involuntary")
    assert rescued["churn_under_fix_payment"].mean() < 0.75 * rescued["churn_without_contact"].mean()


def test_probabilities_are_the_shares_of_their_outcomes(facts: Facts) -> None:
    known = facts.truth.filter(pl.col("has_churned").is_not_null())
    pairs = {"p_no_contact": "churn_without_contact", **{f"p_{offer}": f"churn_under_{offer}" for offer in OFFERS}}
    for probability, outcome in pairs.items():
        assert known[probability].is_between(0, 1).all()
        assert known[outcome].mean() == pytest.approx(known[probability].mean(), rel=0.05)


def test_all_four_kinds_of_customers_exist_and_behave_as_their_name_says(facts: Facts) -> None:
    known = facts.truth.filter(pl.col("has_churned").is_not_null())
    shares = dict(known["segment"].value_counts(normalize=True).iter_rows())
    assert min(shares.values()) > 0.005
    assert shares["sure_thing"] > 0.7
    means = {
        name: {
            "alone": group["churn_without_contact"].mean(),
            "best": min(group[f"churn_under_{offer}"].mean() for offer in OFFERS),
            "worst": max(group[f"churn_under_{offer}"].mean() for offer in OFFERS),
        }
        for (name,), group in known.group_by("segment")
    }
    assert means["persuadable"]["best"] < 0.8 * means["persuadable"]["alone"]
    assert means["sleeping_dog"]["worst"] > 1.3 * means["sleeping_dog"]["alone"]
    assert means["lost_cause"]["alone"] > 0.15
    assert means["lost_cause"]["best"] > 0.75 * means["lost_cause"]["alone"]
    assert means["sure_thing"]["alone"] < 0.05
