from __future__ import annotations

import numpy as np
import pytest

from churn.decisions.fairness import treatment_by_group


def test_groups_are_compared_by_the_four_fifths_rule_with_intervals() -> None:
    groups = ["a"] * 1000 + ["b"] * 1000 + ["c"] * 1000 + ["d"] * 50
    contacted = np.r_[np.arange(1000) < 500, np.arange(1000) < 300, np.arange(1000) < 390, np.zeros(50)]
    churned = np.r_[np.arange(1000) < 100, np.arange(1000) < 100, np.arange(1000) % 10 == 0, np.ones(50)]
    found = {one.group: one for one in treatment_by_group(groups, churned, contacted)}
    assert {name: one.verdict for name, one in found.items()} == {
        "a": "reference",
        "b": "below",
        "c": "unclear",
        "d": "too few",
    }
    assert (found["b"].ratio, found["a"].recall.value) == (pytest.approx(0.6), 1.0)
    assert found["a"].false_positive_rate.hits == 400
    assert found["d"].false_positive_rate.value is None
    low, high = found["b"].ratio_interval or (0.0, 0.0)
    assert low == pytest.approx(0.6 / np.exp(1.959964 * np.sqrt(1 / 300 - 1e-3 + 1 / 500 - 1e-3)))
    assert low < 0.6 < high < 0.8
