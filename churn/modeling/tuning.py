"""Searches each candidate's parameters on later rows of the training span, within a budget of minutes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churn.modeling.candidates import Candidate
from churn.modeling.encoding.columns import Floats
from churn.modeling.learners import Parameters, Sample, weighted_log_loss
from churn.progress import Progress

_FIT_ROWS = 25_000
_WATCH_ROWS = 15_000
_WATCH_SHARE = 0.2
_MAX_TRIALS = 200
_PLANNED_SHARE = 0.6  # of the budget; the rest is slack before the clock cuts the plan short


@dataclass(frozen=True)
class InnerSplit:
    """Rows of the training span to fit on, and later (or other customers') rows to watch, as positions."""

    fit: NDArray[np.int64]
    watch: NDArray[np.int64]


@dataclass(frozen=True)
class Tuned:
    """The best parameters, the number of trials, and whether time ran out before all planned trials."""

    params: dict[str, float]
    trials: int
    is_cut_short: bool


def inner_split(
    snapshot: NDArray[Any], customer: NDArray[np.int64], y: Floats, *, is_temporal: bool, seed: int
) -> InnerSplit:
    """Split training rows: the newest snapshots are watched, or, where time is no guide, a fifth of the customers.

    Both parts are sampled down to what a search needs.
    """
    rng = np.random.default_rng(seed)
    watch = np.zeros(y.size, dtype=np.bool_)
    dates, position = np.unique(snapshot, return_inverse=True)
    if is_temporal and dates.size >= 3:
        newest_first = np.cumsum(np.bincount(position)[::-1])
        taken = int(np.searchsorted(newest_first, _WATCH_SHARE * y.size)) + 1
        watch = position >= dates.size - taken
    if not _has_both(y, watch):
        watch = (rng.random(int(customer.max()) + 1) < _WATCH_SHARE)[customer]
    if not _has_both(y, watch):
        watch = rng.random(y.size) < 0.5  # a handful of rows: any halves that hold both outcomes will do
    if not _has_both(y, watch):
        both = np.arange(y.size)
        return InnerSplit(both, both)
    fit_rows, watch_rows = np.flatnonzero(~watch), np.flatnonzero(watch)
    return InnerSplit(_some(fit_rows, _FIT_ROWS, y, rng), _some(watch_rows, _WATCH_ROWS, y, rng))


def tune(
    entry: Candidate,
    data: Sample,
    split: InnerSplit,
    *,
    minutes: float,
    seed: int,
    progress: Progress,
    clock: Callable[[], float] = time.monotonic,
) -> Tuned:
    """Search for the lowest log loss on watched rows in at most `minutes`; 0 only finds how long to train.

    The defaults are the first trial, so tuning never makes a candidate worse on the rows it watches.
    """
    stops_early = not {"rounds", "epochs"}.isdisjoint(entry.defaults)
    planned = planned_trials(entry, len(split.fit), data.X.shape[1], minutes)
    if planned <= 1 and not stops_early:
        return Tuned(dict(entry.defaults), 0, is_cut_short=False)
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=6))
    for start in (entry.defaults, *entry.starts):
        study.enqueue_trial(dict(start))
    fit, watch = data.rows(split.fit), data.rows(split.watch)
    best: tuple[float, Parameters] = (np.inf, entry.defaults)
    deadline = np.inf
    done = 0
    for number in range(max(planned, 1)):
        if number and clock() > deadline:
            break
        progress.step(
            f"Tuning {entry.title.lower()}, trial {number + 1} of {max(planned, 1)}", number / max(planned, 1)
        )
        trial = study.ask()
        params = {**entry.defaults, **entry.search(trial)}
        loss, tuned = _try(entry, {**params, **entry.draft}, fit, watch, seed)
        study.tell(trial, loss)
        done += 1
        if number == 0:
            deadline = clock() + 60.0 * minutes  # the first trial, that of the defaults, also loads the libraries
        if loss < best[0]:
            best = (loss, {**params, **tuned})
    return Tuned(dict(best[1]), done, is_cut_short=done < planned)


def planned_trials(entry: Candidate, rows: int, columns: int, minutes: float) -> int:
    """Return how many trials a budget of `minutes` (this candidate's own) is planned to hold.

    Planned from the size of the data, not from the clock, so that the same data give the same model on a fast and on a
    slow machine.
    """
    size = max(0.1, rows * columns / (25_000 * 80))  # even the smallest fit takes its time
    return int(min(_MAX_TRIALS, _PLANNED_SHARE * 60.0 * minutes / (entry.trial_seconds * size)))


def _try(entry: Candidate, params: Parameters, fit: Sample, watch: Sample, seed: int) -> tuple[float, dict[str, float]]:
    from scipy.special import expit

    learnt = entry.learn(fit, params, seed, watch)
    raw = entry.score(learnt.estimator, watch.X)
    p = raw if entry.raw_unit == "probability" else np.asarray(expit(raw))
    return weighted_log_loss(watch.y, p, watch.weight), learnt.stopped_at


def _has_both(y: Floats, watch: NDArray[np.bool_]) -> bool:
    return all(part.size > 1 and np.ptp(part) > 0 for part in (y[watch], y[~watch]))


def _some(rows: NDArray[np.int64], limit: int, y: Floats, rng: np.random.Generator) -> NDArray[np.int64]:
    if rows.size <= limit:
        return rows
    chosen = np.sort(rng.choice(rows, size=limit, replace=False))
    return chosen if np.ptp(y[chosen]) > 0 else rows
