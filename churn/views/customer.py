"""Puts together all that a person wants to know of one customer, from the store and the serving files."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from churn.context import Context
from churn.errors import NotFound, ResourceError
from churn.views.customer_risk import customer_risk
from churn.views.serving_files import FEATURES, TIMELINE, USAGE, history_files, read_summary, run_path

if TYPE_CHECKING:
    from collections.abc import Sequence

FACTS = 300  # of one customer's year, the newest
DAY_BITS = 60  # days that the strip of active days covers
_FLAT = 0.0005  # points that round to nothing


def customer_view(context: Context, customer_id: str) -> dict[str, Any]:
    """Return a customer's risk, where it comes from, how it went, what happened, and what was done about it.

    Beside the fields of `customer_risk`: `steps` (the way from the base rate to the probability, see `waterfall`),
    `history` (snapshot_date, churn_probability, risk_band, model_version, oldest first), `facts` (newest first) and
    `usage` (None without serving files), `features` (name to value), `usual` (name to low, middle, high).
    Raises NotFound for somebody who is not on the current list, DataError before the first list.
    """
    found = customer_risk(context, customer_id)
    home = context.settings.home
    folder = run_path(home, found["run_id"])
    summary = read_summary(home, found["run_id"]) or {}
    base = summary.get("base_probability")
    seen = read_customer(folder / FEATURES, customer_id)
    return {
        **found,
        "base_probability": base,
        "steps": waterfall(base, found["churn_probability"], found["reasons"]),
        "history": score_history(home, customer_id),
        "facts": _facts(context, folder, customer_id, found["campaigns"]),
        "usage": _usage(folder, customer_id, found["snapshot_date"]),
        "features": {k: v for k, v in seen[0].items() if k != "customer_id"} if seen else {},
        "usual": summary.get("features", {}),
    }


def waterfall(base: float | None, probability: float, reasons: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the steps from `base` to `probability`: each reason's points, and what all other features do together.

    Each step has text, points, start, end, feature (None for the rest), is_actionable. The last end is `probability`.
    Empty where the base is not known.
    """
    if base is None:
        return []
    steps, at = [], base
    for reason in reasons:
        steps.append(_step(reason["text"], reason["points"], at, reason["feature"], bool(reason["is_actionable"])))
        at += reason["points"]
    rest = probability - at
    if abs(rest) >= _FLAT:
        steps.append(_step("everything else", rest, at, None, is_actionable=False))
    return steps


def _step(text: str, points: float, start: float, feature: str | None, is_actionable: bool) -> dict[str, Any]:  # noqa: FBT001 - a column's value
    return {
        "text": text,
        "points": points,
        "start": start,
        "end": start + points,
        "feature": feature,
        "is_actionable": is_actionable,
    }


def score_history(home: Path, customer_id: str) -> list[dict[str, Any]]:
    """Return the customer's probability in the runs that are kept, oldest first."""
    return sorted(read_customer(history_files(home), customer_id), key=lambda row: row["snapshot_date"])


def last_known(context: Context, customer_id: str) -> dict[str, Any] | None:
    """Return the newest score of somebody who may have left since; None for a stranger."""
    found = score_history(context.settings.home, customer_id)
    return found[-1] if found else None


def read_customer(path: Path | list[Path], customer_id: str) -> list[dict[str, Any]]:
    """Return one customer's rows of serving files; nothing where a file is absent. Raises ResourceError for a broken one."""
    import polars as pl

    paths = [one for one in (path if isinstance(path, list) else [path]) if one.is_file()]
    if not paths:
        return []
    try:
        found = pl.scan_parquet(paths).filter(pl.col("customer_id") == customer_id).collect()
    except FileNotFoundError:
        return []  # swept away by the run that came after; the page shows what there is
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ResourceError(
            f"cannot be read: {str(error).splitlines()[0]}", where=str(paths[-1]), remedy="Run `churn score` again."
        ) from error
    return found.to_dicts()


def _facts(
    context: Context, folder: Path, customer_id: str, campaigns: Sequence[dict[str, Any]]
) -> list[dict[str, Any]] | None:
    """Return what happened in the year, newest first; None without serving files, when only campaigns are known."""
    known = read_customer(folder / TIMELINE, customer_id) if (folder / TIMELINE).is_file() else None
    facts = [{key: value for key, value in row.items() if key != "customer_id"} for row in known or []]
    with context.open_store() as store:
        outcomes = store.outcomes.of_customer(customer_id)
    facts += [
        {"occurred_at": c["assigned_at"], "kind": "campaign", "what": c["arm"], "detail": c["campaign"]}
        for c in campaigns
    ]
    facts += [
        {"occurred_at": o["occurred_at"], "kind": "outcome", "what": o["kind"], "detail": o["campaign"]}
        for o in outcomes
    ]
    facts.sort(key=lambda fact: fact["occurred_at"], reverse=True)
    return facts[:FACTS] if known is not None or facts else None


def _usage(folder: Path, customer_id: str, day: date) -> dict[str, Any] | None:
    """Return sessions by month and the active days of the last 60, oldest first; None where logins are not known."""
    if not (folder / USAGE).is_file():
        return None
    found = read_customer(folder / USAGE, customer_id)
    by_month = dict(zip(found[0]["months"], found[0]["sessions"], strict=True)) if found else {}
    bits = int(found[0]["day_bits"]) if found else 0
    end = datetime.combine(day, time())
    last = end - timedelta(days=1)
    months = [_month_before(last, back) for back in range(11, -1, -1)]
    return {
        "months": [
            {"month": month.date(), "sessions": by_month.get(month, 0), "is_whole": _month_before(month, -1) <= end}
            for month in months
        ],
        "days": [
            {"date": day - timedelta(days=back + 1), "is_active": bool(bits >> back & 1)}
            for back in range(DAY_BITS - 1, -1, -1)
        ],
    }


def _month_before(at: datetime, back: int) -> datetime:
    number = at.year * 12 + at.month - 1 - back
    return datetime(number // 12, number % 12 + 1, 1)  # noqa: DTZ001 - instants are naive UTC throughout


def require_features(context: Context, run_id: str, customer_ids: Sequence[str]) -> list[dict[str, Any]]:
    """Return what the model saw of each customer, in order. Raises NotFound naming the first who is not on the list."""
    import polars as pl

    path = run_path(context.settings.home, run_id) / FEATURES
    if not path.is_file():
        raise NotFound(
            "what the model saw of its customers is not kept for this list",
            where=f"list {run_id}",
            remedy="Run `churn score` again, or send whole rows of features.",
        )
    try:
        rows = pl.scan_parquet(path).filter(pl.col("customer_id").is_in(list(set(customer_ids)))).collect().to_dicts()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ResourceError("cannot be read", where=str(path), remedy="Run `churn score` again.") from error
    of = {row.pop("customer_id"): row for row in rows}
    if missing := next((one for one in customer_ids if one not in of), None):
        raise NotFound("a customer is not on the current list", where=f"customer {missing[:80]}")
    return [of[one] for one in customer_ids]
