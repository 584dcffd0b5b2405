"""Learns hazards by month and cause beside the model that serves, and judges them on later customers."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from churn.decisions.lifetime import MONTHS_AHEAD
from churn.decisions.survival_scores import product_limit
from churn.documents.lifetime import LifetimeVerdict
from churn.modeling.encoding.columns_of import TargetPlan
from churn.modeling.encoding.encoder import RAW
from churn.modeling.lifetime.followed import KINDS, ROW, Followed, followed
from churn.modeling.lifetime.hazards import FittedHazards, Penalties, Scaling, fit_hazards, fit_scaling
from churn.modeling.lifetime.judging import OutOfTime, cut_day, judge
from churn.modeling.lifetime.serving import HazardValues, LifetimeFile, hazard_values
from churn.progress import SILENT, Progress

if TYPE_CHECKING:
    from churn.config import TrainingSettings
    from churn.modeling.serving.served import ServedModel
    from churn.snapshots.dataset import TrainingSet

ROWS: Final = 12_000
LEAST_MONTHS: Final = 3  # that must be followed on either side of the day that hazards are judged from
LEAST_LOSSES: Final = 100  # by a cause, to have hazards of its own
LEAST_IN_PERIOD: Final = 30  # losses of a period, to have a level of its own
LEAST_AT_RISK: Final = 200


def learn_lifetime(
    model: ServedModel, data: TrainingSet, *, training: TrainingSettings, progress: Progress = SILENT
) -> LifetimeFile:
    """Learn from how long the customers of `data` stayed, read through the encoder of `model`, and judge.

    The file's verdict says why where there is too little to learn from or hazards fail on later customers. Encoded columns
    that know outcomes (shares of churn by category) are left out, so that nothing of the judging rows gets in.
    """
    if model.encoder.recipe == RAW:
        return _refused("the model was made elsewhere, and its columns are not prepared for hazards")
    if data.times is None or data.times.is_empty():
        cause = "churn is silence" if data.policy.definition == "inactivity" else "the source tells no dates of loss"
        return _refused(f"{cause}, so nobody can be followed over months")
    rows = _rows(data, training)
    causes, merged = _causes(rows, data.policy.definition)
    if causes is None:
        return _refused(f"fewer than {LEAST_LOSSES} losses of the kind that counts were followed")
    rows = merged
    seen = {day: int(rows.observed[rows.day == np.datetime64(day, "D")].max()) for day in _days(rows)}
    day = cut_day(list(seen), seen)
    before = 0 if day is None else (day - min(seen)).days // 30
    after = 0 if day is None else seen[day]
    if day is None or min(before, after) < LEAST_MONTHS:
        longest = max(seen.values(), default=0)
        return _refused(
            f"history is too short: the oldest of {len(seen)} snapshots was followed for {longest} months, and at least "
            f"{2 * LEAST_MONTHS} are needed, half to learn from and half to judge by"
        )
    from threadpoolctl import threadpool_limits

    progress.step("Learning when customers leave")
    earlier = rows.some(rows.day < np.datetime64(day, "D")).as_known_on(day, data.policy)
    later = rows.some(rows.day >= np.datetime64(day, "D")).sampled(ROWS)
    learnt_from = earlier.sampled(ROWS)
    if int(earlier.is_lost.sum()) < LEAST_LOSSES or int(later.is_lost.sum()) < LEAST_LOSSES:
        return _refused(f"fewer than {LEAST_LOSSES} losses were followed before or after {day}")
    sample = rows.sampled(ROWS)
    with threadpool_limits(limits=1, user_api="blas"):  # the same sums in the same order, whatever runs beside
        scaling, tried = _fit(model, data, learnt_from, len(causes))
        ahead = tried.weights.hazards(scaling(model.matrix(features_of(data, later))), tried.trust)
        judged = judge(ahead, later, earlier, min(after, MONTHS_AHEAD))
        scaling, fitted = _fit(model, data, sample, len(causes), tried.penalties)
    values = hazard_values(fitted, scaling, causes, _counted(causes, data.policy.definition), data.policy.window_days)
    return LifetimeFile(verdict=_verdict(judged, values, sample.size, day - timedelta(days=1)), hazards=values)


def _rows(data: TrainingSet, training: TrainingSettings) -> Followed:
    """Leave treated customers out where enough others remain, as training does."""
    others = followed(data, keeps_treated=False)
    is_enough = int(others.is_lost.sum()) >= max(training.min_churners, LEAST_LOSSES)
    return others if is_enough else followed(data, keeps_treated=True)


def _causes(rows: Followed, definition: str) -> tuple[tuple[str, ...] | None, Followed]:
    """Return the causes that have enough losses to be told apart, and the rows with all others joined to them."""
    losses = [int(np.count_nonzero(rows.cause == c)) for c in range(len(KINDS))]
    needed = losses if definition == "any" else [losses[KINDS.index(definition)]]
    if sum(needed) < LEAST_LOSSES:
        return None, rows
    if min(losses) >= LEAST_LOSSES:
        return KINDS, rows
    joined = np.where(rows.cause >= 0, 0, -1)
    return ("any",), Followed(rows.frame, rows.observed, joined, rows.group, rows.day)


def _counted(causes: tuple[str, ...], definition: str) -> tuple[bool, ...]:
    return tuple(definition == "any" or cause in (definition, "any") for cause in causes)


def _fit(
    model: ServedModel, data: TrainingSet, rows: Followed, causes: int, penalties: Penalties | None = None
) -> tuple[Scaling, FittedHazards]:
    matrix = model.matrix(features_of(data, rows))
    outcome_columns = {name for plan in model.encoder.plans if isinstance(plan, TargetPlan) for name in plan.names}
    columns = [i for i, name in enumerate(model.encoded_names) if name not in outcome_columns]
    scaling = fit_scaling(matrix, columns)
    return scaling, fit_hazards(scaling(matrix), rows, causes, known_periods(rows), penalties)


def features_of(data: TrainingSet, rows: Followed) -> pl.DataFrame:
    """Return the rows of the training set that are followed, in order."""
    return data.frame[rows.frame[ROW].to_numpy()]


def known_periods(rows: Followed) -> int:
    """Return how many periods, from the first on, have losses enough for a level of their own; 1 at least."""
    hazard, at_risk = product_limit(rows.observed, rows.is_lost, MONTHS_AHEAD)
    enough = (at_risk >= LEAST_AT_RISK) & (hazard * at_risk >= LEAST_IN_PERIOD)
    return MONTHS_AHEAD if enough.all() else max(int(np.argmin(enough)), 1)


def _days(rows: Followed) -> list[date]:
    return sorted(pl.Series(rows.day).unique().to_list())


def _verdict(judged: OutOfTime, values: HazardValues, rows: int, learnt_until: date) -> LifetimeVerdict:
    return LifetimeVerdict(
        is_passed=not judged.reasons,
        reasons=judged.reasons,
        causes=values.causes,
        known_months=len(values.trust),
        rows=rows,
        learnt_until=learnt_until,
        judged_rows=judged.rows,
        judged_months=judged.months,
        horizons=judged.horizons,
        d_shares=tuple(np.round(judged.d.shares, 5).tolist()),
        d_p_value=judged.d.p_value,
        brier=judged.brier,
        brier_everyone=judged.brier_everyone,
    )


def _refused(reason: str) -> LifetimeFile:
    return LifetimeFile(verdict=LifetimeVerdict(is_passed=False, reasons=(reason,)))
