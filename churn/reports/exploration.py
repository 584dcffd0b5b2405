"""The page of an exploration: insights first, then how long customers stay, what goes together, and every column."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from churn.documents.exploration import (
    Association,
    ColumnInsight,
    ColumnProfile,
    ExplorationDocument,
    Structure,
    SurvivalCurves,
    SurvivalPoint,
)
from churn.languages.recorded import recorded
from churn.languages.words import tr, within
from churn.reports.charts import columns, exploration
from churn.reports.charts.svg import token_css
from churn.reports.feature_groups import LABELS, group_label
from churn.reports.render import render
from churn.wording import count, decimal, percent


def render_exploration(document: ExplorationDocument, *, home: Path) -> str:
    """Return the self-contained HTML page of an exploration; the same document gives the same bytes."""
    return render(
        "exploration/exploration.html",
        home=home,
        d=document,
        tokens=token_css(),
        dots=_dots(document.insights, document.churn_rate),
        survival=_survival(document.survival),
        association=_association(document.association),
        scatter=_scatter(document.structure),
        kinds=None if document.churn_rate is None else _kinds(document.structure),
        groups=_groups(document.profile),
        pictures=columns,
        titles=_titles(document.profile),
        within=within,
    )


def _titles(profile: Sequence[ColumnProfile]) -> dict[str, str]:
    """Return what each column is called on the page: its documentation without the full stop, else its name."""
    titles = {}
    for column in profile:
        text = column.description.strip().rstrip(".")
        is_own = text and not text.startswith("Column ") and len(text) <= 60
        titles[column.name] = recorded(text) if is_own else _name(column.name)
    return titles


def _name(column: str) -> str:
    return recorded(column.removesuffix("_attribute").replace("_", " "))


def _groups(profile: Sequence[ColumnProfile]) -> list[tuple[str, list[ColumnProfile]]]:
    """Return the columns by group, those that ship first, others after them by name."""
    by_group: dict[str, list[ColumnProfile]] = {}
    for column in profile:
        by_group.setdefault(column.group, []).append(column)
    order = [*LABELS, *sorted(by_group.keys() - LABELS.keys())]
    return [(group_label(group), by_group[group]) for group in order if group in by_group]


def _dots(insights: Sequence[ColumnInsight], churn_rate: float | None) -> Markup | None:
    if not insights or churn_rate is None:
        return None
    rows = [
        {
            "label": recorded(insight.words[:1].upper() + insight.words[1:]),
            "rate": 100 * insight.churn_rate,
            "low": 100 * insight.interval[0],
            "high": 100 * insight.interval[1],
        }
        for insight in insights
    ]
    groups = "; ".join(
        tr(
            "{group}: {rate} ({low} to {high})",
            group=recorded(insight.words[:1].upper() + insight.words[1:]),
            rate=percent(insight.churn_rate, 0),
            low=percent(insight.interval[0], 0),
            high=percent(insight.interval[1], 0),
        )
        for insight in insights
    )
    describe = tr(
        "Churn of each group with its interval, beside {average} of all. {groups}.",
        average=percent(churn_rate, 1),
        groups=groups,
    )
    return exploration.finding_dots(rows, average=100 * churn_rate, describe=describe)


def _survival(curves: SurvivalCurves | None) -> Markup | None:
    if curves is None or not any(group.points for group in curves.groups):
        return None
    ends = "; ".join(f"{recorded(group.name)} {_last(group.points)}" for group in curves.groups if group.points)
    unit = tr("Months since joining") if curves.unit == "months" else _name(curves.unit).capitalize()
    groups = [group.as_json() | {"name": recorded(group.name)} for group in curves.groups]
    describe = tr("Share still there by age. {ends}.", ends=ends)
    return exploration.survival_curves(groups, unit=unit, describe=describe)


def _last(points: Sequence[SurvivalPoint]) -> str:
    end = points[-1]
    return tr(
        "{share} ({low} to {high}) at {age}",
        share=percent(end.share, 0),
        low=percent(end.low, 0),
        high=percent(end.high, 0),
        age=count(end.age),
    )


def _association(association: Association) -> Markup | None:
    if len(association.columns) < 2:
        return None
    names = {c.name: _name(c.name) for c in association.columns}
    known = [(pair, pair.value) for pair in association.pairs if pair.value is not None]
    rows = [{"one": names[pair.one], "other": names[pair.other], "value": value} for pair, value in known]
    strongest = sorted(known, key=lambda row: -abs(row[1]))[:6]
    ties = "; ".join(
        tr("{one} with {other} {value}", one=names[pair.one], other=names[pair.other], value=decimal(value, 2))
        for pair, value in strongest
    )
    describe = tr("Strongest associations: {ties}.", ties=ties)
    return exploration.association_map(list(names.values()), rows, describe=describe)


def _scatter(structure: Structure | None) -> Markup | None:
    if structure is None:
        return None
    main, second = structure.components[:2]
    return exploration.component_scatter(
        [point.as_json() for point in structure.points],
        x_title=tr("Main component, {share} of all differences", share=percent(main.share, 0)),
        y_title=tr("Second component, {share} of all differences", share=percent(second.share, 0)),
        describe=tr(
            "A sample of customers along the two main components, in {number} kinds.", number=len(structure.groups)
        ),
    )


def _kinds(structure: Structure | None) -> Markup | None:
    if structure is None:
        return None
    shares = [(tr("Customers"), group.number, group.share) for group in structure.groups]
    shares += [(tr("Those who left"), group.number, group.share_of_churned) for group in structure.groups]
    rows = [{"bar": bar, "group": number, "share": share} for bar, number, share in shares]
    parts = "; ".join(
        tr("{bar}, kind {number}: {share}", bar=bar, number=number, share=percent(share, 0))
        for bar, number, share in shares
    )
    return exploration.share_bars(rows, describe=tr("Share of each kind. {parts}.", parts=parts))
