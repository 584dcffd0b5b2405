"""Makes of a model's card and figures what its page shows: charts with what they say to those who hear them, and sentences."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from churn.api.pages.charts import chart_html
from churn.reports import model_words as words
from churn.reports.charts import model as charts
from churn.wording import SYMBOLS, money, percent

THEMES, FEATURES = 10, 10  # as many as are read; the rest is in the model card


def figures_of(found: Mapping[str, Any], currency: str) -> dict[str, Any]:
    """Return sentences and charts of `model_view`'s answer, whose card and figures must be there."""
    card, curves, importance = found["card"], found["figures"]["curves"], found["figures"]["importance"]
    selected = next(row for row in card["candidates"] if row["name"] == card["selected"])
    return {
        "selected": selected,
        "first": curves["cuts"][0],
        "cuts": curves["cuts"],
        "champion": words.champion_words(card, curves, _served_from(found)),
        "calibration": words.calibration_words(card, curves),
        "chosen": words.chosen_words(curves, currency),
        "learned": words.learned_words(card),
        "candidates": _candidates(card),
        "features": importance["features"][:FEATURES],
        "more_features": max(len(importance["features"]) - FEATURES, 0),
        "charts": _drawn(json.dumps([card["candidates"], card["selected"], curves, importance]), currency),
    }


def _served_from(found: Mapping[str, Any]) -> Any:
    """Return since when the version shown serves, None where another does."""
    history = found["history"]
    is_serving = bool(history) and history[0].version == found["version"].version
    return history[0].served_from if is_serving else None


def _candidates(card: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the candidates as the table compares them, best net profit first, baselines last."""
    rows = [{**row, "is_selected": row["name"] == card["selected"]} for row in card["candidates"]]
    return sorted(rows, key=lambda row: (row["is_baseline"], -(row["net_profit"] or 0.0)))


@lru_cache(maxsize=8)
def _drawn(told: str, currency: str) -> dict[str, Any]:
    """Draw the charts of one version once, however often its page is asked for; `told` is what they show, as JSON."""
    candidates, name, curves, importance = json.loads(told)
    selected = next(row for row in candidates if row["name"] == name)
    return _charts({"candidates": candidates, "selected": name}, curves, importance, selected, currency)


def _charts(
    card: Mapping[str, Any],
    curves: Mapping[str, Any],
    importance: Mapping[str, Any],
    selected: Mapping[str, Any],
    currency: str,
) -> dict[str, Any]:
    prefix = SYMBOLS.get(currency, "")
    auc = selected["auc"]
    drawn = {
        "candidates": _compared(card, currency, prefix),
        "calibration": charts.calibration_chart(
            curves["calibration"],
            describe="Predicted and actual share who left, by tenth: "
            + "; ".join(f"{percent(b['predicted'])} and {percent(b['observed'])}" for b in curves["calibration"])
            + ".",
        ),
        "roc": charts.roc_chart(
            curves["roc"],
            auc=f"AUC {auc:.3f}",
            describe=f"ROC curve: the area under it is {auc:.3f}, where chance has 0.5.",
        ),
        "precision_recall": charts.precision_recall_chart(
            curves["precision_recall"],
            base_rate=curves["base_rate"],
            note=f"area {selected['pr_auc']:.3f}",
            describe=f"Precision against recall: the area is {selected['pr_auc']:.3f}, where chance has "
            f"{percent(curves['base_rate'])}.",
        ),
        "gains": _gains(curves),
        "profit": _profit(curves, currency, prefix),
        "importance": _importance(importance["groups"][:THEMES]),
    }
    return {name: chart_html(f"model-{name.replace('_', '-')}", figure) for name, figure in drawn.items()}


def _compared(card: Mapping[str, Any], currency: str, prefix: str) -> Any:
    rows: list[dict[str, Any]] = []
    for row in _candidates(card):
        low, high = row["net_profit_interval"]
        if row["net_profit"] is None or low is None or high is None:
            continue
        text = f"{money(row['net_profit'], currency, cents=False)} ({money(low, currency, cents=False)} to {money(high, currency, cents=False)})"
        kind = "chosen" if row["is_selected"] else "muted" if row["is_baseline"] else "curve"
        row_ = {"title": row["title"], "net_profit": row["net_profit"], "low": low, "high": high}
        rows.append({**row_, "kind": kind, "text": text})
    told = "; ".join(f"{row['title']} {row['text']}" for row in rows)
    return charts.candidates_chart(rows, currency_prefix=prefix, describe=f"Net profit of each candidate: {told}.")


def _gains(curves: Mapping[str, Any]) -> Any:
    chosen, mark = curves["chosen"], None
    if chosen is not None and chosen["recall"] is not None and chosen["contacts"] > 0:
        label = f"its cut, {percent(chosen['threshold'])}"
        mark = {"contacts_share": chosen["share"], "recall": chosen["recall"], "label": label}
    told = "; ".join(f"{percent(cut['share'], 0)} finds {percent(cut['recall'] or 0.0, 0)}" for cut in curves["cuts"])
    describe = f"Contacting the riskiest: {told} of those who leave."
    return charts.gains_chart(curves["gains"], mark, describe=describe)


def _profit(curves: Mapping[str, Any], currency: str, prefix: str) -> Any:
    points, chosen = curves["gains"], curves["chosen"]
    best = max(points, key=lambda p: p["net_profit"])
    mark = None
    if chosen is not None and chosen["contacts"] > 0:
        label = money(chosen["net_profit"], currency, cents=False)
        mark = {"contacts_share": chosen["share"], "net_profit": chosen["net_profit"], "label": label}
    told = (
        f"Net profit is highest, {money(best['net_profit'], currency, cents=False)}, when "
        f"{percent(best['contacts_share'], 0)} are contacted; contacting everybody brings "
        f"{money(points[-1]['net_profit'], currency, cents=False)}."
    )
    return charts.profit_by_share(points, mark, currency_prefix=prefix, describe=told)


def _importance(groups: Sequence[Mapping[str, Any]]) -> Any:
    rows = [
        {"label": words.theme(g["group"]), "points": 100 * g["points"], "text": f"{100 * g['points']:.1f} points"}
        for g in groups
    ]
    told = "; ".join(f"{row['label']} {row['text']}" for row in rows)
    return charts.importance_chart(rows, describe=f"How far each theme moves a customer's risk, on average: {told}.")
