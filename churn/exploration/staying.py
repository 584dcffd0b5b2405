"""How long customers stay: survival curves by plan, retention by month of joining; by tenure where that is all there is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from churn.decisions.survival import Survival, kaplan_meier
from churn.exploration.association import cramers_v
from churn.exploration.encoding import Encoded
from churn.exploration.table import Table

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


def survival_by_plan(ages: pl.DataFrame) -> dict[str, Any] | None:
    """Return survival in months since joining, of all and of the largest plans; None without a loss on record.

    `ages`: plan, age_days, entered, lost, censored, as `marts.survival_by_age` gives them.
    """
    import polars as pl

    if ages.is_empty() or not ages["lost"].sum():
        return None
    sizes = ages.group_by("plan").agg(pl.col("entered").sum(), pl.col("lost").sum())
    plans = sizes.filter(pl.col("lost") >= _LEAST_LOST).sort(["entered", "plan"], descending=[True, False])
    names = plans["plan"].to_list()[:_MOST_GROUPS]
    curves = [("All customers", ages)]
    if len(names) > 1:
        curves += [(name, ages.filter(pl.col("plan") == name)) for name in names]
    groups = []
    for name, rows in curves:
        events = rows.group_by("age_days").agg(pl.col("entered", "lost", "censored").sum()).sort("age_days")
        entered, lost, censored = (events[c].to_numpy() for c in ("entered", "lost", "censored"))
        found = kaplan_meier(events["age_days"].to_numpy() / _MONTH_DAYS, entered, lost, censored)
        groups.append(_told(name, int(events["entered"].sum()), int(events["lost"].sum()), found))
    return {"unit": "months", "by": "plan", "groups": groups}


def survival_by_tenure(table: Table, counts: dict[str, NDArray[np.int64]]) -> dict[str, Any] | None:
    """Return survival along a column of tenure of a flat source, by the text that divides churn most; else None."""
    tenure = next((c for c in table.columns if c.kind == "number" and c.is_integer and _TENURE.match(c.name)), None)
    if tenure is None or not counts[tenure.name][..., 1].sum():
        return None
    curves: list[tuple[str, NDArray[np.int64]]] = [("All customers", counts[tenure.name].sum(axis=0))]
    by = max(
        (c for c in table.columns if c.kind == "text" and 2 <= len(c.levels) <= _MOST_GROUPS),
        key=lambda c: cramers_v(counts[c.name].sum(axis=0).astype(float)),
        default=None,
    )
    if by is not None:
        curves += [(by.levels[i - 1], _joint(table, tenure, by, i)) for i in range(1, len(by.levels) + 1)]
    groups = []
    for name, cells in curves:
        stayed, lost = cells[1:, 0].astype(float), cells[1:, 1].astype(float)
        # Code 1 lies below the first edge: the values are whole, so it is the one before it.
        ages = np.concatenate([[tenure.edges[0] - 1], tenure.edges])[: stayed.size]
        entered = np.zeros(stayed.size + 1)
        entered[0] = stayed.sum() + lost.sum()
        found = kaplan_meier(
            np.concatenate([[min(-1.0, ages[0] - 1)], ages]), entered, np.append(0, lost), np.append(0, stayed)
        )
        if lost.sum() >= _LEAST_LOST or name == "All customers":
            groups.append(_told(name, int(entered[0]), int(lost.sum()), found))
    return {"unit": tenure.name, "by": by.name if by else None, "groups": groups}


def _joint(table: Table, tenure: Encoded, by: Encoded, level: int) -> NDArray[np.int64]:
    sides = []
    for outcome in (0, 1):
        parts = [slice(int(table.bounds[k]), int(table.bounds[k + 1])) for k in (outcome, 2 + outcome, 4 + outcome)]
        sides.append(sum(np.bincount(tenure.codes[p][by.codes[p] == level], minlength=tenure.size) for p in parts))
    return np.stack(sides, axis=1)


def _told(name: str, entered: int, lost: int, found: Survival) -> dict[str, Any]:
    """Return a curve as plain values, up to where enough are left, at points a picture can show."""
    enough = np.flatnonzero(found.at_risk >= _LEAST_AT_RISK)
    end = int(enough[-1]) + 1 if enough.size else found.ages.size
    places = np.unique(np.linspace(0, end - 1, min(_POINTS, end)).astype(int)) if end else np.empty(0, dtype=int)
    points = [
        {
            "age": round(float(found.ages[i]), 2),
            "share": round(float(found.share[i]), 5),
            "low": round(float(found.low[i]), 5),
            "high": round(float(found.high[i]), 5),
            "at_risk": int(found.at_risk[i]),
        }
        for i in places
        if found.ages[i] >= 0
    ]
    median = found.median
    reached = median is not None and bool(points) and median <= points[-1]["age"]
    return {"name": name, "customers": entered, "lost": lost, "median": median if reached else None, "points": points}


def retention(cohorts: pl.DataFrame) -> list[dict[str, Any]]:
    """Return the newest months of joining with the share still there after each month since.

    `cohorts`: cohort_month, months_since, customers, retained, as `marts.cohort_retention` gives them.
    """
    months = sorted(cohorts["cohort_month"].unique().to_list())[-_MOST_COHORTS:]
    found = []
    for month in months:
        rows = cohorts.filter(cohorts["cohort_month"] == month).sort("months_since")
        if rows["customers"][0] > 0 and rows.height > 1:
            shares = [
                {"months": m, "share": kept / size}
                for m, size, kept in rows.select("months_since", "customers", "retained").iter_rows()
            ]
            found.append({"month": str(month)[:7], "customers": int(rows["customers"][0]), "kept": shares})
    return found
