from __future__ import annotations

import numpy as np
import pytest

from churn.errors import NotEnoughData
from churn.modeling.slices import require_both_outcomes, require_enough, sample_rows


def labels(rows=50_000, rate=0.08, dates=10):
    rng = np.random.default_rng(0)
    return (rng.random(rows) < rate).astype(np.float64), np.repeat(np.arange(dates), rows // dates)


def test_every_row_is_kept_below_the_cap():
    y, snapshot = labels(1_000)
    index, weight = sample_rows(y, snapshot, max_rows=1_000, seed=1)
    assert index.tolist() == list(range(1_000))
    assert (weight == 1.0).all()


def test_every_churner_is_kept_and_weights_restore_the_base_rate():
    y, snapshot = labels()
    index, weight = sample_rows(y, snapshot, max_rows=10_000, seed=1)
    assert index.size == pytest.approx(10_000, abs=10)
    assert y[index].sum() == y.sum()
    assert (weight[y[index] > 0] == 1.0).all()
    assert weight.sum() == pytest.approx(y.size)
    assert np.average(y[index], weights=weight) == pytest.approx(y.mean(), rel=1e-6)


def test_stayers_are_sampled_evenly_over_snapshots():
    y, snapshot = labels()
    index, weight = sample_rows(y, snapshot, max_rows=10_000, seed=1)
    per_date = np.bincount(snapshot[index], weights=weight)
    assert per_date == pytest.approx(np.bincount(snapshot), rel=1e-6)


def test_churners_are_sampled_too_where_they_alone_exceed_the_cap():
    y, snapshot = labels(rate=0.6)
    index, weight = sample_rows(y, snapshot, max_rows=5_000, seed=1)
    assert index.size == pytest.approx(5_000, abs=20)
    assert 0 < (1 - y[index]).sum() < 1_200
    assert np.average(y[index], weights=weight) == pytest.approx(y.mean(), rel=1e-3)


def test_the_same_seed_picks_the_same_rows():
    y, snapshot = labels()
    one, other, third = (sample_rows(y, snapshot, max_rows=9_000, seed=s)[0] for s in (3, 3, 4))
    assert np.array_equal(one, other)
    assert not np.array_equal(one, third)


def test_too_few_churners_are_counted_and_what_is_missing_is_said():
    y = np.array([1.0] * 30 + [0.0] * 900)
    with pytest.raises(NotEnoughData, match=r"30 churners and 900 stayers are too few: 470 more churners are needed"):
        require_enough(y, min_churners=500, min_stayers=500)
    with pytest.raises(NotEnoughData, match="70 more churners and 100 more stayers"):
        require_enough(y, min_churners=100, min_stayers=1_000)
    require_enough(y, min_churners=30, min_stayers=900)


def test_no_rows_and_no_churners_are_each_said():
    with pytest.raises(NotEnoughData, match="no labelled customer"):
        require_enough(np.array([]), min_churners=2, min_stayers=2)
    with pytest.raises(NotEnoughData, match="2 more churners"):
        require_enough(np.zeros(100), min_churners=2, min_stayers=2)


def test_a_slice_without_churners_is_named():
    with pytest.raises(NotEnoughData, match="the select slice holds no churners"):
        require_both_outcomes({"train": np.array([0.0, 1.0]), "select": np.zeros(4)})
