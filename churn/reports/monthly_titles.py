"""The titles of the monthly report: what each part found, in a sentence; its topic alone where nothing is known."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from churn.reports.language import Language

_AGE: Final = 3  # months after which newer cohorts are held against older ones
_NOTICEABLE: Final = 1.96  # standard errors of the difference of two shares: beyond chance at 95 %
_URGENCY: Final = ("act", "watch", "unknown", "ok")


def monthly_titles(d: Mapping[str, Any], t: Language) -> dict[str, str]:
    """Return the title of each section by its name."""
    return {
        "trend": _trend(d, t),
        "cohorts": _cohorts(d["cohorts"], t),
        "drivers": _drivers(d["insights"], t),
        "campaigns": _campaigns(d["campaigns"], t),
        "model": _model(d["model"], t),
        "drift": _drift(d["monitoring"], t),
    }


def grouped_findings(monitoring: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Return what the monitors ask a look at, worst first, one row per monitor and severity.

    Keys: monitor, severity, sentence (of the costliest), more (how many further ones), money_at_risk (of the costliest,
    as what several see may be the same money).
    """
    grouped: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for one in monitoring["findings"] if monitoring else ():
        if one["severity"] != "ok":
            grouped.setdefault((one["monitor"], one["severity"]), []).append(one)
    found = []
    for (monitor, severity), ones in grouped.items():
        worst = max(ones, key=lambda one: one["money_at_risk"] or 0.0)
        money = worst["money_at_risk"]
        found.append({"monitor": monitor, "severity": severity, "more": len(ones) - 1, "sentence": worst["sentence"]})
        found[-1]["money_at_risk"] = money
    return sorted(found, key=lambda one: (_URGENCY.index(one["severity"]), -(one["money_at_risk"] or 0.0)))


def _trend(d: Mapping[str, Any], t: Language) -> str:
    if d["churn"] is None:
        return t("trend.title")
    rates = [month["churn_rate"] for month in d["churn"]["trend"]]
    above, months = sum(rate > d["target"] for rate in rates), t.count(len(rates))
    if not above:
        return t("trend.title_kept", months=months)
    if above == len(rates):
        return t("trend.title_each", months=months)
    return t("trend.title_above", above=t.count(above), months=months)


def _cohorts(cells: Sequence[Mapping[str, Any]], t: Language) -> str:
    """Hold the newer half of the cohorts old enough against the older half: a two-proportion test."""
    old_enough = [cell for cell in cells if cell["months_since"] == _AGE and cell["customers"]]
    half = len(old_enough) // 2
    if not half:
        return t("trend.cohorts")
    sums = [
        (sum(cell["retained"] for cell in part), sum(cell["customers"] for cell in part))
        for part in (old_enough[:half], old_enough[-half:])
    ]
    (stayed_before, all_before), (stayed_now, all_now) = sums
    pooled = (stayed_before + stayed_now) / (all_before + all_now)
    error = math.sqrt(pooled * (1.0 - pooled) * (1.0 / all_before + 1.0 / all_now))
    step = stayed_now / all_now - stayed_before / all_before
    key = "same" if abs(step) <= _NOTICEABLE * error else "better" if step > 0 else "worse"
    shares = {"now": t.percent(stayed_now / all_now, 0), "before": t.percent(stayed_before / all_before, 0)}
    return t(f"trend.cohorts_{key}", **shares)


def _drivers(found: Mapping[str, Any] | None, t: Language) -> str:
    insights = found["insights"] if found else []
    if not insights:
        return t("drivers.title")
    most = max(one["lift"] for one in insights)
    return t("drivers.title_found", times=t.decimal(most, 1))


def _campaigns(rows: Sequence[Mapping[str, Any]], t: Language) -> str:
    verdicts = [row["realised"]["verdict"] for row in rows if row["realised"] is not None]
    if not verdicts:
        return t("campaigns.title")
    if "harms" in verdicts:
        return t("campaigns.title_harms", count=t.count(verdicts.count("harms")), measured=t.count(len(verdicts)))
    works = verdicts.count("works")
    if not works:
        return t("campaigns.title_open")
    return t("campaigns.title_works", count=t.count(works), measured=t.count(len(verdicts)))


def _model(model: Mapping[str, Any] | None, t: Language) -> str:
    is_calibrated = model["metrics"].get("is_calibrated") if model else None
    if is_calibrated is None:
        return t("model.title")
    return t("model.title_good" if is_calibrated else "model.title_bad")


def _drift(monitoring: Mapping[str, Any] | None, t: Language) -> str:
    if not monitoring:
        return t("drift.title")
    severities = [one["severity"] for one in grouped_findings(monitoring)]
    for key in ("act", "watch"):
        if key in severities:
            return t(f"drift.title_{key}", count=t.count(severities.count(key)))
    return t("drift.title_ok")
