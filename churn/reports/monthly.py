"""The monthly report: its sections are the numbered templates of `reports/monthly/`, its words those of a language."""

from __future__ import annotations

import importlib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from churn.decisions.severity import Severity
from churn.documents.campaign_profit import BroughtProfit, SavedProfit
from churn.documents.candidate_figures import CandidateFigures
from churn.documents.exploration import InsightsDocument
from churn.documents.measurement import Verdict
from churn.documents.monitoring import Finding
from churn.documents.month_facts import CohortAge, ModelFacts, MonthFacts, ReportedCampaign
from churn.reports.charts.model import calibration_chart
from churn.reports.charts.monthly import churn_by_cause, profit_intervals, retention_map
from churn.reports.charts.svg import Figure, token_css
from churn.reports.language import DASH, Language, read_language
from churn.reports.render import render
from churn.resources import layered

_AGE: Final = 3  # months after which newer cohorts are compared with older ones
_NOTICEABLE: Final = 1.96  # standard errors of the difference of two shares: beyond chance at 95 %
_URGENCY: Final[tuple[Severity, ...]] = ("act", "watch", "unknown", "ok")


@dataclass(frozen=True)
class GroupedFinding:
    """What one monitor finds at one severity: its costliest finding, and how many more there are.

    `money_at_risk` is that of the costliest alone, as what several see may be the same money.
    """

    monitor: str
    severity: Severity
    sentence: str
    more: int
    money_at_risk: float | None


@dataclass(frozen=True)
class _CampaignBar:
    """A campaign, or all of them, as the chart draws it; `tone` is a colour token."""

    label: str
    profit: BroughtProfit | SavedProfit
    tone: str


def monthly_titles(facts: MonthFacts, t: Language) -> dict[str, str]:
    """Return the title of each section by its name."""
    return {
        "trend": _trend_title(facts, t),
        "cohorts": _cohorts_title(facts.cohorts, t),
        "drivers": _drivers_title(facts.insights, t),
        "campaigns": _campaigns_title(facts.campaigns, t),
        "model": _model_title(facts.model, t),
        "drift": _drift_title(facts, t),
    }


def grouped_findings(findings: Sequence[Finding]) -> list[GroupedFinding]:
    """Return the findings that need attention, worst first, one row per monitor and severity."""
    grouped: dict[tuple[str, Severity], list[Finding]] = {}
    for finding in findings:
        if finding.severity != "ok":
            grouped.setdefault((finding.monitor, finding.severity), []).append(finding)
    rows = []
    for (monitor, severity), group in grouped.items():
        costliest = max(group, key=lambda finding: finding.money_at_risk or 0.0)
        rows.append(GroupedFinding(monitor, severity, costliest.sentence, len(group) - 1, costliest.money_at_risk))
    return sorted(rows, key=lambda row: (_URGENCY.index(row.severity), -(row.money_at_risk or 0.0)))


def _findings(facts: MonthFacts) -> list[GroupedFinding]:
    return grouped_findings(facts.monitoring.findings if facts.monitoring else ())


def _trend_title(facts: MonthFacts, t: Language) -> str:
    if facts.churn is None:
        return t("trend.title")
    rates = [month.churn_rate for month in facts.churn.trend]
    above, months = sum(rate > facts.target for rate in rates), t.count(len(rates))
    if not above:
        return t("trend.title_kept", months=months)
    if above == len(rates):
        return t("trend.title_each", months=months)
    return t("trend.title_above", above=t.count(above), months=months)


def _cohorts_title(cells: Sequence[CohortAge], t: Language) -> str:
    """Compare the newer half of the cohorts that are old enough with the older half: a two-proportion test."""
    old_enough = [cell for cell in cells if cell.months_since == _AGE and cell.customers]
    half = len(old_enough) // 2
    if not half:
        return t("trend.cohorts")
    sums = [
        (sum(cell.retained for cell in part), sum(cell.customers for cell in part))
        for part in (old_enough[:half], old_enough[-half:])
    ]
    (stayed_before, all_before), (stayed_now, all_now) = sums
    pooled = (stayed_before + stayed_now) / (all_before + all_now)
    error = math.sqrt(pooled * (1.0 - pooled) * (1.0 / all_before + 1.0 / all_now))
    step = stayed_now / all_now - stayed_before / all_before
    key = "same" if abs(step) <= _NOTICEABLE * error else "better" if step > 0 else "worse"
    shares = {"now": t.percent(stayed_now / all_now, 0), "before": t.percent(stayed_before / all_before, 0)}
    return t(f"trend.cohorts_{key}", **shares)


def _drivers_title(explored: InsightsDocument | None, t: Language) -> str:
    lifts = [insight.lift for insight in explored.insights if insight.lift is not None] if explored else []
    return t("drivers.title_found", times=t.decimal(max(lifts), 1)) if lifts else t("drivers.title")


def _campaigns_title(rows: Sequence[ReportedCampaign], t: Language) -> str:
    verdicts = [row.realised.verdict for row in rows if row.realised is not None]
    if not verdicts:
        return t("campaigns.title")
    if "harms" in verdicts:
        return t("campaigns.title_harms", count=t.count(verdicts.count("harms")), measured=t.count(len(verdicts)))
    works = verdicts.count("works")
    if not works:
        return t("campaigns.title_open")
    return t("campaigns.title_works", count=t.count(works), measured=t.count(len(verdicts)))


def _model_title(model: ModelFacts | None, t: Language) -> str:
    if model is None or not isinstance(model.metrics, CandidateFigures):
        return t("model.title")
    return t("model.title_good" if model.metrics.is_calibrated else "model.title_bad")


def _drift_title(facts: MonthFacts, t: Language) -> str:
    if facts.monitoring is None:
        return t("drift.title")
    severities = [row.severity for row in _findings(facts)]
    for severity in ("act", "watch"):
        if severity in severities:
            return t(f"drift.title_{severity}", count=t.count(severities.count(severity)))
    return t("drift.title_ok")


_SECTION: Final = re.compile(r"monthly/\d\d_\w+\.html")
_TONES: Final[dict[Verdict | None, str]] = {"works": "best", "harms": "chosen", "open": "muted"}
_TINY: Final = '{"data": {"values": [{}]}, "mark": "point"}'
_COHORT_MONTHS: Final = 3  # fewer are no comparison


def sections(home: Path) -> list[str]:
    """Return the templates of the report's sections, in order: `monthly/NN_name.html`, shipped and a user's own."""
    return sorted(name for name in layered("reports", home, ".j2") if _SECTION.fullmatch(name))


def prepare_drawing() -> None:
    """Load the chart libraries and start their engine: for a thread, while another one waits for the database."""
    import vl_convert

    vl_convert.vegalite_to_svg(_TINY)  # the engine starts with the first chart
    importlib.import_module("altair")


def render_monthly(facts: MonthFacts, *, home: Path, language: str = "en") -> str:
    """Return the report of `facts` as one HTML page without scripts; the same facts give the same bytes.

    Templates get the facts as the JSON file has them, since templates of users read them so. Raises ConfigError
    for a language without words, or a template that cannot be filled.
    """
    words = read_language(language, home)
    return render(
        "monthly/monthly.html",
        home=home,
        d=facts.as_json(),
        t=words,
        tokens=token_css(),
        sections=sections(home),
        charts=_charts(facts, words),
        titles=monthly_titles(facts, words),
        findings=_findings(facts),
    )


def _charts(facts: MonthFacts, t: Language) -> dict[str, Figure | None]:
    return {
        "trend": _trend(facts, t),
        "cohorts": _cohorts(facts.cohorts, t),
        "campaigns": _campaigns(facts, t),
        "calibration": _calibration(facts.model, t),
    }


def _trend(facts: MonthFacts, t: Language) -> Figure | None:
    if facts.churn is None:
        return None
    months = facts.churn.trend
    rows = [
        {
            "label": t.short_month(row.month),
            "voluntary": row.voluntary_churners / row.customers if row.customers else 0.0,
            "involuntary": row.involuntary_churners / row.customers if row.customers else 0.0,
            "text": t.percent(row.churn_rate, 1),
        }
        for row in months
    ]
    rates = [row.churn_rate for row in months]
    if not any(rates):
        return None  # nothing to draw: the section says so
    target = t.percent(facts.target)
    names = {
        "voluntary": t("method.definition_voluntary"),
        "involuntary": t("method.definition_involuntary"),
        "target": f"{t('format.target')}\n{target}",
    }
    describe = t(
        "trend.describe",
        first=t.month(months[0].month),
        last=t.month(months[-1].month),
        low=t.percent(min(rates), 1),
        high=t.percent(max(rates), 1),
        now=t.percent(facts.churn.now.churn_rate, 1),
        month=t.month(facts.first_day),
        target=target,
    )
    return churn_by_cause(rows, target=facts.target, names=names, describe=describe, locale=t.axis_locale())


def _cohorts(cells: Sequence[CohortAge], t: Language) -> Figure | None:
    if len({cell.cohort_month for cell in cells}) < _COHORT_MONTHS:
        return None
    rows = [
        {
            "cohort": t.short_month(cell.cohort_month),
            "age": cell.months_since,
            "share": cell.retained / cell.customers,
            "text": t.percent(cell.retained / cell.customers, 0),
        }
        for cell in cells
        if cell.customers
    ]
    third = [row["text"] for row in rows if row["age"] == _COHORT_MONTHS]
    describe = t("trend.cohorts_describe", third=third[-1] if third else DASH)
    return retention_map(rows, age=t("trend.age"), joined=t("trend.joined"), describe=describe)


def _campaigns(facts: MonthFacts, t: Language) -> Figure | None:
    profits = [
        _CampaignBar(row.title, row.realised, _TONES[row.realised.verdict])
        for row in facts.campaigns
        if row.realised is not None
    ]
    if not profits:
        return None
    if (saved := facts.saved) is not None and len(profits) > 1:
        tone = "best" if saved.low > 0 else "chosen" if saved.high < 0 else "ink"
        profits.append(_CampaignBar(t("campaigns.total"), saved, tone))
    rows = [
        {
            "label": bar.label,
            "value": bar.profit.value,
            "low": bar.profit.low,
            "high": bar.profit.high,
            "kind": bar.tone,
        }
        for bar in profits
    ]
    sentences = "; ".join(
        f"{bar.label} {t.money(bar.profit.value, facts.currency)} "
        f"({t.money(bar.profit.low, facts.currency)} {DASH} {t.money(bar.profit.high, facts.currency)})"
        for bar in profits
    )
    return profit_intervals(
        rows,
        title=t("campaigns.axis"),
        money=t.money_axis(facts.currency),
        describe=t("campaigns.describe", rows=sentences),
        locale=t.axis_locale(),
    )


def _calibration(model: ModelFacts | None, t: Language) -> Figure | None:
    if model is None or not model.calibration:
        return None
    return calibration_chart(
        [row.as_json() for row in model.calibration],
        describe=t("model.describe"),
        titles=(t("model.predicted"), t("model.observed")),
        locale=t.axis_locale(),
    )
