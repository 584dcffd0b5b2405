from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from churn.errors import ContractBroken
from churn.store import AssignmentCounts, PlanRecord, Store
from churn.store.records import ASSIGNMENT_COLUMNS
from tests.documents.samples import measurement_document, plan_record
from tests.store.builders import NOON

DAY = date(2026, 3, 1)


def plan(plan_id: str = "p1", **changes: Any) -> PlanRecord:
    return plan_record(plan_id, **{"planned_at": NOON, "snapshot_date": DAY, "profit_model": "incentive", **changes})


def assigned(*ids: str, **columns: Any) -> pl.DataFrame:
    count = len(ids)
    frame = pl.DataFrame(
        {
            "customer_id": list(ids),
            "arm": ["holdout" if i % 3 == 0 else "treatment" for i in range(count)],
            "stratum": ["high"] * count,
            "churn_probability": [0.5] * count,
            "risk_band": ["high"] * count,
            "percentile": [99.0] * count,
            "expected_profit": [12.5] * count,
            "value_of_save": [69.16] * count,
            "contact_cost": [1.0] * count,
            "incentive_cost": [10.0] * count,
        }
    )
    return frame.with_columns(pl.Series(name, value) for name, value in columns.items())


def events(*rows: tuple[str, str, str], **columns: Any) -> pl.DataFrame:
    frame = pl.DataFrame(
        [(*row, NOON, "file") for row in rows],
        schema=["customer_id", "event_id", "kind", "occurred_at", "source"],
        orient="row",
    ).with_columns(campaign=pl.lit("support_call"))
    return frame.with_columns(pl.Series(name, value) for name, value in columns.items())


def test_a_plan_and_its_assignments_read_back_as_they_were(store: Store) -> None:
    assert store.plans.save(plan(), assigned("b", "a")) == 2
    assert store.plans.get("p1") == plan()
    assert store.plans.latest("support_call") == plan()
    found = store.assignments.of("support_call")
    assert found.columns == list(ASSIGNMENT_COLUMNS)
    assert found.select("customer_id", "arm", "percentile", "expected_uplift").rows() == [
        ("a", "treatment", 99.0, None),
        ("b", "holdout", 99.0, None),
    ]
    assert set(found["snapshot_date"]) == {DAY}
    assert set(found["assigned_at"]) == {NOON}
    assert found.schema["assigned_at"] == pl.Datetime("us")


def test_who_is_assigned_stays_assigned_whatever_a_later_plan_says(store: Store) -> None:
    store.plans.save(plan(), assigned("a", "b"))
    before = store.assignments.of("support_call")
    later = plan("p2", planned_at=NOON + timedelta(days=1), snapshot_date=DAY + timedelta(days=1))
    assert store.plans.save(later, assigned("c", "b", "a", "d")) == 2
    after = store.assignments.of("support_call")
    assert_frame_equal(after.filter(pl.col("customer_id").is_in(["a", "b"])), before)
    assert after.filter(plan_id="p2")["customer_id"].to_list() == ["c", "d"]
    assert [p.plan_id for p in store.plans.list("support_call")] == ["p2", "p1"]


def test_several_plans_are_kept_together_or_not_at_all(store: Store) -> None:
    bad = assigned("x").with_columns(arm=pl.lit("control"))
    with pytest.raises(ContractBroken, match="neither treatment nor holdout"):
        store.plans.save_all([(plan(), assigned("a")), (plan("p2", campaign="fix_payment"), bad)])
    assert store.plans.list() == []
    good = [(plan(), assigned("a", "b")), (plan("p2", campaign="fix_payment"), assigned("c"))]
    assert store.plans.save_all(good) == [2, 1]
    assert store.plans.save_all(good) == [0, 0]
    assert store.assignments.counts()["support_call"] == AssignmentCounts(1, 1, DAY, DAY)


def test_an_empty_plan_is_kept(store: Store) -> None:
    assert store.plans.save(plan(), assigned()) == 0
    assert store.plans.latest("support_call") is not None
    assert store.assignments.of("support_call").is_empty()
    assert store.assignments.of("support_call").schema["snapshot_date"] == pl.Date


def test_customers_are_found_by_campaign_and_arm(store: Store) -> None:
    store.plans.save(plan(), assigned("a", "b", "c"))
    store.plans.save(plan("p2", campaign="fix_payment"), assigned("d"))
    assert store.assignments.customers()["customer_id"].to_list() == ["d", "a", "b", "c"]
    assert store.assignments.customers(["support_call"], "treatment")["customer_id"].to_list() == ["b", "c"]
    assert store.assignments.customers([]).is_empty()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"risk_band": ["high", None]}, "1 rows have no risk_band"),
        ({"customer_id": ["a", "a"]}, "more than once"),
        ({"churn_probability": ["x", "0.1"]}, "wrong type"),
    ],
)
def test_assignments_that_break_the_contract_are_refused(store: Store, change: dict[str, Any], words: str) -> None:
    with pytest.raises(ContractBroken, match=words):
        store.plans.save(plan(), assigned("a", "b", **change))
    with pytest.raises(ContractBroken, match="lack stratum"):
        store.plans.save(plan(), assigned("a").drop("stratum"))
    assert store.plans.list() == []


def test_ids_with_commas_quotes_and_line_breaks_survive(store: Store) -> None:
    ids = ["", 'a,"b"', "ü\nx", " ", "\\N", "tab\t"]
    store.plans.save(plan(), assigned(*ids))
    assert set(store.assignments.of("support_call")["customer_id"]) == set(ids)


def test_an_outcome_is_kept_once_however_often_it_comes(store: Store) -> None:
    store.plans.save(plan(), assigned("a", "b"))
    frame = events(("a", "e1", "contacted"), ("b", "e2", "accepted"), ("z", "e3", "contacted"))
    first = store.outcomes.add(frame, NOON)
    assert (first.new, first.known, first.unmatched) == (3, 0, 1)
    again = store.outcomes.add(pl.concat([frame, frame, events(("a", "e4", "lost"))]), NOON + timedelta(days=1))
    assert (again.new, again.known, again.unmatched) == (1, 3, 1)
    found = store.outcomes.of("support_call")
    assert found.height == 4
    assert found.filter(customer_id="z")["is_matched"].to_list() == [False]
    assert found.filter(event_id="e1")["recorded_at"].to_list() == [NOON]


def test_an_outcome_that_came_before_the_assignment_is_matched_afterwards(store: Store) -> None:
    assert store.outcomes.add(events(("a", "e1", "contacted")), NOON).unmatched == 1
    store.plans.save(plan(), assigned("a"))
    assert store.outcomes.of("support_call")["is_matched"].to_list() == [True]
    assert store.outcomes.add(events(("a", "e1", "contacted")), NOON).unmatched == 0
    assert [(c.kind, c.events, c.matched) for c in store.outcomes.counts()] == [("contacted", 1, 1)]


def test_an_outcome_of_an_unknown_kind_or_without_an_id_is_refused(store: Store) -> None:
    with pytest.raises(ContractBroken, match="The kinds are contacted"):
        store.outcomes.add(events(("a", "e1", "phoned")), NOON)
    with pytest.raises(ContractBroken, match="no event_id"):
        store.outcomes.add(events(("a", "e1", "lost"), event_id=pl.Series([None], dtype=pl.String)), NOON)


def test_outcomes_are_listed_newest_first(store: Store) -> None:
    frame = events(("a", "e1", "contacted"), ("a", "e2", "lost"), occurred_at=[NOON, NOON + timedelta(seconds=1)])
    store.outcomes.add(frame, NOON)
    assert store.outcomes.recent()["event_id"].to_list() == ["e2", "e1"]
    assert store.outcomes.recent(limit=1)["event_id"].to_list() == ["e2"]
    assert store.outcomes.recent(kind="contacted")["event_id"].to_list() == ["e1"]
    assert store.outcomes.recent(campaign="other").is_empty()


def test_rejected_rows_are_kept_once_until_they_are_accepted(store: Store) -> None:
    rows = pl.DataFrame({"rejection_id": ["r1", "r2"], "source": ["f", "f"], "reason": ["late", "odd"]})
    assert store.outcomes.keep_rejected(rows, NOON, accepted=[]) == 2
    assert store.outcomes.keep_rejected(rows, NOON, accepted=["r9"]) == 0
    assert store.outcomes.keep_rejected(rows.clear(), NOON, accepted=["r1"]) == 0
    assert store.outcomes.rejected()["rejection_id"].to_list() == ["r2"]


def test_measurements_are_kept_and_the_newest_comes_first(store: Store) -> None:
    mature_one, newest = measurement_document(), measurement_document(is_mature=False)
    store.measurements.save("support_call", ["p1"], mature_one, is_mature=True, measured_at=NOON)
    number = store.measurements.save("support_call", ["p1"], newest, is_mature=False, measured_at=NOON)
    latest = store.measurements.latest("support_call")
    assert latest is not None
    assert (latest.measurement_id, latest.result, latest.is_mature) == (number, newest, False)
    mature = store.measurements.latest("support_call", is_mature=True)
    assert mature is not None
    assert mature.plan_ids == ["p1"]
    assert len(store.measurements.list()) == 2
    assert store.measurements.latest("other") is None


def test_there_is_one_open_alert_of_a_kind_about_a_subject(store: Store) -> None:
    first = store.alerts.raise_("harm", "support_call", "warning", "it harms", NOON)
    again = store.alerts.raise_("harm", "support_call", "critical", "it harms more", NOON + timedelta(days=1))
    other = store.alerts.raise_("harm", "fix_payment", "warning", "it harms", NOON)
    assert first == again != other
    found = {alert.subject: alert for alert in store.alerts.open(kind="harm")}
    assert found["support_call"].message == "it harms more"
    assert found["support_call"].raised_at == NOON
    assert store.alerts.resolve("harm", "support_call", datetime(2026, 3, 9)) == 1
    assert store.alerts.resolve("harm", "support_call", datetime(2026, 3, 9)) == 0
    assert [alert.subject for alert in store.alerts.open()] == ["fix_payment"]
    assert store.alerts.raise_("harm", "support_call", "warning", "again", NOON) not in {first, other}
