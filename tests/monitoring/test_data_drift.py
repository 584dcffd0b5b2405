from __future__ import annotations

import json
from datetime import date

import numpy as np
import polars as pl
import pytest

from churn.monitoring.data_drift import (
    Importance,
    Season,
    acting_share,
    describe,
    drift_findings,
    feature_drift,
    lasting,
    worse_of,
)
from churn.monitoring.day_counts import DayCounts
from churn.monitoring.reference import Reference, build_reference

TRAINED = (date(2025, 1, 1), date(2025, 3, 1))
TESTED = (date(2025, 5, 1), date(2025, 5, 1))
TODAY = date(2025, 7, 1)
FEATURES = ("use", "plan", "records")


def customers(
    day: date, *, rows: int = 3_000, use: float = 0.0, records: float = 0.0, plan: str = "basic"
) -> pl.DataFrame:
    random = np.random.default_rng(day.toordinal())
    return pl.DataFrame(
        {
            "customer_id": [f"c{i}" for i in range(rows)],
            "snapshot_date": [day] * rows,
            "use": random.normal(use, 1.0, rows),
            "plan": np.where(random.random(rows) < 0.5, plan, "plus"),
            "records": random.normal(records, 1.0, rows),
            "has_churned": random.random(rows) < 0.08,
        }
    )


@pytest.fixture(scope="module")
def reference() -> Reference:
    """Records move on by themselves: one spread in the four months from training to test."""
    parts = [customers(date(2025, month, 1), records=(month - 2) / 3) for month in (1, 2, 3, 5)]
    return build_reference(pl.concat(parts), FEATURES, training=TRAINED, test=TESTED)


def judged(reference, frame, season, **how):
    return feature_drift(reference, DayCounts.of(reference, frame), season, **how)


def severities(drifts) -> dict[str, str]:
    return {drift.feature: drift.severity for drift in drifts}


def test_customers_who_look_as_before_raise_no_alarm_on_any_of_many_days(reference):
    for number in range(20):
        day = date(2025, 6, 1 + number)
        assert set(severities(judged(reference, customers(day, records=4 / 3), None, on=day)).values()) == {"ok"}


def test_a_feature_that_moved_far_is_to_be_acted_on_and_one_that_moved_a_little_watched(reference):
    far = judged(reference, customers(TODAY, use=1.0), None, on=TODAY)
    near = judged(reference, customers(TODAY, use=0.4), None, on=TODAY)

    assert far[0].feature == "use"
    assert (far[0].severity, severities(near)["use"]) == ("act", "watch")
    assert far[0].psi == pytest.approx(1.0, abs=0.15)  # of a normal distribution moved by one spread


def test_a_feature_that_goes_on_moving_at_the_pace_of_the_test_is_no_news(reference):
    at_pace = judged(reference, customers(TODAY, records=5 / 3), None, on=TODAY)
    faster = judged(reference, customers(TODAY, records=4.0), None, on=TODAY)

    assert next(d.psi for d in at_pace if d.feature == "records") > 1.0
    assert severities(at_pace)["records"] == "ok"
    assert severities(faster)["records"] == "act"
    sentence = drift_findings(at_pace, customers=3_000, monthly_margin=25.0, season=None)[-1].sentence
    assert "1 move on at the pace they had when the model was tested" in sentence


def test_what_looked_the_same_a_year_ago_is_the_season(reference):
    present = customers(TODAY, use=1.0)
    year_ago = Season(
        DayCounts.of(reference, customers(date(2024, 7, 1), use=1.0)), "a year before (2024-07-01)", excuses=True
    )
    other = Season(DayCounts.of(reference, customers(date(2024, 7, 1))), "a year before (2024-07-01)", excuses=True)
    shown_only = Season(DayCounts.of(reference, customers(date(2024, 7, 1), use=1.0)), "a month before", excuses=False)

    assert severities(judged(reference, present, year_ago, on=TODAY))["use"] == "ok"
    assert severities(judged(reference, present, other, on=TODAY))["use"] == "act"
    assert severities(judged(reference, present, shown_only, on=TODAY))["use"] == "act"


def test_a_column_that_broke_last_night_is_found_missing(reference):
    broken = customers(TODAY, records=5 / 3).with_columns(use=pl.lit(None, dtype=pl.Float64))
    as_text = customers(TODAY, records=5 / 3).with_columns(use=pl.lit("n/a"))
    gone = customers(TODAY, records=5 / 3).drop("use")

    for frame in (broken, as_text, gone):
        found = judged(reference, frame, None, on=TODAY)
        assert (found[0].feature, found[0].severity, found[0].missing) == ("use", "act", 1.0)
        assert (
            "missing for 100 %" in drift_findings(found, customers=3_000, monthly_margin=25.0, season=None)[0].sentence
        )


def test_new_categories_are_drift(reference):
    found = judged(reference, customers(TODAY, plan="premium", records=5 / 3), None, on=TODAY)

    assert (found[0].feature, found[0].severity) == ("plan", "act")


def test_few_customers_are_not_enough_to_judge_by(reference):
    found = judged(reference, customers(TODAY, rows=999, use=3.0), None)

    assert set(severities(found).values()) == {"unknown"}
    finding = drift_findings(found, customers=999, monthly_margin=25.0, season=None)[-1]
    assert (finding.severity, finding.sentence[:16]) == ("unknown", "Not enough data ")


def test_the_graver_of_last_night_and_of_two_days_like_training_counts(reference):
    quiet = judged(reference, customers(TODAY, records=5 / 3), None, on=TODAY)
    moved = judged(reference, customers(TODAY, use=1.0, records=5 / 3), None, on=TODAY)

    found = worse_of(quiet, lasting(moved, moved, day=TODAY))
    once = worse_of(quiet, lasting(moved, quiet, day=TODAY))

    assert (found[0].feature, found[0].severity, found[0].like_day) == ("use", "act", "2025-07-01")
    assert len(found) == len(FEATURES)
    assert set(severities(once).values()) == {"ok"}, "a day like training's that looked odd once"
    assert severities(worse_of(moved, []))["use"] == "act", "what broke last night counts at once"


def test_findings_weigh_money_by_what_the_model_hangs_on_the_feature(reference):
    found = judged(
        reference, customers(TODAY, use=1.0, records=5 / 3), None, on=TODAY, importance={"use": Importance(0.6, 0.05)}
    )

    finding = drift_findings(found, customers=10_000, monthly_margin=25.0, season=None)[0]
    assert finding.money_at_risk == pytest.approx(found[0].moved * 0.05 * 10_000 * 25.0)
    assert acting_share(found) == pytest.approx(0.6)
    assert "carries 60 %" in finding.sentence
    assert describe(found, reference, None, 3_000).false_alarm_rate == pytest.approx(0.001)


def test_a_reference_survives_the_file_and_another_format_is_refused(reference):
    assert Reference.kept(json.loads(json.dumps(reference.as_json()))) == reference
    assert Reference.kept(reference.as_json() | {"format": 99}) is None
    assert Reference.kept({"format": 1}) is None


def test_where_test_and_training_share_their_days_the_days_themselves_tell_the_pace():
    frame = pl.concat([customers(date(2025, month, 1), records=month / 3) for month in (1, 2, 3)])

    made = build_reference(frame, FEATURES, training=TRAINED, test=TRAINED)

    tolerated = {one.name: one.tolerated for one in made.features}
    assert tolerated["records"] > 0.2
    assert tolerated["use"] < 0.02
    assert made.pace(date(2025, 3, 31)) == pytest.approx(59 / 59, abs=0.02)
    assert made.pace(date(2025, 6, 1)) > 2.0


def test_dates_count_as_days_before_the_snapshot():
    frame = customers(date(2025, 1, 1)).with_columns(since=pl.lit(date(2024, 12, 1)))

    made = build_reference(frame, ("since",), training=None, test=None)

    assert made.features[0].kind == "number"


def test_counts_of_parts_of_the_customers_add_up_to_those_of_all(reference):
    frame = customers(TODAY, use=1.0).with_columns(
        use=pl.when(pl.int_range(pl.len()) % 7 == 0).then(float("nan")).otherwise("use"), plan=pl.lit(" ")
    )
    parts = [DayCounts.of(reference, frame.filter(pl.int_range(pl.len()) % 3 == part)) for part in range(3)]
    parts.append(DayCounts.of(reference, frame.clear()))

    added, whole = sum(parts, start=DayCounts.none(reference)), DayCounts.of(reference, frame)

    assert added.rows == whole.rows == 3_000
    for feature in reference.features:
        assert added.of_feature(feature).tolist() == whole.of_feature(feature).tolist()
        assert added.of_feature(feature).sum() == 3_000
