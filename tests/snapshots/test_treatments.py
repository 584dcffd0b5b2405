from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from churn.snapshots.dataset import TrainingSet
from churn.snapshots.policy import SnapshotPolicy
from churn.snapshots.treatments import mark_assigned

POLICY = SnapshotPolicy(horizon_days=30, lead_days=2)
DAY = date(2025, 3, 1)  # its label window opens on 3 March and ends before 2 April


def training_set(*customers: str) -> TrainingSet:
    frame = pl.DataFrame(
        {
            "customer_id": list(customers),
            "snapshot_date": [DAY] * len(customers),
            "has_churned": [False] * len(customers),
            "is_treated": [customer == "told" for customer in customers],
        }
    )
    return TrainingSet(frame, (), POLICY, "before", {"rows": len(customers), "treated": int("told" in customers)})


def assigned(*rows: tuple[str, date]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema={"customer_id": pl.String, "snapshot_date": pl.Date}, orient="row")


def flags(data: TrainingSet) -> dict[str, bool]:
    return dict(data.frame.select("customer_id", "is_treated").rows())


def test_whoever_was_assigned_to_contact_is_flagged_beside_those_the_sources_tell_of() -> None:
    found = mark_assigned(training_set("a", "b", "told"), assigned(("a", DAY), ("a", date(2025, 3, 5)), ("z", DAY)))
    assert flags(found) == {"a": True, "b": False, "told": True}
    assert found.counts == {"rows": 3, "treated": 2}
    assert found.fingerprint != "before"


@pytest.mark.parametrize(
    ("day", "is_flagged"),
    [
        (date(2025, 1, 30), False),
        (date(2025, 1, 31), True),
        (date(2025, 2, 28), True),
        (DAY, True),
        (date(2025, 3, 2), True),
        (date(2025, 3, 3), False),  # the window is open: who left before is on no list
        (date(2025, 4, 1), False),
    ],
)
def test_an_assignment_counts_from_its_date_where_the_label_window_opens_later(day: date, is_flagged: bool) -> None:
    assert flags(mark_assigned(training_set("a"), assigned(("a", day))))["a"] is is_flagged


@pytest.mark.parametrize("monthly_share", [0.1, 0.6])
def test_contacts_that_do_nothing_leave_the_churn_of_the_others_as_it_is(monthly_share: float) -> None:
    """Of 40,000 customers, of whom a fifth is at risk, those at risk are contacted on days by chance while they are there."""
    rng = np.random.default_rng(5)
    at_risk = np.arange(40_000) % 5 == 0
    left_on = rng.exponential(np.where(at_risk, 90.0, 900.0))
    contact_on = rng.exponential(-30.0 / np.log(1.0 - monthly_share), at_risk.size)
    names = np.arange(at_risk.size).astype(str)
    is_labelled = left_on >= POLICY.lead_days
    is_contacted = at_risk & (contact_on < np.minimum(left_on, 60.0))
    data = training_set(*names[is_labelled])
    days = zip(names[is_contacted], contact_on[is_contacted], strict=True)
    found = flags(mark_assigned(data, assigned(*((name, DAY + timedelta(int(on))) for name, on in days))))
    is_kept = np.array([not found.get(name, True) for name in names])
    has_churned = left_on < POLICY.lead_days + POLICY.horizon_days
    for group in (at_risk, ~at_risk):
        churn, kept = has_churned[group & is_labelled].mean(), has_churned[group & is_kept].mean()
        assert kept == pytest.approx(churn, rel=0.04)
    never = at_risk & is_labelled & ~(contact_on < np.minimum(left_on, POLICY.lead_days + POLICY.horizon_days))
    too_often = has_churned[never].mean() / has_churned[at_risk & is_labelled].mean() - 1.0
    assert too_often == pytest.approx({0.1: 0.05, 0.6: 0.39}[monthly_share], abs=0.02)


def test_without_assignments_nothing_changes() -> None:
    data = training_set("a", "told")
    assert mark_assigned(data, assigned()) is data
    assert mark_assigned(data, assigned(("told", DAY))) is data
