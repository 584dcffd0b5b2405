from __future__ import annotations

import numpy as np
import polars as pl

from churn.modeling.judging.fairness import fairness_lines, fairness_slices


def test_the_card_names_groups_where_the_data_has_them_and_is_silent_where_not() -> None:
    test = pl.DataFrame({"age_band": ["x", "y"] * 200, "country": ["DE"] * 400, "has_churned": [True, False] * 200})
    probability = np.tile([0.9, 0.1], 200)
    (found,) = fairness_slices(test, probability, 0.5)
    assert (found.by, found.is_below) == ("age_band", True)
    assert "y is contacted less than 0.8 times" in found.sentence
    assert any("four-fifths" in line for line in fairness_lines([found]))
    assert fairness_lines([]) == []
    (nobody,) = fairness_slices(test, probability, None)
    assert "nobody is contacted" in nobody.sentence
