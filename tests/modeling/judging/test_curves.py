from __future__ import annotations

from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from churn.decisions.profit import Economics
from churn.modeling.judging.curves import POINTS, evaluation_curves


def judged_rows(n: int = 2_000, seed: int = 5) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    p = rng.beta(0.6, 6, n)
    return pl.DataFrame({"has_churned": rng.random(n) < p, "churn_probability": p, "monthly_margin": [25.0] * n})


def test_the_curves_run_from_nobody_to_everybody_and_fit_one_chart():
    rows = judged_rows()
    found = evaluation_curves(rows, Economics(), 0.2)
    churners = int(rows["has_churned"].sum())
    assert (found.customers, found.churners) == (2_000, churners)
    for name, x, y in (("roc", "false_positive_rate", "recall"), ("gains", "contacts_share", "recall")):
        points = [point.as_json() for point in getattr(found, name)]
        assert len(points) <= POINTS + 2
        assert (points[0][x], points[0][y], points[-1][x], points[-1][y]) == (0.0, 0.0, 1.0, 1.0)
        assert all(b[x] >= a[x] and b[y] >= a[y] for a, b in pairwise(points))
    assert [round(cut.share, 1) for cut in found.cuts] == [k / 10 for k in range(1, 11)]
    assert found.cuts[-1].lift == pytest.approx(1.0)
    assert sum(each.customers for each in found.calibration) == 2_000
    assert all(each.low <= each.observed <= each.high for each in found.calibration)


def test_the_chosen_cut_is_what_contacting_from_the_threshold_on_finds():
    rows = judged_rows()
    chosen = evaluation_curves(rows, Economics(), 0.2).chosen
    contacted = rows.filter(pl.col("churn_probability") >= 0.2)
    assert chosen.contacts == contacted.height
    assert chosen.found == contacted["has_churned"].sum()
    assert chosen.recall == pytest.approx(chosen.found / rows["has_churned"].sum())


def test_each_round_probability_has_the_cut_of_whoever_has_it_or_more():
    rows = judged_rows()
    thresholds = evaluation_curves(rows, Economics(), 0.2).thresholds
    assert [cut.threshold for cut in thresholds][:4] == [0.02, 0.05, 0.1, 0.15]
    for cut in thresholds:
        contacted = rows.filter(pl.col("churn_probability") >= cut.threshold)
        assert (cut.contacts, cut.found) == (contacted.height, contacted["has_churned"].sum())
        assert cut.contacts > 0


@pytest.mark.parametrize("churned", [False, True])
def test_rows_of_one_outcome_only_are_told_too(churned):
    rows = judged_rows(60).with_columns(has_churned=pl.lit(value=churned))
    found = evaluation_curves(rows, Economics(), None)
    assert found.chosen is None
    assert found.base_rate == float(churned)
