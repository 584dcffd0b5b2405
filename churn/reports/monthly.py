"""The monthly report: its sections are the numbered templates of `reports/monthly/`, its words those of a language."""

from __future__ import annotations

import importlib
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from churn.reports.charts.model import calibration_chart
from churn.reports.charts.monthly import churn_by_cause, profit_intervals, retention_map
from churn.reports.charts.svg import Figure, token_css
from churn.reports.language import DASH, Language, read_language
from churn.reports.render import render
from churn.resources import layered

_AGE: Final = 3  # months after which newer cohorts are held against older ones
_NOTICEABLE: Final = 1.96  # standard errors of the difference of two shares: beyond chance at 95 %
_URGENCY: Final = ("act", "watch", "unknown", "ok")


def monthly_titles(d: Mapping[str, Any], t: Language) -> dict[str, str]:
    """Return the title of each section by its name."""
    return {
        "trend": _trend_monthly_titles(d, t),
        "cohorts": _cohorts_monthly_titles(d["cohorts"], t),
        "drivers": _drivers(d["insights"], t),
        "campaigns": _campaigns_monthly_titles(d["campaigns"], t),
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


def _trend_monthly_titles(d: Mapping[str, Any], t: Language) -> str:
    if d["churn"] is None:
        return t("trend.title")
    rates = [month["churn_rate"] for month in d["churn"]["trend"]]
    above, months = sum(rate > d["target"] for rate in rates), t.count(len(rates))
    if not above:
        return t("trend.title_kept", months=months)
    if above == len(rates):
        return t("trend.title_each", months=months)
    return t("trend.title_above", above=t.count(above), months=months)


def _cohorts_monthly_titles(cells: Sequence[Mapping[str, Any]], t: Language) -> str:
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


def _campaigns_monthly_titles(rows: Sequence[Mapping[str, Any]], t: Language) -> str:
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


_SECTION: Final = re.compile(r"monthly/\d\d_\w+\.html")
_TONES: Final = {"works": "best", "harms": "chosen", "open": "muted"}
_TINY: Final = '{"data": {"values": [{}]}, "mark": "point"}'
_COHORT_MONTHS: Final = 3  # fewer are no comparison


def sections(home: Path) -> list[str]:
    """Return the templates of the report's sections, in order: `monthly/NN_name.html`, shipped and a user's own."""
    return sorted(name for name in layered("reports", home, ".j2") if _SECTION.fullmatch(name))


def prepare_drawing() -> None:
    """Load what draws the charts and start its engine: for a thread, while somebody else waits for a database."""
    import vl_convert

    vl_convert.vegalite_to_svg(_TINY)  # the engine starts with the first chart
    importlib.import_module("altair")


def render_monthly(document: Mapping[str, Any], *, home: Path, language: str = "en") -> str:
    """Return the report of `report_facts` as one HTML page without scripts; the same facts give the same bytes.

    Raises ConfigError for a language without words, or a template that cannot be filled.
    """
    words = read_language(language, home)
    return render(
        "monthly/monthly.html",
        home=home,
        d=document,
        t=words,
        tokens=token_css(),
        sections=sections(home),
        charts=_charts(document, words),
        titles=monthly_titles(document, words),
        findings=grouped_findings(document["monitoring"]),
    )


def _charts(d: Mapping[str, Any], t: Language) -> dict[str, Figure | None]:
    return {
        "trend": _trend(d, t),
        "cohorts": _cohorts(d["cohorts"], t),
        "campaigns": _campaigns(d, t),
        "calibration": _calibration(d["model"], t),
    }


def _trend(d: Mapping[str, Any], t: Language) -> Figure | None:
    if d["churn"] is None:
        return None
    months = d["churn"]["trend"]
    rows = [
        {
            "label": t.short_month(row["month"]),
            "voluntary": row["voluntary_churners"] / row["customers"] if row["customers"] else 0.0,
            "involuntary": row["involuntary_churners"] / row["customers"] if row["customers"] else 0.0,
            "text": t.percent(row["churn_rate"], 1),
        }
        for row in months
    ]
    rates = [row["churn_rate"] for row in months]
    if not any(rates):
        return None  # nothing to draw: the section says so
    target = t.percent(d["target"])
    names = {
        "voluntary": t("method.definition_voluntary"),
        "involuntary": t("method.definition_involuntary"),
        "target": f"{t('format.target')}\n{target}",
    }
    describe = t(
        "trend.describe",
        first=t.month(months[0]["month"]),
        last=t.month(months[-1]["month"]),
        low=t.percent(min(rates), 1),
        high=t.percent(max(rates), 1),
        now=t.percent(d["churn"]["now"]["churn_rate"], 1),
        month=t.month(d["first_day"]),
        target=target,
    )
    return churn_by_cause(rows, target=d["target"], names=names, describe=describe, locale=t.axis_locale())


def _cohorts(cells: Sequence[Mapping[str, Any]], t: Language) -> Figure | None:
    months = list(dict.fromkeys(cell["cohort_month"] for cell in cells))
    if len(months) < _COHORT_MONTHS:
        return None
    rows = [
        {
            "cohort": t.short_month(cell["cohort_month"]),
            "age": cell["months_since"],
            "share": cell["retained"] / cell["customers"],
            "text": t.percent(cell["retained"] / cell["customers"], 0),
        }
        for cell in cells
        if cell["customers"]
    ]
    third = [row["text"] for row in rows if row["age"] == _COHORT_MONTHS]
    describe = t("trend.cohorts_describe", third=third[-1] if third else DASH)
    return retention_map(rows, age=t("trend.age"), joined=t("trend.joined"), describe=describe)


def _campaigns(d: Mapping[str, Any], t: Language) -> Figure | None:
    rows = [
        {
            "label": row["title"],
            **{k: row["realised"][k] for k in ("value", "low", "high")},
            "kind": _TONES[row["realised"]["verdict"]],
        }
        for row in d["campaigns"]
        if row["realised"] is not None
    ]
    if not rows:
        return None
    if d["saved"] is not None and len(rows) > 1:
        saved = d["saved"]
        kind = "best" if saved["low"] > 0 else "chosen" if saved["high"] < 0 else "ink"
        rows.append({"label": t("campaigns.total"), **{k: saved[k] for k in ("value", "low", "high")}, "kind": kind})
    told = "; ".join(
        f"{row['label']} {t.money(row['value'], d['currency'])} ({t.money(row['low'], d['currency'])} {DASH} {t.money(row['high'], d['currency'])})"
        for row in rows
    )
    return profit_intervals(
        rows,
        title=t("campaigns.axis"),
        money=t.money_axis(d["currency"]),
        describe=t("campaigns.describe", rows=told),
        locale=t.axis_locale(),
    )


def _calibration(model: Mapping[str, Any] | None, t: Language) -> Figure | None:
    if model is None or not model["calibration"]:
        return None
    return calibration_chart(
        model["calibration"],
        describe=t("model.describe"),
        titles=(t("model.predicted"), t("model.observed")),
        locale=t.axis_locale(),
    )
