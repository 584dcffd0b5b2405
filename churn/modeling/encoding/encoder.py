"""The encoder: from a frame of features to a float matrix with named columns, learnt on training rows only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from churn.errors import ModelError
from churn.modeling.encoding.columns import Floats, categories, kind_of
from churn.modeling.encoding.columns_of import (
    CodePlan,
    NumberPlan,
    Plan,
    RawPlan,
    TargetPlan,
    plan_codes,
    plan_number,
    plan_one_hot,
)

Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class Recipe:
    """Which preprocessing fits a family of models.

    `is_smooth`: Yeo-Johnson, scaling and clipping, for models that add columns up; trees need none of it. `has_line`:
    the number itself beside its transform, for a model that cannot bend a column: churn may rise with either.
    `max_levels`: a category of more values than this is target-encoded, not one-hot. `min_share`, `min_count`: a
    value in fewer training rows than both becomes Other. `min_customers`: fewer than this say nothing about a value.
    `has_codes`: categories are columns of codes, for models that split by sets of values.
    """

    name: str
    is_smooth: bool
    has_line: bool = False
    max_levels: int = 12
    min_share: float = 0.005
    min_count: int = 20
    min_customers: int = 20
    prior_weight: float = 50.0
    has_codes: bool = False


_RELIABLE: Final = 1.645  # standard errors above 0: one sample in twenty shows as much by chance

LINEAR: Final = Recipe("linear", is_smooth=True, has_line=True)
SMOOTH: Final = Recipe("smooth", is_smooth=True)
TREES: Final = Recipe("trees", is_smooth=False)
RAW: Final = "raw"  # of an encoder that learns nothing, see raw_encoder
NATIVE: Final = Recipe("native", is_smooth=False, has_codes=True)


@dataclass(frozen=True)
class LearningRows:
    """Rows to learn from: features, outcome (n,) 0/1, weight (n,), and a number per customer (n,)."""

    frame: pl.DataFrame
    y: Floats
    weight: Floats
    customer: NDArray[np.int64]

    def some(self, chosen: NDArray[np.bool_]) -> LearningRows:
        """Return the chosen rows."""
        return LearningRows(self.frame.filter(chosen), self.y[chosen], self.weight[chosen], self.customer[chosen])


@dataclass(frozen=True)
class Encoder:
    """What was learnt about each feature, in order. `transform` gives (n, m) float32 without NaN."""

    recipe: str
    features: tuple[str, ...]
    plans: tuple[Plan, ...]

    @cached_property
    def encoded_names(self) -> tuple[str, ...]:
        """Name of each encoded column, (m,)."""
        return tuple(name for plan in self.plans for name in plan.names)

    @cached_property
    def group_of(self) -> NDArray[np.int64]:
        """For each encoded column, the index of its feature in `features`, (m,)."""
        place = {name: i for i, name in enumerate(self.features)}
        return np.array([place[plan.feature] for plan in self.plans for _ in plan.names], dtype=np.int64)

    @cached_property
    def is_code(self) -> NDArray[np.bool_]:
        """For each encoded column, whether it holds codes of a category, (m,)."""
        return np.array([isinstance(plan, CodePlan) for plan in self.plans for _ in plan.names], dtype=np.bool_)

    @cached_property
    def unused(self) -> tuple[str, ...]:
        """Features without information in training: all missing, or one value throughout."""
        used = {plan.feature for plan in self.plans}
        return tuple(name for name in self.features if name not in used)

    def transform(self, frame: pl.DataFrame) -> Matrix:
        """Return the matrix of `frame`'s rows. Raises ModelError naming features that `frame` lacks."""
        require_columns(frame, [plan.feature for plan in self.plans])
        return _stack([column for plan in self.plans for column in plan.columns(frame)], frame.height)


def raw_encoder(frame: pl.DataFrame, features: Sequence[str]) -> Encoder:
    """Return an encoder of one column per feature: numbers as they are, categories as places in the list of their values.

    Raises ModelError naming features that `frame` lacks.
    """
    require_columns(frame, features)
    plans: list[Plan] = []
    for feature in features:
        if kind_of(frame[feature]) == "number":
            plans.append(RawPlan(feature=feature))
        else:
            levels = categories(frame, feature).unique().sort().to_list()
            plans.append(CodePlan(feature=feature, levels=tuple(levels)))
    return Encoder(RAW, tuple(features), tuple(plans))


def fit_encoder(rows: LearningRows, features: Sequence[str], recipe: Recipe, *, seed: int) -> tuple[Encoder, Matrix]:
    """Learn the encoding of `features` and return it with the training rows' own matrix.

    In that matrix a target-encoded value comes from the other customers' outcomes only (five folds), so that a model
    does not learn to trust a customer's own outcome. A feature of many values whose outcomes there tell nothing of the
    other customers is left out, for it would be noise. Raises ModelError where no feature tells anything.
    """
    require_columns(rows.frame, features)
    plans: list[Plan] = []
    columns: list[Floats] = []
    flags: set[bytes] = set()
    for feature in features:
        plan = _plan(rows, feature, recipe)
        if plan is None:
            continue
        if isinstance(plan, TargetPlan):
            scores = _out_of_fold(rows, plan, recipe, seed)
            if not _tells(rows, scores):
                continue
            encoded = [plan.scaled(scores)]
        else:
            encoded = plan.columns(rows.frame)
        if isinstance(plan, NumberPlan) and plan.has_flag:
            # Features of one source are missing together; one flag says it once.
            mark = np.packbits(encoded[-1] > 0).tobytes()
            if mark in flags:
                plan, encoded = replace(plan, has_flag=False), encoded[:-1]
            flags.add(mark)
        if encoded:
            plans.append(plan)
            columns.extend(encoded)
    if not plans:
        raise ModelError(
            "no feature differs between customers",
            where="training",
            remedy="Check that the sources the features need are declared and not empty.",
        )
    return Encoder(recipe.name, tuple(features), tuple(plans)), _stack(columns, rows.frame.height)


def require_columns(frame: pl.DataFrame, features: Sequence[str]) -> None:
    """Raise ModelError naming the features that `frame` lacks."""
    lacking = [name for name in features if name not in frame.columns]
    if lacking:
        more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
        raise ModelError(
            f"the data lack feature `{'`, `'.join(lacking[:3])}`{more}",
            where="features",
            remedy="The model needs every feature it was trained on: restore the SQL that gives it, or train again.",
        )


def _plan(rows: LearningRows, feature: str, recipe: Recipe) -> Plan | None:
    min_count = min(recipe.min_count, max(2, rows.frame.height // 50))
    if kind_of(rows.frame[feature]) == "number":
        return plan_number(
            rows.frame, feature, is_smooth=recipe.is_smooth, has_line=recipe.has_line, min_count=min_count
        )
    values = categories(rows.frame, feature)
    tally = values.value_counts()
    counts = dict(zip(tally.to_series(0).to_list(), tally["count"].to_list(), strict=True))
    if recipe.has_codes:
        return plan_codes(counts, feature, min_count=min_count)
    if len(counts) <= recipe.max_levels:
        return plan_one_hot(counts, feature, min_count=max(min_count, int(recipe.min_share * values.len())))
    return _plan_target(rows, values, feature, recipe)


def _plan_target(rows: LearningRows, values: pl.Series, feature: str, recipe: Recipe) -> TargetPlan | None:
    from scipy.special import logit

    table = pl.DataFrame({"value": values, "customer": rows.customer, "y": rows.y * rows.weight, "weight": rows.weight})
    levels = (
        table.group_by("value")
        .agg(pl.col("customer").n_unique().alias("customers"), pl.col("y").sum(), pl.col("weight").sum())
        .filter(pl.col("customers") >= recipe.min_customers)
        .sort("value")
    )
    if levels.is_empty():
        return None  # every value is rare: an identifier, not a category
    base = float(np.average(rows.y, weights=rows.weight))
    scores = _smoothed_log_odds(levels["y"].to_numpy(), levels["weight"].to_numpy(), base, recipe.prior_weight)
    plan = TargetPlan(
        feature=feature,
        levels=tuple(levels["value"]),
        scores=tuple(float(score) for score in scores),
        prior=float(logit(_open(base))),
    )
    if not recipe.is_smooth:
        return plan
    encoded = plan.columns(rows.frame)[0]
    return replace(plan, centre=float(encoded.mean()), spread=max(float(encoded.std()), 1e-6))


def _out_of_fold(rows: LearningRows, plan: TargetPlan, recipe: Recipe, seed: int) -> Floats:
    place = {level: i for i, level in enumerate(plan.levels)}
    values = categories(rows.frame, plan.feature)
    codes = values.replace_strict(list(place), list(place.values()), default=-1, return_dtype=pl.Int32).to_numpy()
    fold = np.random.default_rng(seed).integers(0, 5, size=int(rows.customer.max()) + 1)[rows.customer]
    scores = np.full(codes.size, plan.prior)
    for k in range(5):
        other = (fold != k) & (codes >= 0)
        if not other.any():
            continue
        weight = rows.weight[other]
        base = float(np.average(rows.y[other], weights=weight))
        total = np.bincount(codes[other], weights=weight, minlength=len(place)).astype(np.float64)
        hits = weight * rows.y[other]
        churned = np.bincount(codes[other], weights=hits, minlength=len(place)).astype(np.float64)
        seen = _smoothed_log_odds(churned, total, base, recipe.prior_weight)
        mine = (fold == k) & (codes >= 0)
        scores[mine] = seen[codes[mine]]
    return scores


def _tells(rows: LearningRows, scores: Floats) -> bool:
    """Return whether log-odds (n,) from other customers' outcomes reliably lose less, in log loss, than the rate of all.

    Reliably: in 95 % of samples of customers, by the sums of what each customer's rows lose.
    """
    base = float(np.average(rows.y, weights=rows.weight))
    common = float(np.log(_open(base) / _open(1.0 - base)))
    gain = np.logaddexp(0.0, common) - rows.y * common - (np.logaddexp(0.0, scores) - rows.y * scores)
    sums = np.bincount(rows.customer, weights=gain * rows.weight)
    spread = float(sums.std()) * float(np.sqrt(sums.size))
    return float(sums.sum()) > _RELIABLE * spread


def _smoothed_log_odds(churned: Floats, total: Floats, base: float, prior_weight: float) -> Floats:
    """Shrink each level's rate towards the base as if `prior_weight` more rows had shown it (Micci-Barreca 2001)."""
    from scipy.special import logit

    result: Floats = logit(_open((churned + prior_weight * base) / (total + prior_weight)))
    return result


def _open(rate: Any) -> Any:
    return np.clip(rate, 1e-4, 1.0 - 1e-4)


def _stack(columns: Sequence[Floats], height: int) -> Matrix:
    matrix = np.empty((len(columns), height), dtype=np.float32)
    for i, column in enumerate(columns):
        matrix[i] = column
    return np.ascontiguousarray(matrix.T)
