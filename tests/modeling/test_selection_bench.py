"""The rule of choosing costs little on small sets: a small version of `python -m benchmarks.selection`."""

from __future__ import annotations

import numpy as np

from benchmarks.selection import CHEAP, Population, choices, choose, share_of_best, train_small
from churn.modeling.encoding.encoder import LearningRows
from tests.modeling import made_up

CANDIDATES = tuple(entry for entry in CHEAP if entry.name in {"logistic_regression", "shallow_xgboost"})


def population() -> Population:
    frame = made_up.customers(count=3_000, dates=1)
    y = frame["has_churned"].to_numpy().astype(float)
    features = ("days_since_last_login", "number_of_payment_failures_60d", "average_weekly_usage", "plan", "city")
    value = np.random.default_rng(4).gamma(4.0, 20.0, y.size)
    return Population(LearningRows(frame, y, np.ones(y.size), np.arange(y.size)), features, value)


def test_the_chosen_candidate_earns_nearly_what_the_best_in_hindsight_earns() -> None:
    small = train_small(population(), 600, 3, CANDIDATES)
    made = [choice for draw in range(8) if (choice := choose(small, draw)) is not None]
    assert len(made) == 8
    assert all(choice.money <= choice.best for choice in made)
    assert share_of_best(made) > 0.95
    assert all(choice.oracle <= 1.0 for choice in made)


def test_rows_left_over_are_those_no_candidate_learnt_from() -> None:
    people = population()
    small = train_small(people, 300, 5, CANDIDATES[:1])
    assert small.y.size + small.later_y.size == people.rows.y.size
    assert small.y.sum() + small.later_y.sum() == people.rows.y.sum()
    assert {scored.later.size for scored in small.scored} == {small.later_y.size}


def test_sets_are_spread_over_the_trainings() -> None:
    assert len(list(choices(population(), sets=2, trainings=1, seed=1))) == 2
