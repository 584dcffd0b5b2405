"""Training and scoring sets: what they hold, what they count, and when they are the same."""

from __future__ import annotations

import dataclasses
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from churn.errors import ContractBroken, DataError, FutureLeak, NotEnoughData
from churn.snapshots.dataset import scoring_set, scoring_slices, training_set
from churn.snapshots.policy import SnapshotPolicy
from churn.warehouse import load_models
from tests.worlds import World, at, build

POLICY = SnapshotPolicy()
DAYS = ("2024-05-01", "2024-06-01")


def company() -> World:
    """Return three contracts: one runs on, one ends by decision, one in its lead time; the first was contacted."""
    world = (
        World().subscription("stays", "2024-01-01").subscription("leaves", "2024-01-01", canceled="2024-06-20", fee=40)
    )
    world.subscription("in lead", "2024-01-01", end="2024-06-02", reason="payment_failure")
    world.contact("stays", "2024-06-02").event("stays", "2024-05-20", "like").event("leaves", "2024-04-20", "po'st")
    return world.daily_sessions("stays", "2024-03-01", "2024-05-31")


def test_a_training_set_keeps_labelled_rows_and_counts_the_others() -> None:
    with company().warehouse() as warehouse:
        models = build(warehouse, *DAYS, "2024-07-01", cutoff=at("2024-07-15"))
        data = training_set(warehouse, models, POLICY)
    frame = data.frame
    assert frame.select(
        "customer_id", "snapshot_date", "has_churned", "churn_kind", "is_treated", "monthly_fee"
    ).rows() == [
        ("in lead", date(2024, 5, 1), False, None, False, 25.0),
        ("leaves", date(2024, 5, 1), False, None, False, 40.0),
        ("stays", date(2024, 5, 1), False, None, False, 25.0),
        ("leaves", date(2024, 6, 1), True, "voluntary", False, 40.0),
        ("stays", date(2024, 6, 1), False, None, True, 25.0),
    ]
    assert data.counts == {
        "rows": 5,
        "churners": 1,
        "voluntary": 1,
        "involuntary": 0,
        "lost_otherwise": 0,
        "excluded_in_lead": 1,
        "immature": 1,
        "treated": 1,
    }
    first = [name for name in frame.columns if name not in {doc.name for doc in data.features}]
    assert frame.columns == [*first, *(doc.name for doc in data.features)]
    assert not {pl.Object, pl.Date, pl.Datetime, pl.Decimal, pl.Struct} & {
        kind.base_type() for kind in frame[:, len(first) :].dtypes
    }


def test_a_scoring_set_has_the_same_features_as_the_training_set_also_for_events_unseen_that_day() -> None:
    with company().warehouse() as warehouse:
        models = build(warehouse, *DAYS)
        trained = training_set(warehouse, models, POLICY)
        names = [doc.name for doc in trained.features]
        build(warehouse, "2024-09-01")
        scored = scoring_set(warehouse, models, POLICY, date(2024, 9, 1), wanted=names)
    assert [doc.name for doc in scored.features] == names
    assert [doc.name for doc in scored.features if doc.name.startswith("events_28d.")] == [
        "events_28d.like",
        "events_28d.po'st",
    ]
    assert scored.frame["events_28d.like"].to_list() == [0.0]
    assert scored.frame["customer_id"].to_list() == ["stays"]
    assert "has_churned" not in scored.frame.columns


@pytest.mark.parametrize("rows", [1, 2, 3, 100])
def test_slices_of_a_date_are_its_scoring_set(rows: int) -> None:
    day = date(2024, 6, 1)
    with company().warehouse() as warehouse:
        models = build(warehouse, *DAYS)
        whole = scoring_set(warehouse, models, POLICY, day, wanted=["events_28d.like"]).frame
        slices = list(scoring_slices(warehouse, models, day, wanted=["events_28d.like"], rows=rows))
        assert not list(scoring_slices(warehouse, models, date(2024, 9, 1)))
    assert pl.concat(slices).equals(whole)
    assert [part.height for part in slices] == [rows] * (whole.height // rows) + [whole.height % rows] * (
        whole.height % rows > 0
    )
    assert whole.height > 2


def test_a_date_that_was_not_built_cannot_be_scored() -> None:
    with company().warehouse() as warehouse:
        models = build(warehouse, *DAYS)
        with pytest.raises(DataError, match="2024-09-01 was not built"):
            scoring_set(warehouse, models, POLICY, date(2024, 9, 1))


def test_labels_are_not_judged_where_no_window_has_closed_and_then_there_is_nothing_to_train_on() -> None:
    with company().warehouse() as warehouse:
        models = build(warehouse, *DAYS)
        build(warehouse, "2024-06-01", cutoff=at("2024-06-01"))
        assert not warehouse.has_table("snapshots.labels")
        assert scoring_set(warehouse, models, POLICY, date(2024, 6, 1)).frame.height == 3
        with pytest.raises(NotEnoughData, match="no label window has closed"):
            training_set(warehouse, models, POLICY)


def test_groups_without_facts_are_left_out_and_do_not_linger() -> None:
    with company().warehouse() as warehouse:
        models = build(warehouse, *DAYS)
        groups = {doc.group for doc in training_set(warehouse, models, POLICY).features}
        assert groups == {"calendar", "contacts", "events", "plan", "segments", "tenure", "usage", "usage_trend"}
        warehouse.execute("delete from staging.sessions")
        build(warehouse, *DAYS)
        groups = {doc.group for doc in training_set(warehouse, models, POLICY).features}
        assert groups == {"contacts", "events", "plan", "tenure"}


def test_the_same_inputs_give_the_same_fingerprint_and_other_ones_another() -> None:
    def fingerprint(world: World, policy: SnapshotPolicy = POLICY, home: Path | None = None) -> str:
        with world.warehouse() as warehouse:
            models = build(warehouse, *DAYS, policy=policy, models=load_models(home) if home else None)
            return training_set(warehouse, models, policy).fingerprint

    backwards = company()
    for facts in backwards.rows.values():
        facts.reverse()
    first = fingerprint(company())
    assert first == fingerprint(backwards)
    assert first != fingerprint(company().session("leaves", "2024-05-20"))
    assert first != fingerprint(company(), dataclasses.replace(POLICY, grace_days=6))


def test_a_users_own_feature_file_is_picked_up(tmp_path: Path) -> None:
    write(
        tmp_path,
        "nights",
        'count(f.customer_id) as nights,  -- Nights. [actionable] "{} nights"\n min(s.snapshot_date) as seen_on',
    )
    with company().warehouse() as warehouse:
        models = build(warehouse, *DAYS, models=load_models(tmp_path))
        data = training_set(warehouse, models, POLICY)
    docs = {doc.name: doc for doc in data.features}
    assert (docs["nights"].group, docs["nights"].is_actionable, docs["nights"].phrase) == ("nights", True, "{} nights")
    assert data.frame["nights"].to_list() == [0, 0, 61, 0, 92]
    assert data.frame["seen_on"].unique().to_list() == [0.0]  # a date becomes the days before the snapshot


def test_a_feature_file_with_other_rows_than_the_spine_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "sql" / "features"
    folder.mkdir(parents=True)
    (folder / "few.sql").write_text(
        "select customer_id, snapshot_date, 1 as few from snapshots.spine limit 2", encoding="utf-8"
    )
    with company().warehouse() as warehouse, pytest.raises(ContractBroken, match="exactly one row per spine row"):
        build(warehouse, *DAYS, models=load_models(tmp_path))


def test_a_feature_file_that_never_asks_when_facts_were_known_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "sql" / "features"
    folder.mkdir(parents=True)
    (folder / "leaky.sql").write_text(
        "select s.customer_id, s.snapshot_date, count(f.customer_id) as leaky from snapshots.spine as s "
        "left join staging.sessions as f on s.customer_id = f.customer_id and f.occurred_at < s.snapshot_date "
        "group by s.customer_id, s.snapshot_date",
        encoding="utf-8",
    )
    with (
        company().warehouse() as warehouse,
        pytest.raises(FutureLeak, match=r"reads staging\.sessions without `available_at`"),
    ):
        build(warehouse, *DAYS, models=load_models(tmp_path))


def test_two_files_with_the_same_feature_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "mine", "count(f.customer_id) as sessions_7d")
    with company().warehouse() as warehouse:
        models = build(warehouse, *DAYS, models=load_models(tmp_path))
        with pytest.raises(ContractBroken, match="`sessions_7d`: mine and usage"):
            training_set(warehouse, models, POLICY)


def test_a_column_that_is_no_feature_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "mine", "list(f.duration_minutes) as lengths")
    with company().warehouse() as warehouse:
        models = build(warehouse, *DAYS, models=load_models(tmp_path))
        with pytest.raises(ContractBroken, match="`lengths` is of type DOUBLE"):
            training_set(warehouse, models, POLICY)


def write(home: Path, name: str, columns: str) -> None:
    """Write a user's feature file over sessions."""
    folder = home / "sql" / "features"
    folder.mkdir(parents=True)
    (folder / f"{name}.sql").write_text(
        f"select s.customer_id, s.snapshot_date, {columns}\n from snapshots.spine as s left join staging.sessions as f "
        "on s.customer_id = f.customer_id and f.occurred_at < s.snapshot_date and f.available_at < s.snapshot_date "
        "group by s.customer_id, s.snapshot_date",
        encoding="utf-8",
    )


def test_a_flat_source_with_its_blanks_dates_and_fees_becomes_a_training_set() -> None:
    world = World()
    for number in range(6):
        world.flat(
            f"c{number}",
            None,
            number % 2 == 0,
            charges=" " if number == 3 else f"{number}.5",
            zip_code=f"0{number}",
            note="  " if number == 1 else " yes ",
            since=date(2024, 1, 1),
            monthly_fee=10.0 * number,
            plan="gold",
        )
    with world.warehouse() as warehouse:
        models = build(warehouse, "2024-01-31")
        data = training_set(warehouse, models, SnapshotPolicy(margin_rate=0.5))
    frame = data.frame
    assert frame["charges"].to_list() == [0.5, 1.5, 2.5, None, 4.5, 5.5]
    assert frame["zip_code"].to_list() == [f"0{number}" for number in range(6)]
    assert frame["note"].to_list() == ["yes", None, "yes", "yes", "yes", "yes"]
    assert frame["since"].to_list() == [30.0] * 6
    assert frame["monthly_fee"].to_list() == [0.0, 10.0, 20.0, 30.0, 40.0, 50.0]
    assert frame["plan"].unique().to_list() == ["gold"]
    assert {doc.name for doc in data.features} == {
        "charges",
        "zip_code",
        "note",
        "since",
        "monthly_fee_attribute",
        "plan_attribute",
    }
    assert data.counts["churners"] == 3


def test_a_flat_source_of_500_columns_keeps_every_one() -> None:
    world = World()
    for number in range(4):
        world.flat(f"c{number}", None, number < 2, **{f"column {place}": float(place * number) for place in range(500)})
    with world.warehouse() as warehouse:
        models = build(warehouse, "2024-01-31")
        data = training_set(warehouse, models, POLICY)
    assert [doc.name for doc in data.features] == [f"column {place}" for place in range(500)]
    assert data.frame["column 499"].to_list() == [0.0, 499.0, 998.0, 1497.0]


def test_who_has_left_by_the_label_of_a_flat_source_teaches_a_model_and_is_not_scored() -> None:
    world = World()
    for number in range(6):
        world.flat(f"c{number}", None, number < 2, visits=float(number))
    with world.warehouse() as warehouse:
        models = build(warehouse, "2024-01-31")
        assert training_set(warehouse, models, POLICY).counts["churners"] == 2
        scored = scoring_set(warehouse, models, POLICY, date(2024, 1, 31)).frame
    assert scored["customer_id"].to_list() == ["c2", "c3", "c4", "c5"]


def test_a_dated_flat_source_leaves_out_who_has_left_by_its_newest_date_and_tells_the_past_as_it_was() -> None:
    world = World().flat("gone", "2024-01-01", False).flat("gone", "2024-02-01", True)
    world.flat("left before", "2024-01-01", True).flat("stays", "2024-01-01", False).flat("stays", "2024-02-01")
    with world.warehouse() as warehouse:
        models = build(warehouse, "2024-01-01", "2024-02-01")
        then = scoring_set(warehouse, models, POLICY, date(2024, 1, 1)).frame["customer_id"].to_list()
        now = scoring_set(warehouse, models, POLICY, date(2024, 2, 1)).frame["customer_id"].to_list()
    assert then == ["gone", "left before", "stays"]
    assert now == ["stays"]
