from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from churn.modeling.candidates import CANDIDATES, candidate
from churn.modeling.learners import Sample, weighted_log_loss
from churn.modeling.tuning import InnerSplit, inner_split, planned_trials, tune
from churn.progress import SILENT


class Heard:
    def __init__(self):
        self.messages = []

    def step(self, message, done=None):
        self.messages.append(message)


def sample(rows=1_500, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, 6)).astype(np.float32)
    y = (rng.random(rows) < expit(X[:, 0] - X[:, 1] + X[:, 2] * X[:, 3] - 1)).astype(np.float64)
    return Sample(X, y, np.ones(rows))


def halves(rows=1_500):
    return InnerSplit(np.arange(rows // 2), np.arange(rows // 2, rows))


@pytest.mark.parametrize("entry", CANDIDATES, ids=lambda c: c.name)
def test_tuning_is_no_worse_than_the_defaults_on_the_rows_it_watches(entry):
    data, split = sample(), halves()
    tuned = tune(entry, data, split, minutes=0.0, seed=3, progress=SILENT)
    better = tune(entry, data, split, minutes=0.05, seed=3, progress=SILENT)

    def loss(params):
        learnt = entry.learn(data.rows(split.fit), params, 3, None)
        raw = entry.score(learnt.estimator, data.X[split.watch])
        p = raw if entry.raw_unit == "probability" else expit(raw)
        return weighted_log_loss(data.y[split.watch], p, data.weight[split.watch])

    assert loss(better.params) <= loss(tuned.params) + 0.01


def test_no_minutes_means_defaults_and_only_the_length_of_training_is_found():
    assert tune(candidate("random_forest"), sample(), halves(), minutes=0.0, seed=1, progress=SILENT).trials == 0
    found = tune(candidate("xgboost"), sample(), halves(), minutes=0.0, seed=1, progress=SILENT)
    assert found.trials == 1
    assert 1 <= found.params["rounds"] < 350
    assert found.params["depth"] == candidate("xgboost").defaults["depth"]


def test_the_clock_ends_a_search_and_that_is_told():
    ticks = iter(range(0, 10_000, 50))
    entry = candidate("logistic_regression")
    found = tune(entry, sample(), halves(), minutes=1.0, seed=1, progress=SILENT, clock=lambda: float(next(ticks)))
    assert found.is_cut_short
    assert found.trials < planned_trials(entry, 750, 6, 1.0)


def test_the_number_of_trials_follows_from_the_data_and_the_budget():
    entry = candidate("xgboost")
    assert planned_trials(entry, 25_000, 80, 0.0) == 0
    assert planned_trials(entry, 25_000, 80, 1.0) < planned_trials(entry, 25_000, 80, 3.0)
    assert planned_trials(entry, 25_000, 80, 10_000.0) == 200


def test_the_same_seed_finds_the_same_parameters_and_progress_is_told():
    heard = Heard()
    entry = candidate("logistic_regression")
    first, again = (  # the clock stands still: on a machine under load it would end one of the searches early
        tune(entry, sample(), halves(), minutes=0.1, seed=5, progress=progress, clock=lambda: 0.0)
        for progress in (heard, SILENT)
    )
    assert first == again
    assert heard.messages[0].startswith("Tuning logistic regression, trial 1 of")


def test_the_newest_snapshots_are_watched():
    snapshot = np.repeat(np.arange(8), 100)
    y = np.tile([0.0, 1.0, 0.0, 0.0], 200)
    found = inner_split(snapshot, np.tile(np.arange(100), 8), y, is_temporal=True, seed=1)
    assert snapshot[found.fit].max() < snapshot[found.watch].min()
    assert 0.1 < found.watch.size / 800 < 0.4


def test_without_time_no_customer_is_on_both_sides():
    customer = np.repeat(np.arange(200), 3)
    y = np.tile([0.0, 1.0, 0.0], 200)
    found = inner_split(np.zeros(600), customer, y, is_temporal=False, seed=1)
    assert not set(customer[found.fit]) & set(customer[found.watch])


def test_a_search_looks_at_a_sample_of_many_rows():
    rows = 90_000
    y = (np.arange(rows) % 10 == 0).astype(np.float64)
    found = inner_split(np.zeros(rows), np.arange(rows), y, is_temporal=False, seed=1)
    assert (found.fit.size, found.watch.size) == (25_000, 15_000)


def test_weights_count_like_repeated_rows():
    data = sample(600)
    weight = np.random.default_rng(1).integers(1, 4, 600)
    repeated = Sample(np.repeat(data.X, weight, axis=0), np.repeat(data.y, weight), np.ones(int(weight.sum())))
    entry = candidate("logistic_regression")
    one = entry.learn(Sample(data.X, data.y, weight.astype(np.float64)), entry.defaults, 1, None).estimator
    other = entry.learn(repeated, entry.defaults, 1, None).estimator
    assert one.coef_ == pytest.approx(other.coef_, abs=1e-3)
