from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from churn.snapshots.dataset import TrainingSet
from churn.snapshots.policy import SnapshotPolicy
from churn.snapshots.treatments import mark_assigned

POLICY = SnapshotPolicy(horizon_days=30, lead_days=2)
DAY = date(2025, 3, 1)  # its label window ends before 2 April


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
        (date(2025, 4, 1), True),
        (date(2025, 4, 2), False),
    ],
)
def test_an_assignment_counts_where_its_contacts_may_fall_into_the_label_window(day: date, is_flagged: bool) -> None:
    assert flags(mark_assigned(training_set("a"), assigned(("a", day))))["a"] is is_flagged


def test_without_assignments_nothing_changes() -> None:
    data = training_set("a", "told")
    assert mark_assigned(data, assigned()) is data
    assert mark_assigned(data, assigned(("told", DAY))) is data
