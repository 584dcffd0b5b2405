"""Planning where costs, values and success differ by customer: SQL over features in place of numbers."""

from __future__ import annotations

import polars as pl
import pytest

from churn.errors import ConfigError
from tests.workflows.plan.town import PLAIN

FREE = PLAIN.replace("[holdout]\nshare = 0.2", "[holdout]\nshare = 0.0")


def with_terms(**terms: str) -> str:
    text = FREE
    for key, value in terms.items():
        kept = "\n".join(line for line in text.splitlines() if not line.startswith(f"{key} ="))
        text = kept.replace("[offer]", f"[offer]\n{key} = {value}")
    return text


def amounts(planned) -> tuple:
    expected = planned.document.expected
    return expected.contacts, expected.cost, expected.committed, expected.saves, expected.value, expected.profit


def test_a_constant_formula_plans_the_same_to_the_cent_as_the_number(town):
    town.campaign("calls", with_terms(contact_cost="2", incentive_cost="1.5", value_of_save="80"))
    by_number = town.plan("calls", is_dry_run=True)
    town.campaign(
        "calls",
        with_terms(
            contact_cost='"1 + 1"',
            incentive_cost='"3 / 2.0"',
            value_of_save='"abs(-80)"',
            success_rate_expected='"0.2 * 2"',
        ),
    )
    by_formula = town.plan("calls", is_dry_run=True)
    assert amounts(by_formula) == amounts(by_number)
    assert by_formula.document.expected.profit_interval == by_number.document.expected.profit_interval
    names = ["customer_id", "expected_profit", "contact_cost", "incentive_cost", "value_of_save"]
    assert by_formula.assignments.select(names).equals(by_number.assignments.select(names))


def test_each_customer_is_priced_by_their_own_cost_value_and_success(town):
    town.campaign(
        "calls",
        with_terms(
            contact_cost='"case when number_of_payment_failures_60d > 0 then 12 else 0.5 end"',
            value_of_save='"monthly_fee * 4"',
            success_rate_expected='"case when number_of_payment_failures_60d > 0 then 0.3 else 0.5 end"',
        ),
    )
    planned = town.plan("calls", is_dry_run=True)
    rows = planned.assignments
    failed = pl.col("customer_id").str.slice(1).cast(pl.Int64) % 3 == 0
    rows = rows.with_columns(
        cost=pl.when(failed).then(12.0).otherwise(0.5), rate=pl.when(failed).then(0.3).otherwise(0.5)
    )
    assert rows["cost"].n_unique() == 2
    assert (rows["contact_cost"] - rows["cost"]).abs().max() == 0
    worth = rows["rate"] * rows["churn_probability"] * rows["value_of_save"] - rows["cost"]
    assert (rows["expected_profit"] - worth).abs().max() < 1e-9
    assert planned.document.expected.profit == pytest.approx(float(worth.sum()), abs=0.01)
    assert planned.document.expected.committed == pytest.approx(float(rows["cost"].sum()), abs=0.01)
    assert any("own contact cost, success rate and value of save" in text for text in planned.document.sentences)


def test_a_budget_holds_where_costs_differ(town):
    town.campaign(
        "calls", with_terms(contact_cost='"case when number_of_payment_failures_60d > 0 then 12 else 0.5 end"')
    )
    planned = town.plan("calls", is_dry_run=True, budget=100)
    assert 90 < planned.document.expected.committed <= 100
    assert planned.assignments["contact_cost"].sum() == pytest.approx(planned.document.expected.committed)


def test_whoever_has_no_usable_terms_is_not_contacted_and_counted_by_reason(town):
    town.campaign(
        "calls",
        with_terms(
            contact_cost='"case when number_of_payment_failures_60d > 0 then null else 1 end"',
            value_of_save='"case when support_tickets_90d > 0 then -5 else 100 end"',
        ),
    )
    planned = town.plan("calls", is_dry_run=True)
    removed = {row.rule: row.removed for row in planned.document.eligibility}
    numbers = planned.assignments["customer_id"].str.slice(1).cast(pl.Int64)
    assert removed["unknown_terms"] > 0
    assert removed["impossible_terms"] > 0
    assert not (numbers % 3 == 0).any()
    assert not (numbers % 7 == 0).any()
    assert planned.document.campaigns[0].contact_cost == 1


@pytest.mark.parametrize(
    ("formula", "what"),
    [
        ("number_of_payment_failure_60d", "no feature `number_of_payment_failure_60d`"),
        ("case when has_unpaid_bill then 'much' else 'little' end", "gives varchar, not a number"),
        ("has_unpaid_bill", "gives boolean, not a number"),
        ("plan * 2", "the term cannot be asked"),
    ],
)
def test_a_formula_that_gives_no_numbers_is_refused_with_its_line(town, formula, what):
    town.campaign("calls", with_terms(contact_cost=f'"{formula}"'))
    with pytest.raises(ConfigError, match=what) as caught:
        town.plan("calls", is_dry_run=True)
    assert "calls.toml:" in str(caught.value.where)
