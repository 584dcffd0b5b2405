"""Trains uplift models on a randomised campaign, and says whether the data support any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from churn.decisions.experiment import Effect, newcombe
from churn.decisions.uplift import best_ranking, qini_curve, uplift_by_decile
from churn.errors import ConfigError, ModelError
from churn.modeling.candidates import candidates
from churn.modeling.encoding.columns import Floats
from churn.modeling.encoding.encoder import require_columns
from churn.modeling.uplift.balance import find_imbalances
from churn.modeling.uplift.contest import Experiment, cross_fitted_uplift, fit_pairs, require_both_arms
from churn.modeling.uplift.harm import find_harm
from churn.modeling.uplift.learners import LEARNERS, Learner
from churn.modeling.uplift.model import Scale, UpliftModel
from churn.modeling.uplift.words import UpliftResult, UpliftWords
from churn.progress import SILENT, Progress

if TYPE_CHECKING:
    from churn.warehouse.models.sql_models import FeatureDoc


# The network costs as much as the others together and ranks no better: it may be named, but is not tried by itself.
BASES: Final = ("logistic_regression", "random_forest", "xgboost")
MAX_ROWS: Final = 60_000
DRAWS: Final = 400


@dataclass(frozen=True)
class Contest:
    """An experiment's customers, and for each (learner, candidate) what models that did not see them predicted, (n,)."""

    experiment: Experiment
    features: tuple[FeatureDoc, ...]
    uplifts: Mapping[tuple[str, str], Floats]
    seed: int


def train_uplift(
    frame: pl.DataFrame,
    features: Sequence[FeatureDoc],
    *,
    seed: int,
    learners: Sequence[str] = tuple(LEARNERS),
    bases: Sequence[str] = BASES,
    draws: int = DRAWS,
    outcome: str = "retention",
    progress: Progress = SILENT,
) -> UpliftResult:
    """Learn uplift from `frame`: customer_id, is_treated, is_retained and the features, a row per customer.

    Every learner with every candidate inside predicts out of fold; the highest Qini wins and is fitted on everyone. The
    same frame and seed give the same model. Raises NotEnoughData where an arm holds too few of an outcome, ModelError
    where a feature or an outcome is missing, ConfigError for unknown names.
    """
    contest = hold_contest(frame, features, seed=seed, learners=learners, bases=bases, progress=progress)
    return fit_winner(contest, draws=draws, outcome=outcome, progress=progress)


def hold_contest(
    frame: pl.DataFrame,
    features: Sequence[FeatureDoc],
    *,
    seed: int,
    learners: Sequence[str] = tuple(LEARNERS),
    bases: Sequence[str] = BASES,
    progress: Progress = SILENT,
) -> Contest:
    """Let every learner with every candidate inside predict out of fold. Takes and raises as `train_uplift`."""
    from threadpoolctl import threadpool_limits

    chosen = _learners(learners)
    entries = candidates(bases)
    for entry in entries:
        if entry.members:
            raise ConfigError(
                f"{entry.name} cannot be inside an uplift model",
                where="bases",
                remedy=f"Name one of {', '.join(entry.members)}.",
            )
    experiment = _experiment(frame, features, seed)
    require_both_arms(experiment)
    with threadpool_limits(limits=1, user_api="blas"):
        uplifts = cross_fitted_uplift(experiment, chosen, entries, seed=seed, progress=progress)
    return Contest(experiment, tuple(features), uplifts, seed)


def fit_winner(
    contest: Contest,
    *,
    winner: tuple[str, str] | None = None,
    draws: int = DRAWS,
    outcome: str = "retention",
    progress: Progress = SILENT,
) -> UpliftResult:
    """Judge the rankings, and fit `winner`, by default the pair of highest Qini, on every customer."""
    from threadpoolctl import threadpool_limits

    experiment, seed = contest.experiment, contest.seed
    stayed, treated = experiment.stayed, experiment.treated
    with threadpool_limits(limits=1, user_api="blas"):
        progress.step("Judging the rankings", 0.9)
        named = {"/".join(pair): uplift for pair, uplift in contest.uplifts.items()}
        chosen = None if winner is None else "/".join(winner)
        best = best_ranking(stayed, treated, named, chosen=chosen, draws=draws, seed=seed)
        learner, base = _pair(best.name)
        spread = contest.uplifts[learner, base]
        effect, slope = average_effect(stayed, treated), slope_of(stayed, treated, spread)
        scale = Scale(float(spread.mean()), slope, effect.delta)
        uplift = scale(spread)
        harm = find_harm(experiment.frame, experiment.features, stayed, treated, uplift, seed=seed)
        progress.step("Fitting on every customer", 0.95)
        (fitted,) = fit_pairs(experiment, [LEARNERS[learner]], candidates([base])[0], seed)
        centre = float(fitted.uplift(fitted.encoder.transform(experiment.frame)).mean())
    out_of_fold = experiment.frame.select("customer_id").with_columns(
        pl.Series("is_treated", treated), pl.Series("is_retained", stayed > 0), pl.Series("uplift", uplift)
    )
    contenders = tuple((*_pair(name), qini) for name, qini in sorted(best.qini.items(), key=lambda entry: -entry[1]))
    return UpliftResult(
        model=UpliftModel(fitted, Scale(centre, slope, effect.delta), contest.features, harm.groups),
        effect=effect,
        best=best,
        curve=qini_curve(stayed, treated, spread),
        deciles=tuple(
            replace(decile, predicted=float(scale(np.array([decile.predicted]))[0]))
            for decile in uplift_by_decile(stayed, treated, spread)
        ),
        thirds=uplift_by_decile(stayed, treated, spread, bins=3),
        harm=harm,
        imbalances=find_imbalances(experiment.frame, experiment.features, treated),
        out_of_fold=out_of_fold,
        contenders=contenders,
        words=UpliftWords(outcome),
        seed=seed,
    )


def _pair(name: str) -> tuple[str, str]:
    learner, base = name.split("/")
    return learner, base


def _learners(names: Sequence[str]) -> list[Learner]:
    unknown = [name for name in names if name not in LEARNERS]
    if unknown or not names:
        raise ConfigError(
            f"no learner of uplift is called `{unknown[0]}`" if unknown else "no learner is named",
            where="--learner",
            remedy=f"There are {', '.join(LEARNERS)}.",
        )
    return [LEARNERS[name] for name in dict.fromkeys(names)]


def _experiment(frame: pl.DataFrame, features: Sequence[FeatureDoc], seed: int) -> Experiment:
    names = tuple(doc.name for doc in features)
    require_columns(frame, ["customer_id", "is_treated", "is_retained", *names])
    if not names:
        raise ModelError("no feature is left to learn from", where="uplift")
    if empty := frame["is_treated"].null_count() + frame["is_retained"].null_count():
        raise ModelError(f"arm or outcome of {empty:,} customers is not known", where="uplift")
    if frame.height > MAX_ROWS:
        frame = frame.sample(MAX_ROWS, seed=seed)
    return Experiment(
        frame,
        names,
        frame["is_retained"].cast(pl.Float64).to_numpy(),
        frame["is_treated"].cast(pl.Boolean).to_numpy(),
    )


def average_effect(stayed: Floats, treated: NDArray[np.bool_]) -> Effect:
    """Return what contact does to staying on average, as assigned, with Newcombe's interval."""
    lost = 1 - stayed
    return newcombe(int(lost[treated].sum()), int(treated.sum()), int(lost[~treated].sum()), int((~treated).sum()))


def slope_of(stayed: Floats, treated: NDArray[np.bool_], uplift: Floats) -> float:
    """Return by how much the effect rises where the prediction out of fold rises by 1, within 0..3.

    In each arm the outcome is regressed on the prediction; contact's part is the difference of the slopes. It may be
    above 1, for models held tight spread too little.
    """
    slopes = []
    for rows in (treated, ~treated):
        centred = uplift[rows] - uplift[rows].mean()
        spread = float(centred @ centred)
        slopes.append(float(centred @ stayed[rows]) / spread if spread > 0 else 0.0)
    return float(np.clip(slopes[0] - slopes[1], 0.0, 3.0))
