from __future__ import annotations

from dataclasses import replace

import pytest

from churn.monitoring.retrain_policy import RetrainFacts, RetrainRules, decide_retraining

QUIET = RetrainFacts(age_days=60, days_since_training=60, new_snapshots=2, new_rows_share=0.3)
RULES = RetrainRules(max_age_days=180, new_data_share=1.0, cooldown_days=28, drift_importance=0.10)


@pytest.mark.parametrize(
    ("found", "is_due", "window", "word"),
    [
        ({}, False, "all", "nothing speaks for one"),
        ({"decayed": ("auc", "recall")}, True, "recent", "outside the test's interval (auc, recall)"),
        ({"has_label_drift": True}, True, "recent", "churn rate has changed"),
        ({"drifted_importance": 0.12}, True, "all", "carry 12 % of the model"),
        ({"drifted_importance": 0.09}, False, "all", "nothing speaks for one"),
        ({"has_score_drift": True}, True, "all", "scores have drifted"),
        ({"age_days": 181}, True, "all", "181 days old, more than 180"),
        ({"age_days": 180}, False, "all", "nothing speaks for one"),
        ({"age_days": None}, False, "all", "nothing speaks for one"),
        ({"new_rows_share": 1.0}, True, "all", "100 % as many labelled rows"),
        ({"decayed": ("slope",), "age_days": 999}, True, "recent", "999 days old"),
        ({"decayed": ("slope",), "new_snapshots": 0}, False, "recent", "the same labels give the same model"),
        ({"decayed": ("slope",), "days_since_training": 27}, False, "recent", "within the 28 days of rest"),
        ({"decayed": ("slope",), "days_since_training": 28}, True, "recent", "know the new rules"),
        ({"decayed": ("slope",), "days_since_training": None}, True, "recent", "know the new rules"),
        ({"age_days": 999, "new_snapshots": 0}, False, "all", "but no labels have matured"),
    ],
)
def test_a_training_is_due_for_a_reason_and_when_it_can_help(found, is_due, window, word):
    decision = decide_retraining(replace(QUIET, **found), RULES)

    assert (decision.is_due, decision.window) == (is_due, window)
    assert word in decision.sentence
    assert bool(decision.blocked_by) == (bool(decision.reasons) and not is_due)


def test_no_importance_asked_for_is_not_a_reason_by_itself():
    assert not decide_retraining(QUIET, replace(RULES, drift_importance=0.0)).is_due
