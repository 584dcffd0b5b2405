"""Chooses the candidate to serve, and says why in one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from churn.config import SelectionMetric
from churn.errors import ModelError
from churn.modeling.encoding.columns import Floats
from churn.modeling.judging.bootstrap import Interval, interval
from churn.modeling.result import CandidateResult

_WORDS: Final[dict[str, str]] = {
    "net_profit": "net profit",
    "auc": "AUC",
    "empc": "EMPC",
    "recall_at_budget": "recall at the contact budget",
}
_SIGNAL_QUANTILE = 0.005  # stricter than 95 %: the best of four candidates on noise looks better than noise


@dataclass(frozen=True)
class Selection:
    """The chosen candidate's name, the reason, and whether there was anything to learn."""

    name: str
    reason: str
    has_signal: bool


def select(
    results: Sequence[CandidateResult], *, metric: SelectionMetric, interpretability: Sequence[str]
) -> Selection:
    """Take the best by `metric`; where others are not reliably worse, the most interpretable of them and it.

    `results` hold candidates and baselines judged on the same draws; baselines are never chosen. A candidate with no
    signal is chosen only where none has any. Raises ModelError where there is no candidate.
    """
    models = [result for result in results if not result.is_baseline]
    if not models:
        raise ModelError("no candidate was trained", where="training.candidates", remedy="Name one or more.")
    constant = next((result for result in results if result.name == "constant"), None)
    able = [result for result in models if has_signal(result, constant)]
    pool = able or models
    best = max(pool, key=lambda result: (result.value(metric), -_rank(result.name, interpretability)))
    gaps = {result.name: difference(best, result, metric) for result in pool if result is not best}
    equals = [best, *(result for result in pool if result.name in gaps and gaps[result.name].low <= 0.0)]
    chosen = min(equals, key=lambda result: _rank(result.name, interpretability))
    if not able:
        return Selection(chosen.name, _nothing(models, constant), has_signal=False)
    return Selection(chosen.name, _reason(chosen, best, gaps, equals, metric), has_signal=True)


def difference(better: CandidateResult, other: CandidateResult, metric: str) -> Interval:
    """Return by how much `better` exceeds `other`, with the interval of the difference on the same draws."""
    return interval(better.value(metric) - other.value(metric), better.draws[metric] - other.draws[metric])


def has_signal(result: CandidateResult, constant: CandidateResult | None) -> bool:
    """Return whether a candidate surely ranks better than chance and states probabilities better than a constant."""
    known: Floats = result.draws["auc"][np.isfinite(result.draws["auc"])]
    if not known.size or float(np.quantile(known, _SIGNAL_QUANTILE)) <= 0.5:
        return False
    return constant is None or result.value("log_loss") < constant.value("log_loss")


def _rank(name: str, interpretability: Sequence[str]) -> int:
    return list(interpretability).index(name) if name in interpretability else len(interpretability)


def _nothing(models: Sequence[CandidateResult], constant: CandidateResult | None) -> str:
    top = max(models, key=lambda result: result.value("auc"))
    auc = top.metrics["auc"]
    reason = f"Nothing to learn was found: the best ranking, by {_called(top)}, has an AUC of {auc.value:.3f} ({auc.low:.3f} to {auc.high:.3f})"
    if constant is not None and top.value("log_loss") >= constant.value("log_loss"):
        return f"{reason}, and its probabilities are no better than giving everyone the same."
    return f"{reason}, no better than chance."


def _reason(
    chosen: CandidateResult,
    best: CandidateResult,
    gaps: dict[str, Interval],
    equals: Sequence[CandidateResult],
    metric: str,
) -> str:
    word = _WORDS[metric]
    figure = _figure(chosen.value(metric), metric)
    if chosen is not best:
        gap = gaps[chosen.name]
        span = f"{_figure(gap.low, metric)} to {_figure(gap.high, metric)}"
        return (
            f"{chosen.title} was chosen: its {word} on the test rows, {figure}, is not reliably below that of "
            f"{_called(best)}, {_figure(best.value(metric), metric)} (difference {_figure(gap.value, metric)}, 95 % "
            f"interval {span}), and of the {len(equals)} candidates for which that holds it is the easiest to interpret."
        )
    if not gaps:
        return f"{chosen.title} was chosen: it was the only candidate with something to say; its {word} on the test rows is {figure}."
    if len(equals) > 1:
        return (
            f"{chosen.title} was chosen: its {word} on the test rows, {figure}, is the best, and of the candidates that "
            f"are not reliably below it ({_listed(equals[1:])}) none is easier to interpret."
        )
    return f"{chosen.title} was chosen: its {word} on the test rows, {figure}, is reliably above that of every other candidate."


def _called(result: CandidateResult) -> str:
    return result.title if result.title == "XGBoost" else f"the {result.title[0].lower()}{result.title[1:]}"


def _listed(results: Sequence[CandidateResult]) -> str:
    return ", ".join(_called(result) for result in results)


def _figure(value: float, metric: str) -> str:
    return f"{value:,.0f}" if metric == "net_profit" else f"{value:,.3f}"
