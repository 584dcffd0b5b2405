"""What the monthly report tells of risk: the score run that stood as the month ended, and what drives its list."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

from churn.decisions.bands import BANDS
from churn.workflows.report_month import Month

if TYPE_CHECKING:
    from churn.warehouse.connection import Warehouse

_SCORES: Final = "history.scores"
_REASONS_SHOWN: Final = 6


def risk_facts(warehouse: Warehouse, month: Month) -> dict[str, Any] | None:
    """Return the newest score run up to the month's end: who is at which risk, why, and how that was a month before."""
    if not warehouse.has_table(_SCORES):
        return None
    runs = [
        row[0]
        for row in warehouse.rows(
            f"select distinct snapshot_date from {_SCORES} where snapshot_date <= ? order by 1 desc", [month.after]
        )
    ]
    if not runs:
        return None
    day = runs[0]
    bands = warehouse.rows(
        "select risk_band, count(*), sum(churn_probability), sum(greatest(expected_profit, 0)), "
        f"count(*) filter (where is_listed) from {_SCORES} where snapshot_date = ? group by risk_band",
        [day],
    )
    found = {row[0]: row[1:] for row in bands}
    version, run_id = warehouse.rows(
        f"select any_value(model_version), any_value(run_id) from {_SCORES} where snapshot_date = ?", [day]
    )[0]
    # A run of about a month before, so that the two lists can be held against each other.
    earlier = next((one for one in runs if one <= day - timedelta(days=26)), None)
    before = (
        dict(warehouse.rows(f"select risk_band, count(*) from {_SCORES} where snapshot_date = ? group by 1", [earlier]))
        if earlier
        else {}
    )
    return {
        "snapshot_date": day.isoformat(),
        "compared_with": earlier.isoformat() if earlier else None,
        "model_version": version,
        "run_id": run_id,
        "customers": sum(row[0] for row in found.values()),
        "expected_churners": float(sum(row[1] for row in found.values())),
        "listed": sum(row[3] for row in found.values()),
        "bands": [
            {
                "band": band,
                "customers": int(found[band][0]) if band in found else 0,
                "expected_churners": float(found[band][1]) if band in found else 0.0,
                "expected_profit": float(found[band][2]) if band in found else 0.0,
                "before": int(before.get(band, 0)) if earlier else None,
            }
            for band in reversed(BANDS)
        ],
        "reasons": _reasons(warehouse, day),
    }


def _reasons(warehouse: Warehouse, day: date) -> list[dict[str, Any]]:
    """Return what most often stands first among the reasons of listed customers."""
    texts = warehouse.rows(f"select reasons from {_SCORES} where snapshot_date = ? and is_listed", [day])
    counted: Counter[tuple[str, bool]] = Counter()
    for (text,) in texts:
        rising = [one for one in json.loads(text or "[]") if one["points"] > 0]
        if rising:
            counted[rising[0]["feature"], bool(rising[0]["is_actionable"])] += 1
    return [
        {"feature": feature, "is_actionable": is_actionable, "customers": customers, "share": customers / len(texts)}
        for (feature, is_actionable), customers in sorted(counted.items(), key=lambda item: (-item[1], item[0]))[
            :_REASONS_SHOWN
        ]
    ]
