"""How long customers stay: survival curves by plan, retention by month of joining; by tenure where that is all there is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from churn.decisions.survival import Survival, kaplan_meier
from churn.documents.exploration import CohortRetention, CohortShare, SurvivalCurve, SurvivalCurves, SurvivalPoint
from churn.exploration.association import cramers_v
from churn.exploration.encoding import Encoded
from churn.exploration.table import ExplorationTable

if TYPE_CHECKING:
    import polars as pl

_MOST_GROUPS: Final = 4
_LEAST_LOST: Final = 20  # of a group, to be worth a curve
_LEAST_AT_RISK: Final = 50  # beyond that age a curve says nothing
_POINTS: Final = 120
_MOST_COHORTS: Final = 18
_TENURE: Final = re.compile(
    r"^(tenure|account_?length|months?_as_customer|customer_?(time|age|tenure)\w*|tenure_\w+)$", re.IGNORECASE
)
_MONTH_DAYS: Final = 30.4375


def survival_by_plan(ages: pl.DataFrame) -> SurvivalCurves | None:
    """Return survival in months since joining, of all and of the largest plans; None without a loss on record.

    `ages`: plan, age_days, entered, lost, censored, as `marts.survival_by_age` gives them.
    """
    import polars as pl

    if ages.is_empty() or not ages["lost"].sum():
        return None
    sizes = ages.group_by("plan").agg(pl.col("entered").sum(), pl.col("lost").sum())
    plans = sizes.filter(pl.col("lost") >= _LEAST_LOST).sort(["entered", "plan"], descending=[True, False])
    names = plans["plan"].to_list()[:_MOST_GROUPS]
    parts = [("All customers", ages)]
    if len(names) > 1:
        parts += [(name, ages.filter(pl.col("plan") == name)) for name in names]
    curves = []
    for name, rows in parts:
        events = rows.group_by("age_days").agg(pl.col("entered", "lost", "censored").sum()).sort("age_days")
        entered, lost, censored = (events[c].to_numpy() for c in ("entered", "lost", "censored"))
        survival = kaplan_meier(events["age_days"].to_numpy() / _MONTH_DAYS, entered, lost, censored)
        curves.append(_curve(name, int(events["entered"].sum()), int(events["lost"].sum()), survival))
    return SurvivalCurves(unit="months", by="plan", groups=tuple(curves))


def survival_by_tenure(table: ExplorationTable, counts: Mapping[str, NDArray[np.int64]]) -> SurvivalCurves | None:
    """Return survival along a column of tenure of a flat source, by the text that divides churn most; else None."""
    tenure = next((c for c in table.columns if c.kind == "number" and c.is_integer and _TENURE.match(c.name)), None)
    if tenure is None or not counts[tenure.name][..., 1].sum():
        return None
    parts: list[tuple[str, NDArray[np.int64]]] = [("All customers", counts[tenure.name].sum(axis=0))]
    by = max(
        (c for c in table.columns if c.kind == "text" and 2 <= len(c.levels) <= _MOST_GROUPS),
        key=lambda c: cramers_v(counts[c.name].sum(axis=0).astype(float)),
        default=None,
    )
    if by is not None:
        parts += [(by.levels[i - 1], _joint(table, tenure, by, i)) for i in range(1, len(by.levels) + 1)]
    curves = []
    for name, cells in parts:
        stayed, lost = cells[1:, 0].astype(float), cells[1:, 1].astype(float)
        # Code 1 lies below the first edge: the values are whole, so it is the one before it.
        ages = np.concatenate([[tenure.edges[0] - 1], tenure.edges])[: stayed.size]
        entered = np.zeros(stayed.size + 1)
        entered[0] = stayed.sum() + lost.sum()
        survival = kaplan_meier(
            np.concatenate([[min(-1.0, ages[0] - 1)], ages]), entered, np.append(0, lost), np.append(0, stayed)
        )
        if lost.sum() >= _LEAST_LOST or name == "All customers":
            curves.append(_curve(name, int(entered[0]), int(lost.sum()), survival))
    return SurvivalCurves(unit=tenure.name, by=by.name if by else None, groups=tuple(curves))


def _joint(table: ExplorationTable, tenure: Encoded, by: Encoded, level: int) -> NDArray[np.int64]:
    sides = []
    for outcome in (0, 1):
        parts = [slice(int(table.bounds[k]), int(table.bounds[k + 1])) for k in (outcome, 2 + outcome, 4 + outcome)]
        sides.append(sum(np.bincount(tenure.codes[p][by.codes[p] == level], minlength=tenure.size) for p in parts))
    return np.stack(sides, axis=1)


def _curve(name: str, entered: int, lost: int, survival: Survival) -> SurvivalCurve:
    """Return a curve up to where enough are left, at points a picture can show."""
    enough = np.flatnonzero(survival.at_risk >= _LEAST_AT_RISK)
    end = int(enough[-1]) + 1 if enough.size else survival.ages.size
    places = np.unique(np.linspace(0, end - 1, min(_POINTS, end)).astype(int)) if end else np.empty(0, dtype=int)
    points = tuple(
        SurvivalPoint(
            age=round(float(survival.ages[i]), 2),
            share=round(float(survival.share[i]), 5),
            low=round(float(survival.low[i]), 5),
            high=round(float(survival.high[i]), 5),
            at_risk=int(survival.at_risk[i]),
        )
        for i in places
        if survival.ages[i] >= 0
    )
    median = survival.median
    is_reached = median is not None and bool(points) and median <= points[-1].age
    return SurvivalCurve(name=name, customers=entered, lost=lost, median=median if is_reached else None, points=points)


def retention(cohorts: pl.DataFrame) -> tuple[CohortRetention, ...]:
    """Return the newest months of joining with the share still there after each month since.

    `cohorts`: cohort_month, months_since, customers, retained, as `marts.cohort_retention` gives them.
    """
    months = sorted(cohorts["cohort_month"].unique().to_list())[-_MOST_COHORTS:]
    kept = []
    for month in months:
        rows = cohorts.filter(cohorts["cohort_month"] == month).sort("months_since")
        if rows["customers"][0] > 0 and rows.height > 1:
            shares = tuple(
                CohortShare(months=months_since, share=retained / customers)
                for months_since, customers, retained in rows.select(
                    "months_since", "customers", "retained"
                ).iter_rows()
            )
            kept.append(CohortRetention(month=str(month)[:7], customers=int(rows["customers"][0]), kept=shares))
    return tuple(kept)
