"""Makes of a model's card and figures what its page shows: charts with what they say to those who hear them, and sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from markupsafe import Markup

from churn.api.pages.charts import chart_html
from churn.documents.candidate_figures import CandidateFigures
from churn.documents.model_card import ModelCard
from churn.documents.model_figures import ContactCut, EvaluationCurves, FeatureWeight, GroupWeight
from churn.documents.monitoring import ChallengerContest
from churn.languages.recorded import recorded
from churn.languages.words import by_language, tr
from churn.reports import model_words as words
from churn.reports.charts import model as charts
from churn.reports.charts.effect import interval_chart
from churn.reports.charts.svg import Figure
from churn.reports.feature_groups import group_label
from churn.views.model import ModelView
from churn.wording import currency_prefix, decimal, money, percent

THEMES: Final = 10  # as many as are read; the rest is in the model card
FEATURES: Final = 10
TRAININGS: Final = 20  # in the chart of all; the table below it has every one
_KINDS: Final = {"champion": "chosen", "challenger": "curve", "retired": "muted"}


@dataclass(frozen=True)
class ModelCharts:
    """The drawings of the page, as HTML."""

    candidates: Markup
    calibration: Markup
    roc: Markup
    precision_recall: Markup
    gains: Markup
    profit: Markup
    importance: Markup


@dataclass(frozen=True)
class ModelPage:
    """What the page of one version says. `selected` is the candidate that serves, `first` the riskiest tenth."""

    selected: CandidateFigures
    first: ContactCut
    cuts: Sequence[ContactCut]
    thresholds: Sequence[ContactCut]
    champion: Sequence[str]
    calibration: str
    chosen: str
    learned: Sequence[str]
    candidates: Sequence[CandidateFigures]
    features: Sequence[FeatureWeight]
    more_features: int
    charts: ModelCharts


@dataclass(frozen=True)
class _Profit:
    """One candidate's bar: its net profit on the test rows with the 95 % interval, and how it is drawn."""

    title: str
    net_profit: float
    low: float
    high: float
    kind: str
    text: str


@dataclass(frozen=True)
class _Trained:
    """One training's AUC with its 95 % interval, and how it is drawn."""

    title: str
    auc: float
    low: float
    high: float
    kind: str
    text: str


@dataclass(frozen=True)
class _Drawing:
    """All that the charts of one version show; equal ones are drawn once."""

    profits: tuple[_Profit, ...]
    auc: float
    pr_auc: float
    curves: EvaluationCurves
    groups: tuple[GroupWeight, ...]
    currency: str


def model_page(view: ModelView, currency: str) -> ModelPage | None:
    """Return sentences and charts of a version; None where there is none, or where its bundle cannot be read."""
    card, figures = view.card, view.figures
    if card is None or figures is None:
        return None
    curves, importance = figures.curves, figures.importance
    candidates = _compared(card)
    return ModelPage(
        selected=card.chosen,
        first=curves.cuts[0],
        cuts=curves.cuts,
        thresholds=curves.thresholds,
        champion=words.champion_words(card, curves, _served_from(view)),
        calibration=words.calibration_words(card, curves),
        chosen=words.chosen_words(curves, currency),
        learned=words.learned_words(card),
        candidates=candidates,
        features=importance.features[:FEATURES],
        more_features=max(len(importance.features) - FEATURES, 0),
        charts=_draw(
            _Drawing(
                profits=_profits(candidates, card.selected, currency),
                auc=card.chosen.auc or 0.0,
                pr_auc=card.chosen.pr_auc or 0.0,
                curves=curves,
                groups=importance.groups[:THEMES],
                currency=currency,
            )
        ),
    )


def history_chart(view: ModelView) -> Markup | None:
    """Return the AUC of the newest trainings, the one that serves and its challengers marked; None before a second one."""
    rows = tuple(
        _Trained(
            version.version,
            auc,
            low,
            high,
            _KINDS[version.status],
            tr("{auc} ({low} to {high})", auc=decimal(auc, 3), low=decimal(low, 3), high=decimal(high, 3)),
        )
        for version in view.versions[:TRAININGS]
        if version.metrics is not None
        and (auc := version.metrics.auc) is not None
        and (low := version.metrics.auc_interval[0]) is not None
        and (high := version.metrics.auc_interval[1]) is not None
    )
    return _draw_history(rows) if len(rows) > 1 else None


def contests_chart(contests: Sequence[ChallengerContest], currency: str) -> Markup | None:
    """Return what each challenger would have earned more than the champion on the same customers; None without any."""
    rows = tuple(
        (contest.challenger, contest.gain, contest.low, contest.high, "best" if contest.is_won else "muted")
        for contest in contests
        if contest.low is not None and contest.high is not None
    )
    return _draw_contests(rows, currency) if rows else None


@by_language(maxsize=8)
def _draw_history(rows: tuple[_Trained, ...]) -> Markup:
    description = "; ".join(f"{row.title} {row.text}" for row in rows)
    figure = charts.versions_chart(
        [vars(row) for row in rows],
        describe=tr("AUC of each training, newest first: {description}.", description=description),
    )
    return _html("history", figure)


@by_language(maxsize=8)
def _draw_contests(rows: tuple[tuple[str, float, float, float, str], ...], currency: str) -> Markup:
    description = "; ".join(
        tr(
            "{name} {gain} ({low} to {high})",
            name=name,
            gain=money(gain, currency, cents=False),
            low=money(low, currency, cents=False),
            high=money(high, currency, cents=False),
        )
        for name, gain, low, high, _ in rows
    )
    drawn = [
        {"label": name, "delta": gain, "low": low, "high": high, "kind": kind} for name, gain, low, high, kind in rows
    ]
    figure = interval_chart(
        drawn,
        title=tr("Net profit beyond the champion's, {currency}", currency=currency),
        describe=tr("Net profit beyond the champion's on the same customers: {description}.", description=description),
    )
    return _html("contests", figure)


def _served_from(view: ModelView) -> datetime | None:
    """Return since when the version shown serves, None where another does."""
    newest = view.history[0] if view.history else None
    if newest is None or view.version is None or newest.version != view.version.version:
        return None
    return newest.served_from


def _compared(card: ModelCard) -> list[CandidateFigures]:
    """Return the candidates as the table compares them, best net profit first, baselines last."""
    return sorted(card.candidates, key=lambda row: (row.is_baseline, -(row.net_profit or 0.0)))


def _profits(candidates: Sequence[CandidateFigures], selected: str, currency: str) -> tuple[_Profit, ...]:
    profits = []
    for row in candidates:
        low, high = row.net_profit_interval
        if row.net_profit is None or low is None or high is None:
            continue
        value, ends = (
            money(row.net_profit, currency, cents=False),
            [money(end, currency, cents=False) for end in (low, high)],
        )
        kind = "chosen" if row.name == selected else "muted" if row.is_baseline else "curve"
        profits.append(
            _Profit(
                recorded(row.title),
                row.net_profit,
                low,
                high,
                kind,
                tr("{value} ({ends} to {ends_2})", value=value, ends=ends[0], ends_2=ends[1]),
            )
        )
    return tuple(profits)


@by_language(maxsize=8)
def _draw(drawing: _Drawing) -> ModelCharts:
    """Draw the charts of a version once, however often its page is requested."""
    curves, currency = drawing.curves, drawing.currency
    prefix = currency_prefix(currency)
    bins = "; ".join(tr(" and ").join((percent(row.predicted), percent(row.observed))) for row in curves.calibration)
    return ModelCharts(
        candidates=_html("candidates", _candidates(drawing.profits, prefix)),
        calibration=_html(
            "calibration",
            charts.calibration_chart(
                [row.as_json() for row in curves.calibration],
                describe=tr("Predicted and actual share who left, by tenth: {bins}.", bins=bins),
            ),
        ),
        roc=_html(
            "roc",
            charts.roc_chart(
                [point.as_json() for point in curves.roc],
                auc=f"AUC {decimal(drawing.auc, 3)}",
                describe=tr(
                    "ROC curve: the area under it is {auc}, where chance has 0.5.", auc=decimal(drawing.auc, 3)
                ),
            ),
        ),
        precision_recall=_html(
            "precision-recall",
            charts.precision_recall_chart(
                [point.as_json() for point in curves.precision_recall],
                base_rate=curves.base_rate,
                note=tr("area {area}", area=decimal(drawing.pr_auc, 3)),
                describe=tr(
                    "Precision against recall: the area is {pr_auc}, where chance has {base_rate}.",
                    pr_auc=decimal(drawing.pr_auc, 3),
                    base_rate=percent(curves.base_rate),
                ),
            ),
        ),
        gains=_html("gains", _gains(curves)),
        profit=_html("profit", _profit(curves, currency, prefix)),
        importance=_html("importance", _importance(drawing.groups)),
    )


def _html(name: str, figure: Figure) -> Markup:
    return chart_html(f"model-{name}", figure)


def _candidates(profits: Sequence[_Profit], prefix: str) -> Figure:
    rows = "; ".join(f"{row.title} {row.text}" for row in profits)
    return charts.candidates_chart(
        [vars(row) for row in profits],
        currency_prefix=prefix,
        describe=tr("Net profit of each candidate: {rows}.", rows=rows),
    )


def _gains(curves: EvaluationCurves) -> Figure:
    chosen, mark = curves.chosen, None
    if chosen is not None and chosen.recall is not None and chosen.threshold is not None and chosen.contacts > 0:
        label = tr("its cut, {threshold}", threshold=percent(chosen.threshold))
        mark = {"contacts_share": chosen.share, "recall": chosen.recall, "label": label}
    cuts = "; ".join(
        tr("{share} finds {recall}", share=percent(cut.share, 0), recall=percent(cut.recall or 0.0, 0))
        for cut in curves.cuts
    )
    points = [point.model_dump(mode="json", exclude={"net_profit"}) for point in curves.gains]
    return charts.gains_chart(
        points, mark, describe=tr("Contacting the riskiest: {cuts} of those who leave.", cuts=cuts)
    )


def _profit(curves: EvaluationCurves, currency: str, prefix: str) -> Figure:
    chosen, mark = curves.chosen, None
    best = max(curves.gains, key=lambda point: point.net_profit)
    if chosen is not None and chosen.contacts > 0:
        label = money(chosen.net_profit, currency, cents=False)
        mark = {"contacts_share": chosen.share, "net_profit": chosen.net_profit, "label": label}
    describe = tr(
        "Net profit is highest, {net_profit}, when {contacts_share} are contacted; contacting "
        "everybody brings {net_profit_2}.",
        net_profit=money(best.net_profit, currency, cents=False),
        contacts_share=percent(best.contacts_share, 0),
        net_profit_2=money(curves.gains[-1].net_profit, currency, cents=False),
    )
    points = [point.as_json() for point in curves.gains]
    return charts.profit_by_share(points, mark, currency_prefix=prefix, describe=describe)


def _importance(groups: Sequence[GroupWeight]) -> Figure:
    rows = [
        {
            "label": group_label(g.group),
            "points": 100 * g.points,
            "text": tr("{points} points", points=decimal(100 * g.points, 1)),
        }
        for g in groups
    ]
    parts = "; ".join(f"{row['label']} {row['text']}" for row in rows)
    return charts.importance_chart(
        rows, describe=tr("How far each theme moves a customer's risk, on average: {parts}.", parts=parts)
    )
