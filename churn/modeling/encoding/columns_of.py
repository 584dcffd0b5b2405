"""How each feature becomes columns of the matrix: what was learnt in training, kept as plain numbers and text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Final, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from churn.modeling.encoding.columns import Floats, categories, numbers

OTHER: Final = "Other"
CLIP: Final = 6.0  # standard deviations: beyond them a linear model or a network would extrapolate
_POWER_SAMPLE = 10_000
_BENT = 0.1  # a power this near to 1 leaves a number as it is


@dataclass(frozen=True, kw_only=True)
class NumberPlan:
    """A number: median where missing, a flag for missing, and for smooth models Yeo-Johnson and scaling.

    `power` None means no transform, `spread` 0 means no scaling; a `line_spread` above 0 adds a second column, scaled
    but not transformed. `has_value` is false where all known values are equal, so that only being missing tells anything.
    """

    kind: Literal["number"] = "number"
    feature: str
    median: float
    has_value: bool
    has_flag: bool
    low: float = 0.0
    high: float = 0.0
    power: float | None = None
    centre: float = 0.0
    spread: float = 0.0
    line_centre: float = 0.0
    line_spread: float = 0.0

    @property
    def names(self) -> list[str]:
        """One name per column."""
        line = [f"{self.feature} (as is)"] * (self.line_spread > 0.0)
        return [self.feature] * self.has_value + line + [f"{self.feature} is missing"] * self.has_flag

    def columns(self, frame: pl.DataFrame) -> list[Floats]:
        """Return the encoded columns, each (n,)."""
        values = numbers(frame, self.feature)
        missing = np.isnan(values)
        columns = []
        if self.has_value:
            filled = np.where(missing, self.median, values)
            columns.append(self._smooth(filled) if self.spread > 0.0 else filled)
            if self.line_spread > 0.0:
                line = (np.clip(filled, self.low, self.high) - self.line_centre) / self.line_spread
                columns.append(np.clip(line, -CLIP, CLIP))
        if self.has_flag:
            columns.append(missing.astype(np.float64))
        return columns

    def _smooth(self, values: Floats) -> Floats:
        values = np.clip(values, self.low, self.high)
        if self.power is not None:
            values = yeo_johnson(values, self.power)
        return np.clip((values - self.centre) / self.spread, -CLIP, CLIP)


@dataclass(frozen=True, kw_only=True)
class OneHotPlan:
    """A category of few values: one column each; what was rare in training, or never seen, counts as Other."""

    kind: Literal["one_hot"] = "one_hot"
    feature: str
    levels: tuple[str, ...]
    has_other: bool

    @property
    def names(self) -> list[str]:
        """One name per column."""
        return [f"{self.feature} = {level}" for level in (*self.levels, *([OTHER] * self.has_other))]

    def columns(self, frame: pl.DataFrame) -> list[Floats]:
        """Return the encoded columns, each (n,)."""
        codes = _codes(categories(frame, self.feature), self.levels)
        columns = [(codes == i).astype(np.float64) for i in range(len(self.levels))]
        if self.has_other:
            columns.append((codes < 0).astype(np.float64))
        return columns


@dataclass(frozen=True, kw_only=True)
class TargetPlan:
    """A category of many values, such as a city: the smoothed log-odds of churn seen in training for each.

    Values borne by too few customers share the overall log-odds, `prior`, and so does any value never seen.
    """

    kind: Literal["target"] = "target"
    feature: str
    levels: tuple[str, ...]
    scores: tuple[float, ...]
    prior: float
    centre: float = 0.0
    spread: float = 1.0

    @property
    def names(self) -> list[str]:
        """The one column's name."""
        return [f"{self.feature} (churn seen there)"]

    def columns(self, frame: pl.DataFrame) -> list[Floats]:
        """Return the encoded column, (n,)."""
        codes = _codes(categories(frame, self.feature), self.levels)
        return [self.scaled(np.asarray((*self.scores, self.prior))[codes])]

    def scaled(self, scores: Floats) -> Floats:
        """Return log-odds on the column's scale."""
        return (scores - self.centre) / self.spread


@dataclass(frozen=True, kw_only=True)
class CodePlan:
    """A category as one column of codes, for models that split by sets of values: its place in `levels`.

    What was rare in training, or never seen, shares the code after the last.
    """

    kind: Literal["codes"] = "codes"
    feature: str
    levels: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """The one column's name."""
        return [f"{self.feature} (code)"]

    def columns(self, frame: pl.DataFrame) -> list[Floats]:
        """Return the encoded column, (n,)."""
        codes = _codes(categories(frame, self.feature), self.levels).astype(np.float64)
        return [np.where(codes < 0, float(len(self.levels)), codes)]


@dataclass(frozen=True, kw_only=True)
class RawPlan:
    """A number as it is, NaN where unknown: for models made elsewhere, which have their own way with what is missing."""

    kind: Literal["raw"] = "raw"
    feature: str

    @property
    def names(self) -> list[str]:
        """The one column's name."""
        return [self.feature]

    def columns(self, frame: pl.DataFrame) -> list[Floats]:
        """Return the column, (n,)."""
        return [numbers(frame, self.feature)]


Plan = Annotated[NumberPlan | OneHotPlan | TargetPlan | CodePlan | RawPlan, Field(discriminator="kind")]


def plan_number(
    frame: pl.DataFrame, feature: str, *, is_smooth: bool, has_line: bool, min_count: int
) -> NumberPlan | None:
    """Learn a number's plan from training rows; None where it tells nothing (all missing, or one value)."""
    values = numbers(frame, feature)
    known = values[~np.isnan(values)]
    if known.size == 0:
        return None
    low, high = float(known.min()), float(known.max())
    has_flag = min(known.size, values.size - known.size) >= min_count
    plan = NumberPlan(feature=feature, median=float(np.median(known)), has_value=low < high, has_flag=has_flag)
    if not (plan.has_value or plan.has_flag):
        return None
    return _smoothed(plan, known, has_line=has_line) if is_smooth and plan.has_value else plan


def _smoothed(plan: NumberPlan, known: Floats, *, has_line: bool) -> NumberPlan:
    low, high = (float(v) for v in np.quantile(known, (0.001, 0.999)))
    if low == high:
        low, high = float(known.min()), float(known.max())
    clipped = np.clip(known, low, high)
    step = max(1, clipped.size // _POWER_SAMPLE)
    sample = np.sort(clipped)[step // 2 :: step]
    is_binary = np.unique(sample).size <= 2
    power = None if is_binary else yeo_johnson_power(sample)
    shaped = clipped if power is None else yeo_johnson(clipped, power)
    spread = float(shaped.std())
    if not (np.isfinite(spread) and spread > 1e-9):
        power, spread = None, max(float(clipped.std()), 1e-9)
        shaped = clipped
    is_bent = has_line and power is not None and abs(power - 1.0) > _BENT
    return replace(
        plan,
        low=low,
        high=high,
        power=power,
        centre=float(shaped.mean()),
        spread=spread,
        line_centre=float(clipped.mean()) if is_bent else 0.0,
        line_spread=float(clipped.std()) if is_bent else 0.0,
    )


def plan_one_hot(counts: Mapping[str, int], feature: str, *, min_count: int) -> OneHotPlan | None:
    """Learn a one-hot plan from how many training rows hold each value; None where all hold the same."""
    common = sorted((level for level, count in counts.items() if count >= min_count), key=lambda v: (-counts[v], v))
    rare = sum(count for level, count in counts.items() if level not in common)
    has_other = rare >= min_count
    if len(common) + has_other < 2:
        return None
    if len(common) == 2 and not has_other:
        common = common[1:]  # two values need one column, in which 0 means the other value
    return OneHotPlan(feature=feature, levels=tuple(common), has_other=has_other)


def plan_codes(counts: Mapping[str, int], feature: str, *, min_count: int) -> CodePlan | None:
    """Learn the codes of a category's values from how many training rows hold each; None where all share one code."""
    common = sorted(level for level, count in counts.items() if count >= min_count)
    return CodePlan(feature=feature, levels=tuple(common)) if common and len(counts) > 1 else None


def yeo_johnson(values: Floats, power: float) -> Floats:
    """Return the power transform of Yeo and Johnson (2000), elementwise."""
    result = np.empty_like(values)
    up = values >= 0
    above, below = values[up], values[~up]
    result[up] = np.log1p(above) if abs(power) < 1e-8 else np.expm1(power * np.log1p(above)) / power
    if below.size:
        other = 2.0 - power
        result[~up] = -np.log1p(-below) if abs(other) < 1e-8 else -np.expm1(other * np.log1p(-below)) / other
    return result


def yeo_johnson_power(sample: Floats) -> float:
    """Return the power in -2..4 under which `sample` is most like a normal distribution (maximum likelihood)."""
    from scipy.optimize import minimize_scalar

    jacobian = float(np.sum(np.sign(sample) * np.log1p(np.abs(sample))))

    def loss(power: float) -> float:
        with np.errstate(over="ignore", invalid="ignore"):
            variance = float(np.var(yeo_johnson(sample, power)))
        if not np.isfinite(variance) or variance <= 0.0:
            return 1e300
        return 0.5 * sample.size * float(np.log(variance)) - (power - 1.0) * jacobian

    return float(minimize_scalar(loss, bounds=(-2.0, 4.0), method="bounded", options={"xatol": 1e-2}).x)


def _codes(values: pl.Series, levels: Sequence[str]) -> NDArray[np.int32]:
    """Return the position of each value in `levels`, -1 for any other."""
    if not levels:
        return np.full(values.len(), -1, dtype=np.int32)
    codes = values.replace_strict(list(levels), list(range(len(levels))), default=-1, return_dtype=pl.Int32)
    return codes.to_numpy()
