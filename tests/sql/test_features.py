"""Given facts, expect features: one small story per group. The snapshot is taken on 2024-06-01 unless said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from churn.snapshots.policy import SnapshotPolicy
from tests.worlds import World, at, build, value

DAY = "2024-06-01"  # a Saturday
Read = Callable[..., dict[str, Any]]


def features(world: World, *names: str, customer: str = "a", policy: SnapshotPolicy | None = None) -> dict[str, Any]:
    """Return the named features of one customer."""
    with world.warehouse() as warehouse:
        build(warehouse, DAY, policy=policy)
        return {name: value(warehouse, name, customer) for name in names}


def started(day: str = "2024-01-05") -> World:
    return World().subscription("a", day)


def test_usage_counts_recency_and_frequency() -> None:
    world = started().daily_sessions("a", "2024-03-03", "2024-05-21", every=2, minutes=12.5)
    assert features(
        world,
        "days_since_last_login",
        "sessions_7d",
        "sessions_14d",
        "sessions_30d",
        "sessions_90d",
        "minutes_30d",
        "average_session_minutes",
        "active_days_7d",
        "active_days_30d",
        "active_days_60d",
        "average_weekly_usage",
        "inactivity_risk",
        "silence_against_habit",
    ) == {
        "days_since_last_login": 12,
        "sessions_7d": 0,
        "sessions_14d": 2,
        "sessions_30d": 10,
        "sessions_90d": 40,
        "minutes_30d": 125.0,
        "average_session_minutes": 12.5,
        "active_days_7d": 0,
        "active_days_30d": 10,
        "active_days_60d": 25,
        "average_weekly_usage": pytest.approx(40 * 7 / 90),
        "inactivity_risk": pytest.approx(12 / (40 * 7 / 90)),
        "silence_against_habit": pytest.approx(12 * 40 / 90),
    }


def test_usage_of_a_newcomer_is_measured_over_the_days_they_were_there() -> None:
    world = started("2024-05-22").daily_sessions("a", "2024-05-22", "2024-05-31")
    found = features(world, "average_weekly_usage", "usage_ratio_7_30", "usage_ratio_30_90", "days_since_last_login")
    assert found == {
        "average_weekly_usage": 7.0,
        "usage_ratio_7_30": 1.0,
        "usage_ratio_30_90": 1.0,
        "days_since_last_login": 1,
    }


def test_someone_who_never_used_the_service_has_no_last_login_and_no_use() -> None:
    world = started().session("b", "2024-05-01")
    names = (
        "days_since_last_login",
        "sessions_90d",
        "sessions_total",
        "inactivity_risk",
        "usage_cluster",
        "weekend_share",
    )
    assert list(features(world, *names).values()) == [None, 0, None, None, "never used", None]


def test_full_silence_of_90_days_keeps_the_risk_a_number() -> None:
    found = features(
        started().session("a", "2024-02-01"), "days_since_last_login", "inactivity_risk", "usage_ratio_7_30"
    )
    assert found["days_since_last_login"] == 121
    assert found["inactivity_risk"] == pytest.approx(121 / (7 / 90))
    assert found["usage_ratio_7_30"] == 0


@pytest.mark.parametrize(
    ("first", "last", "every", "cluster"),
    [
        ("2024-03-03", "2024-05-31", 1, "daily"),
        ("2024-03-03", "2024-05-31", 2, "regular"),
        ("2024-03-03", "2024-05-31", 5, "light"),
        ("2024-03-03", "2024-05-20", 1, "fading"),
        ("2024-03-03", "2024-04-20", 1, "silent"),
    ],
)
def test_the_usage_cluster_follows_fixed_rules(first: str, last: str, every: int, cluster: str) -> None:
    assert (
        features(started().daily_sessions("a", first, last, every=every), "usage_cluster")["usage_cluster"] == cluster
    )


def test_the_usage_trend_sees_rising_and_falling_use() -> None:
    world = started().daily_sessions("a", "2024-03-03", "2024-05-31")
    steady = features(world, "usage_ratio_14_90", "usage_slope", "active_days_change")
    assert steady == {"usage_ratio_14_90": 1.0, "usage_slope": 0.0, "active_days_change": 0}
    world.daily_sessions("a", "2024-05-18", "2024-05-31")
    rising = features(world, "usage_ratio_14_90", "usage_slope")
    assert rising["usage_ratio_14_90"] == pytest.approx((28 / 14) / (104 / 90))
    days = range(1, 91)
    slope = sum((45.5 - day) * (2 if day <= 14 else 1) for day in days) / sum((day - 45.5) ** 2 for day in days)
    assert rising["usage_slope"] == pytest.approx(30 * slope)


def test_hours_and_weekdays_of_use_are_means_of_angles() -> None:
    world = started()
    for day in ("2024-05-04", "2024-05-11", "2024-05-18", "2024-05-25"):  # Saturdays
        world.session("a", f"{day} 05:40")
    found = features(world, "usage_hour_sine", "usage_hour_cosine", "usage_hour_focus", "weekend_share", "night_share")
    assert found["usage_hour_sine"] == pytest.approx(0.991, abs=1e-3)
    assert found["usage_hour_cosine"] == pytest.approx(0.131, abs=1e-3)
    assert found["usage_hour_focus"] == pytest.approx(1.0, abs=1e-5)
    assert (found["weekend_share"], found["night_share"]) == (1.0, 1.0)


def test_billing_trouble_counts_failures_and_what_is_still_unpaid() -> None:
    world = (
        started().payment("a", "2024-03-05", "failed").payment("a", "2024-03-08").payment("a", "2024-04-05", "refunded")
    )
    world.payment("a", "2024-04-06").payment("a", "2024-05-05", "failed").payment("a", "2024-05-08", "failed")
    world.payment("a", "2024-05-12", "failed", method="transfer")
    assert features(
        world,
        "payment_failures_30d",
        "number_of_payment_failures_60d",
        "payment_failures_90d",
        "payment_failure_ratio",
        "open_payment_failures",
        "has_unpaid_bill",
        "days_since_last_payment_failure",
        "refunds_90d",
        "payment_method",
    ) == {
        "payment_failures_30d": 3,
        "number_of_payment_failures_60d": 3,
        "payment_failures_90d": 4,
        "payment_failure_ratio": pytest.approx(4 / 7),
        "open_payment_failures": 3,
        "has_unpaid_bill": True,
        "days_since_last_payment_failure": 20,
        "refunds_90d": 1,
        "payment_method": "transfer",
    }


def test_a_payment_after_failures_settles_them() -> None:
    world = (
        started().payment("a", "2024-05-05", "failed").payment("a", "2024-05-08", "failed").payment("a", "2024-05-12")
    )
    assert list(features(world, "open_payment_failures", "has_unpaid_bill").values()) == [0, False]


def test_purchases_tell_recency_frequency_and_money() -> None:
    world = (
        World()
        .payment("a", "2024-01-02", amount=10)
        .payment("a", "2024-04-01", amount=20)
        .payment("a", "2024-05-12", amount=33)
    )
    policy = SnapshotPolicy(definition="inactivity", activity_table="payments")
    assert features(
        world,
        "days_since_last_payment",
        "days_since_first_payment",
        "payments_30d",
        "payments_90d",
        "payments_total",
        "spend_90d",
        "spend_total",
        "average_payment",
        "days_between_payments",
        "payment_silence",
        policy=policy,
    ) == {
        "days_since_last_payment": 20,
        "days_since_first_payment": 151,
        "payments_30d": 1,
        "payments_90d": 2,
        "payments_total": 3,
        "spend_90d": 53.0,
        "spend_total": 63.0,
        "average_payment": 21.0,
        "days_between_payments": 65.5,
        "payment_silence": pytest.approx(20 / 65.5),
    }


def test_a_ticket_is_open_until_it_is_closed() -> None:
    world = started().ticket("a", "2024-04-10", "Technical issue", closed="2024-04-12")
    world.ticket("a", "2024-05-20", "technical", closed="2024-06-02").ticket("a", "2024-05-25", "billing").ticket(
        "a", "2024-01-20"
    )
    assert features(
        world,
        "support_tickets_30d",
        "support_tickets_90d",
        "technical_tickets_90d",
        "billing_tickets_90d",
        "open_tickets",
        "open_technical_tickets",
        "oldest_open_ticket_days",
        "average_hours_to_close",
        "days_since_last_ticket",
    ) == {
        "support_tickets_30d": 2,
        "support_tickets_90d": 3,
        "technical_tickets_90d": 2,
        "billing_tickets_90d": 1,
        "open_tickets": 2,
        "open_technical_tickets": 1,
        "oldest_open_ticket_days": 12,
        "average_hours_to_close": 48.0,
        "days_since_last_ticket": 7,
    }


def test_plans_tell_fees_downgrades_and_the_next_renewal() -> None:
    world = World().subscription("a", "2023-01-31", end="2024-01-10", reason="plan_change", plan="plus", fee=40)
    world.subscription("a", "2024-01-10", plan="basic", fee=25)
    assert features(
        world, "current_plan", "current_fee", "fee_change_ratio", "plan_changes", "downgrades", "upgrades", "price_rises",
        "days_since_plan_change", "days_to_renewal", "has_canceled",
    ) == {
        "current_plan": "basic",
        "current_fee": 25.0,
        "fee_change_ratio": 0.625,
        "plan_changes": 1,
        "downgrades": 1,
        "upgrades": 0,
        "price_rises": 0,
        "days_since_plan_change": 143,
        "days_to_renewal": 9,
        "has_canceled": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("start", "days"), [("2024-05-31", 29), ("2024-05-01", 0), ("2024-04-02 18:00", 1), ("2023-12-31", 29)]
)
def test_a_subscription_renews_on_its_day_of_the_month_or_the_months_last(start: str, days: int) -> None:
    assert features(started(start), "days_to_renewal")["days_to_renewal"] == days


@pytest.mark.parametrize(
    ("interval", "days"),
    [
        ("monthly", 14),
        ("Quarterly", 75),
        ("annual", 167),
        ("6", 167),
        ("12 months", 167),
        ("2 years", 167),
        ("P1Y", 167),
        ("P6M", 167),
        ("3 Months", 75),
        ("14 days", None),
        ("2 weeks", None),
        ("jährlich", None),
        ("fortnightly", None),
    ],
)
def test_a_subscription_renews_after_its_billing_interval(interval: str, days: int | None) -> None:
    world = World().subscription("a", "2022-11-15 18:00", billing_interval=interval)
    assert features(world, "days_to_renewal")["days_to_renewal"] == days


def test_the_end_of_the_running_term_is_the_next_renewal_and_a_past_one_is_not() -> None:
    for term_end, days in (("2024-11-30", 182), ("2024-06-01", 0), ("2024-02-28", 9)):
        world = World().subscription("a", "2024-01-10", term_end=at(term_end))
        assert features(world, "days_to_renewal")["days_to_renewal"] == days


def test_terms_renewed_without_a_gap_are_one_relation() -> None:
    world = World()
    for month in range(1, 6):
        world.subscription("renews", f"2024-0{month}-01", end=f"2024-0{month}-28")
    world.subscription("returns", "2023-01-01", end="2023-06-30").subscription(
        "returns", "2023-09-01", end="2023-12-31"
    )
    world.subscription("returns", "2024-01-05", end="2024-03-31", reason="pause").subscription("returns", "2024-05-01")
    world.subscription("changes", "2023-01-01", end="2024-02-01").subscription("changes", "2023-12-01", plan="plus")
    names = ("earlier_end_count", "customer_time_in_months", "subscription_count")
    assert list(features(world, *names, customer="renews").values()) == [0, pytest.approx(4.99), 5]
    assert features(world, *names, customer="returns")["earlier_end_count"] == 1
    assert features(world, *names, customer="changes")["earlier_end_count"] == 0


def test_tenure_counts_from_the_sign_up_or_the_first_subscription() -> None:
    names = (
        "customer_time_in_months",
        "is_new_user",
        "days_since_subscription_start",
        "subscription_count",
        "pause_count",
    )
    world = World().customer("a", "2024-03-15").subscription("a", "2024-03-20", end="2024-04-20", reason="pause")
    world.subscription("a", "2024-05-20").subscription("b", "2023-06-02").customer("b", "2023-05-30", "2024-08-01")
    assert list(features(world, *names).values()) == [pytest.approx(2.56), True, 12, 2, 1]
    assert list(features(world, *names, customer="b").values()) == [pytest.approx(11.99), False, 365, 1, 0]


def test_the_profile_is_the_newest_version_known_at_the_date() -> None:
    world = started().customer("a", "2023-01-01", city="Porto", email="x@example.org", marketing_consent=True)
    world.customer("a", "2023-01-01", "2024-03-01", city="Lyon").customer("a", "2023-01-01", "2024-06-02", city="Graz")
    names = ("city", "has_email", "has_marketing_consent", "age_band")
    assert list(features(world, *names).values()) == ["Lyon", False, False, None]


def test_ages_fall_into_bands() -> None:
    from datetime import date

    world = started().customer("a", birth_date=date(1989, 6, 3))
    assert list(features(world, "age_years", "age_band").values()) == [34, "25 to 34"]


def test_contacts_count_ours_by_window_and_channel() -> None:
    world = (
        started()
        .contact("a", "2024-05-20")
        .contact("a", "2024-04-01", campaign=None, channel="call")
        .contact("a", "2023-05-01")
    )
    names = ("contacts_30d", "contacts_90d", "contacts_total", "campaign_contacts_90d", "days_since_last_contact")
    assert list(features(world, *names).values()) == [1, 2, 3, 1, 12]


def test_events_of_any_kind_become_counts_by_kind() -> None:
    world = (
        started()
        .event("a", "2024-05-30", "like", 2.0)
        .event("a", "2024-05-10", "like", 3.5)
        .event("a", "2024-04-01", "post")
    )
    found = features(
        world, "event_count_7d", "event_count_28d", "event_count_90d", "events_28d", "events_90d", "event_quantity_28d"
    )
    assert found == {
        "event_count_7d": 1,
        "event_count_28d": 2,
        "event_count_90d": 3,
        "events_28d": {"like": 2.0, "post": 0.0},
        "events_90d": {"like": 2.0, "post": 1.0},
        "event_quantity_28d": {"like": 5.5, "post": 0.0},
    }


def test_decayed_counts_weigh_each_fact_by_its_age_and_halve_it_with_each_half_life() -> None:
    world = (
        started().ticket("a", "2024-05-31", "technical").ticket("a", "2024-05-12", "billing")
    )  # 1 and 20 days before
    world.payment("a", "2024-05-29", "failed").payment("a", "2024-05-30").payment("a", "2024-05-02", "failed")
    world.session("a", "2024-05-22").session("a", "2024-02-01")  # 10 days before, and beyond the 90 that count
    names = [f"{kind}_decayed_{days}d" for kind in ("tickets", "payment_failures", "logins") for days in (3, 10, 30)]

    def weight(days: float, *ages: int) -> Any:
        return pytest.approx(sum(0.5 ** (age / days) for age in ages), abs=1e-6)

    ages = {"tickets": (1, 20), "payment_failures": (3, 30), "logins": (10,)}
    expected = {f"{kind}_decayed_{days}d": weight(days, *ages[kind]) for kind in ages for days in (3, 10, 30)}
    assert features(world, *names) == expected
    others = started().subscription("b", "2024-01-05").ticket("b", "2024-05-31").payment("b", "2024-05-30", "failed")
    assert features(others.session("b", "2024-05-30"), *names) == dict.fromkeys(names, 0.0)
