"""Reasons in words: the strongest ones, their values, and what changed since the last run."""

from __future__ import annotations

import json
from datetime import date

import numpy as np
import polars as pl
import pytest

from churn.documents.reason import RiskReason
from churn.modeling.reasons.explain import Explanation
from churn.modeling.reasons.sentences import change_reasons_json, reasons_json
from churn.modeling.reasons.words import words_of
from churn.warehouse.models.sql_models import FeatureDoc

LOGIN = FeatureDoc("days_since_last_login", "usage", "Days since the last login.", True, "no login for {} days")
FAILURES = FeatureDoc("failures", "payments", "Failed payments in 60 days.", True, "{} failed payments in 60 days")
PLAN = FeatureDoc("plan", "plan", "Plan.", False, "plan {}")
DOCS = (LOGIN, FAILURES, PLAN)


def explained(points):
    points = np.asarray(points, dtype=np.float32)
    names = tuple(doc.name for doc in DOCS)[: points.shape[1]]
    return Explanation(names, 0.0, 0.08, points, points, points.sum(axis=1), 0.08 + points.sum(axis=1), "exact")


def reason(feature, value, text, points, *, is_actionable):
    return RiskReason(feature=feature, value=value, text=text, points=points, is_actionable=is_actionable)


def reasons(explanation, frame, **options):
    """Read the written reasons of each customer back."""
    rows = reasons_json(explanation, frame, DOCS, **options)
    return [[RiskReason.read(reason, where="reasons") for reason in json.loads(row)] for row in rows]


@pytest.fixture
def frame():
    return pl.DataFrame(
        {
            "customer_id": ["a", "b", "c"],
            "days_since_last_login": [23.0, 1.0, None],
            "failures": [0, 1, 2],
            "plan": ['the "best"', "Basic", None],
        }
    )


def test_reasons_are_worded_with_their_value_strongest_first(frame):
    found = reasons(explained([[0.062, -0.01, 0.02], [-0.03, 0.05, 0.0], [0.01, 0.02, 0.03]]), frame)
    assert found[0] == [
        reason("days_since_last_login", 23.0, "no login for 23 days", 0.062, is_actionable=True),
        reason("plan", 'the "best"', 'plan the "best"', 0.02, is_actionable=False),
        reason("failures", 0, "no failed payments in 60 days", -0.01, is_actionable=True),
    ]
    assert [r.text for r in found[1]] == ["1 failed payment in 60 days", "no login for 1 day"]
    assert [r.text for r in found[2]] == [
        "plan: not known",
        "2 failed payments in 60 days",
        "days since the last login: not known",
    ]


def test_only_the_top_reasons_are_told(frame):
    found = reasons(explained([[0.01, 0.03, 0.02]] * 3), frame, top=2)
    assert [[r.feature for r in row] for row in found] == [["failures", "plan"]] * 3


def test_a_customer_without_reasons_has_an_empty_list(frame):
    assert reasons_json(explained(np.zeros((3, 3))), frame, DOCS).to_list() == ["[]"] * 3


def test_json_of_many_customers_is_valid_whatever_the_text():
    odd = ['"', "\\", "\n", "Zoë", "{}", "日本", "</script>"]
    frame = pl.DataFrame({"customer_id": [str(i) for i in range(7)], "plan": odd})
    points = np.full((7, 1), 0.01, dtype=np.float32)
    told = Explanation(("plan",), 0.0, 0.08, points, points, points[:, 0], points[:, 0], "exact")
    found = [json.loads(text) for text in reasons_json(told, frame, DOCS)]
    assert [row[0]["value"] for row in found] == odd


def test_no_customers_have_no_reasons(frame):
    assert reasons_json(explained(np.zeros((0, 3))), frame.clear(), DOCS).to_list() == []


def test_undocumented_features_are_named_in_plain_words():
    words = words_of(pl.Series([3.5]), "event_count.page_view", None)
    assert words.texts == ["event count: page view: 3.5"]
    assert not words.is_actionable


@pytest.mark.parametrize(
    ("value", "name", "phrase", "text"),
    [
        (0.3456, "payment_failure_ratio", "{} of payments failed", "34.6 % of payments failed"),
        (1.0, "usage_ratio_7_30", "weekly use is {} times the monthly pace", "weekly use is 1 times the monthly pace"),
        (
            0.5,
            "usage_ratio_7_30",
            "weekly use is {} times the monthly pace",
            "weekly use is 0.5 times the monthly pace",
        ),
        (1234567, "spend_total", "paid {} in all", "paid 1,234,567 in all"),
        (1234.567, "spend_total", "paid {} in all", "paid 1,235 in all"),
        (24.99, "fee", "pays {} a month", "pays 25 a month"),
        (9.99, "fee", "pays {} a month", "pays 9.99 a month"),
        (-0.0001, "slope", "changes by {}", "changes by 0"),
        (1, "refunds_90d", "{} refunds in 90 days", "1 refund in 90 days"),
        (1, "active_days_30d", "active on {} of 30 days", "active on 1 of 30 days"),
        (1, "inactivity", "silence of {} weeks' worth of use", "silence of 1 weeks' worth of use"),
        (True, "is_new_user", "new customer: {}", "new customer"),
        (0, "has_unpaid_bill", "a bill is unpaid: {}", "a bill is unpaid: no"),
        (date(2025, 3, 1), "renewal", "renews on {}", "renews on 2025-03-01"),
        ("Basic", "plan", "on a plan", "on a plan"),
        (0.0, "tickets_decayed_3d", "about {} tickets in recent days", "no tickets in recent days"),
        (0.005, "tickets_decayed_3d", "about {} tickets in recent days", "hardly any tickets in recent days"),
        (0.5, "tickets_decayed_10d", "about {} tickets in recent weeks", "about 1 ticket in recent weeks"),
        (
            2.19,
            "failures_decayed_10d",
            "about {} failed payments in recent weeks",
            "about 2 failed payments in recent weeks",
        ),
    ],
)
def test_values_are_told_as_people_say_them(value, name, phrase, text):
    doc = FeatureDoc(name, "group", "What it is.", False, phrase)
    assert words_of(pl.Series([value]), name, doc).texts == [text]


def test_equal_values_are_worded_once():
    words = words_of(pl.Series([1.0, 2.0, 1.0, None, float("nan")]), "failures", FAILURES)
    assert len(words.texts) == 3
    assert [words.texts[c] for c in words.code][3:] == ["failed payments in 60 days: not known"] * 2


def test_what_changed_is_told_by_how_far_points_moved(frame):
    before = pl.DataFrame(
        {"customer_id": ["c", "a"], "days_since_last_login": [0.0, 0.02], "failures": [0.0, 0.01], "plan": [0.0, 0.0]}
    )
    found = change_reasons_json(
        explained([[0.062, 0.01, 0.0], [0.1, 0.1, 0.1], [0.0, 0.0, -0.05]]), before, frame, DOCS
    )
    assert [(r["feature"], r["points"]) for r in json.loads(found[0])] == [("days_since_last_login", 0.042)]
    assert found[1] is None
    assert [(r["text"], r["points"]) for r in json.loads(found[2])] == [("plan: not known", -0.05)]


def test_a_feature_that_the_earlier_run_lacks_is_no_reason_for_change(frame):
    before = pl.DataFrame({"customer_id": ["a", "b", "c"], "plan": [0.0, 0.0, 0.0]})
    found = change_reasons_json(explained([[0.5, 0.5, 0.01]] * 3), before, frame, DOCS)
    assert [[r["feature"] for r in json.loads(text)] for text in found] == [["plan"]] * 3
