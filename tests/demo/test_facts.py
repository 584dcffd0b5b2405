"""The delivered facts hang together: nobody acts before joining or after leaving, and faults have their stated size."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl
import pytest

from churn.demo import CompanyFiles
from tests.demo.measures import Facts, departures

pytestmark = pytest.mark.xdist_group("company")
INSTANTS = {
    "customers": ["signed_up_at", "objected_at", "known_at"],
    "subscriptions": ["started_at", "canceled_at", "ended_at"],
    "payments": ["attempted_at", "known_at"],
    "sessions": ["started_at"],
    "support_tickets": ["opened_at", "closed_at", "known_at"],
    "contacts": ["contacted_at"],
}
EVENTS = {
    "payments": "attempted_at",
    "sessions": "started_at",
    "support_tickets": "opened_at",
    "contacts": "contacted_at",
}


def test_nothing_is_dated_or_known_after_the_cutoff_and_no_event_before_the_first_day(company: CompanyFiles) -> None:
    cutoff = datetime.combine(company.cutoff_date, datetime.min.time())
    first = datetime.combine(company.first_date, datetime.min.time())
    for table, columns in INSTANTS.items():
        frame = pl.read_parquet(company.files[table])
        for column in columns:
            assert frame[column].drop_nulls().max() < cutoff, (table, column)
        if table in EVENTS:
            assert frame[EVENTS[table]].min() >= first, table


def test_nobody_acts_after_leaving_or_before_signing_up(company: CompanyFiles, facts: Facts) -> None:
    left = departures(facts.subscriptions).group_by("customer_id").agg(pl.col("left_at").max())
    joined = facts.customers.select("customer_id", "signed_up_at")
    for table, instant in EVENTS.items():
        events = pl.read_parquet(company.files[table])
        late = events.join(left, on="customer_id").filter(pl.col(instant) > pl.col("left_at"))
        early = events.join(joined, on="customer_id").filter(pl.col(instant) < pl.col("signed_up_at"))
        assert len(late) == 0, table
        assert len(early) == 0, table


def test_every_record_belongs_to_a_customer_whose_first_subscription_starts_with_the_sign_up(facts: Facts) -> None:
    known = facts.customers.select("customer_id", "signed_up_at")
    for frame in (facts.subscriptions, facts.payments, facts.sessions, facts.tickets):
        assert len(frame.join(known, on="customer_id", how="anti")) == 0
    first = facts.subscriptions.group_by("customer_id").agg(pl.col("started_at").min())
    both = known.join(first, on="customer_id")
    assert len(both) == len(known)
    # A subscription that ended before the first told day has no row, so the first row may start later, never earlier.
    assert len(both.filter(pl.col("started_at") < pl.col("signed_up_at"))) == 0


def test_subscriptions_of_one_customer_follow_one_another_without_overlap(facts: Facts) -> None:
    rows = facts.subscriptions.sort("customer_id", "started_at").with_columns(
        before=pl.col("ended_at").shift().over("customer_id"), number=pl.int_range(pl.len()).over("customer_id")
    )
    later = rows.filter(pl.col("number") > 0)
    assert len(later) > 100
    assert len(later.filter(pl.col("before").is_null() | (pl.col("before") > pl.col("started_at")))) == 0


def test_the_golden_cases_all_occur(facts: Facts) -> None:
    subscriptions, payments = facts.subscriptions, facts.payments
    assert {"plan_change", "pause", "voluntary", "payment_failure"} <= set(subscriptions["end_reason"].drop_nulls())
    assert {"succeeded", "failed", "refunded"} == set(payments["status"])
    ends = subscriptions.filter(pl.col("end_reason") == "voluntary").select("customer_id", "canceled_at")
    returns = ends.join(subscriptions.select("customer_id", "started_at"), on="customer_id").filter(
        (pl.col("started_at") - pl.col("canceled_at")).is_between(timedelta(), timedelta(days=7))
    )
    assert len(returns) > 10
    runs = payments.sort("customer_id", "attempted_at").with_columns(
        before=pl.col("status").shift().over("customer_id")
    )
    assert len(runs.filter((pl.col("before") == "failed") & (pl.col("status") == "succeeded"))) > 100


def test_deliveries_repeat_three_in_a_hundred_and_bring_a_few_late(company: CompanyFiles) -> None:
    for table, path in company.files.items():
        frame = pl.read_parquet(path)
        if table in {"sessions", "subscriptions"}:
            repeated = 1 - len(frame.unique()) / len(frame)
            assert repeated == pytest.approx(0.03, abs=0.006), table
    payments = pl.read_parquet(company.files["payments"])
    assert 1 - payments["payment_id"].n_unique() / len(payments) == pytest.approx(0.03, abs=0.004)
    late = payments.filter(pl.col("known_at") > pl.col("attempted_at"))
    assert 0.015 < len(late) / len(payments) < 0.05
    assert (
        payments["known_at"].drop_nulls().le(payments.filter(pl.col("known_at").is_not_null())["attempted_at"]).sum()
        == 0
    )


def test_seven_in_a_hundred_customers_have_no_sessions_at_all(company: CompanyFiles, facts: Facts) -> None:
    start = datetime.combine(company.first_date, datetime.min.time())
    lasting = facts.customers.filter(pl.col("signed_up_at") < start).join(
        facts.subscriptions.filter(pl.col("ended_at").is_null()), on="customer_id", how="semi"
    )
    missing = lasting.join(facts.sessions, on="customer_id", how="anti")
    assert len(missing) / len(lasting) == pytest.approx(0.07, abs=0.015)


def test_cities_have_a_long_tail_and_are_typed_by_people(facts: Facts) -> None:
    counts = facts.customers["city"].value_counts(sort=True)
    assert len(counts) > 500
    assert counts["count"][0] > 100 * counts["count"].median()
    city = facts.customers["city"]
    assert (city.str.to_uppercase() == city).sum() > 50
    assert (city.str.strip_chars() != city).sum() > 50


def test_customers_pay_about_twenty_five_a_month(facts: Facts) -> None:
    now = facts.subscriptions.filter(pl.col("ended_at").is_null())
    assert now["monthly_fee"].mean() == pytest.approx(25, abs=1.5)


def test_use_follows_the_hour_and_the_weekday(facts: Facts) -> None:
    began = facts.sessions["started_at"].dt
    by_hour = began.hour().value_counts().sort("started_at")["count"]
    by_weekday = began.weekday().value_counts().sort("started_at")["count"]
    assert by_hour.max() > 3 * by_hour.min()
    assert by_weekday[0] > by_weekday[5]
    per_month = len(facts.sessions) / (12_000 * 12)
    assert per_month == pytest.approx(250 / 18, rel=0.2)


def test_an_objection_arrives_as_a_later_version_of_the_customer(company: CompanyFiles) -> None:
    customers = pl.read_parquet(company.files["customers"]).unique()
    objected = customers.filter(pl.col("objected_at").is_not_null())
    assert len(objected) > 20
    assert objected["known_at"].equals(objected["objected_at"])
    assert not objected["marketing_consent"].any()
    assert len(objected.join(customers.filter(pl.col("known_at").is_null()), on="customer_id", how="anti")) == 0
