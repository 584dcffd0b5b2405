"""Chooses the candidate to serve, judged on rows that no candidate was trained on, and explains the choice in one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import Final, Literal

import numpy as np

from churn.config import SelectionMetric
from churn.errors import ModelError
from churn.modeling.encoding.columns import Floats
from churn.modeling.judging.bootstrap import Interval, interval
from churn.modeling.result import CandidateResult, Selection
from churn.wording import money

Deciding = SelectionMetric | Literal["log_loss"]

MARGIN: Final = 0.02  # of the best's figure: the most that an easier candidate may lose
_ONE_SIDED: Final = 0.05  # lower end of a 90 % interval
_SIGNAL_QUANTILE: Final = 0.005  # stricter than 95 %: what competes should not be noise
_CHANCE: Final = 0.01  # of data without any signal, the most that may seem to have one
_WORDS: Final[dict[Deciding, str]] = {
    "net_profit": "net profit",
    "auc": "AUC",
    "empc": "EMPC",
    "recall_at_budget": "recall at the contact budget",
    "log_loss": "log loss",
}


def select(
    results: Sequence[CandidateResult], *, metric: SelectionMetric, interpretability: Sequence[str], currency: str
) -> Selection:
    """Return the most interpretable candidate that is shown to be as good as the best one by `metric`, else the best one.

    **Best**: among the candidates within one standard error of the highest figure, the one with the lowest log loss. On few
    rows the highest profit is partly luck, while log loss uses every row, not only those near the threshold.
    **As good** (non-inferior): the lower end of the 90 % interval of the paired difference from the best lies above -2 % of the
    best's figure, and log loss is not reliably (95 %) higher than the lowest among these candidates.

    An average is as hard to interpret as its hardest member. Among candidates of the same ease the lower log loss decides. Where
    contacting everybody or nobody pays most, profit does not distinguish candidates, and log loss decides. All figures,
    those of the baselines too, come from `CandidateResult.held_out`; the reason tells profit in `currency`. A baseline is never chosen, and a candidate without signal
    only where no candidate has any. There is a signal where the best of so many candidates is better than chance. Raises ModelError where there is no candidate.
    """
    models = [result for result in results if not result.is_baseline]
    if not models:
        raise ModelError("no candidate was trained", where="training.candidates", remedy="Name one or more.")
    constant = next((result for result in results if result.name == "constant"), None)
    able = [result for result in models if has_signal(result, constant)]
    pool = able or models
    deciding = _deciding(pool, metric)
    top = max(pool, key=lambda result: (_gain(result, deciding), -_rank(result, interpretability)))
    near = [result for result in pool if result is top or is_near(result, top, deciding)]
    best = min(near, key=lambda result: (_value(result, "log_loss"), -_gain(result, deciding)))
    level = [best, *(other for other in pool if other is not best and is_as_good(other, best, deciding))]
    sharpest = min(level, key=lambda result: _value(result, "log_loss"))
    equals = [result for result in level if result is sharpest or difference(result, sharpest, "log_loss").low <= 0.0]
    chosen = min(equals, key=lambda result: (_rank(result, interpretability), _value(result, "log_loss")))
    if not any(_is_beyond_chance(result, len(models)) for result in able):
        return Selection(chosen.name, _nothing(models, constant), has_signal=False)
    rule = _better_rule(chosen, results, deciding)
    is_shared = any(
        _rank(other, interpretability) == _rank(chosen, interpretability) for other in equals if other is not chosen
    )
    reason = _reason(chosen, best, pool, equals, deciding, currency, is_shared=is_shared, top=top)
    if rule is not None:
        is_told = deciding != "net_profit" or chosen.is_calibrated
        amount = f" ({_WORDS[deciding]} {_figure(_value(rule, deciding), deciding, currency)})" if is_told else ""
        reason = f"{reason[:-1]}; but {_rule_words(rule)} does as well without a model{amount}: use that rule instead."
    return Selection(chosen.name, reason, has_signal=True, better_rule=None if rule is None else _rule_title(rule))


def is_near(candidate: CandidateResult, top: CandidateResult, metric: Deciding) -> bool:
    """Return whether `candidate` is within one standard error of the paired difference from `top`."""
    gap = _gains(candidate, metric) - _gains(top, metric)
    known: Floats = gap[np.isfinite(gap)]
    return bool(known.size) and _gain(candidate, metric) - _gain(top, metric) > -float(known.std())


def is_as_good(candidate: CandidateResult, best: CandidateResult, metric: Deciding) -> bool:
    """Return whether `candidate` is shown to be within the margin of `best`."""
    gap = _gains(candidate, metric) - _gains(best, metric)
    known: Floats = gap[np.isfinite(gap)]
    return bool(known.size) and float(np.quantile(known, _ONE_SIDED)) > -MARGIN * abs(_value(best, metric))


def difference(candidate: CandidateResult, other: CandidateResult, metric: Deciding) -> Interval:
    """Return by how much `candidate` exceeds `other` on the rows to choose on, with the interval on the same draws."""
    ours, theirs = candidate.held_out, other.held_out
    return interval(_value(candidate, metric) - _value(other, metric), ours.draws[metric] - theirs.draws[metric])


def has_signal(result: CandidateResult, constant: CandidateResult | None) -> bool:
    """Return whether a candidate reliably ranks better than chance and has a lower log loss than the constant."""
    drawn = result.held_out.draws["auc"]
    known: Floats = drawn[np.isfinite(drawn)]
    if not known.size or float(np.quantile(known, _SIGNAL_QUANTILE)) <= 0.5:
        return False
    return constant is None or _value(result, "log_loss") < _value(constant, "log_loss")


def _is_beyond_chance(result: CandidateResult, count: int) -> bool:
    """Return whether a candidate ranks better than the best of `count` would by chance, in all but one of a hundred cases.

    Bonferroni's bound, by the normal distribution: draws are too few for quantiles so far out.
    """
    drawn = result.held_out.draws["auc"]
    known: Floats = drawn[np.isfinite(drawn)]
    above = _value(result, "auc") - 0.5
    return bool(known.size) and above > NormalDist().inv_cdf(1.0 - _CHANCE / count) * float(known.std())


def _deciding(pool: Sequence[CandidateResult], metric: SelectionMetric) -> Deciding:
    if metric != "net_profit":
        return metric
    best = max(pool, key=lambda result: _value(result, metric))
    return "log_loss" if best.contacts_everyone or np.isinf(best.threshold) else metric


def _better_rule(
    chosen: CandidateResult, results: Sequence[CandidateResult], metric: Deciding
) -> CandidateResult | None:
    rules = [result for result in results if result.is_baseline]
    best = max(rules, key=lambda result: _gain(result, metric), default=None)
    if best is None or _gain(best, metric) < _gain(chosen, metric):
        return None
    # Equal money with surer probabilities is still worth a model: what else is counted with them comes out better.
    return None if difference(chosen, best, "log_loss").high < 0.0 else best


def _value(result: CandidateResult, metric: Deciding) -> float:
    return result.held_out.metrics[metric].value


def _gain(result: CandidateResult, metric: Deciding) -> float:
    """Return the figure with its sign changed where lower is better."""
    return -_value(result, metric) if metric == "log_loss" else _value(result, metric)


def _gains(result: CandidateResult, metric: Deciding) -> Floats:
    drawn = result.held_out.draws[metric]
    return -drawn if metric == "log_loss" else drawn


def _rank(result: CandidateResult, interpretability: Sequence[str]) -> int:
    """Return the place in the order; an average that is not listed takes that of its hardest member."""
    if result.name in interpretability:
        return interpretability.index(result.name)
    places = [interpretability.index(name) for name in result.members if name in interpretability]
    return max(places, default=len(interpretability))


def _nothing(models: Sequence[CandidateResult], constant: CandidateResult | None) -> str:
    top = max(models, key=lambda result: _value(result, "auc"))
    auc = top.held_out.metrics["auc"]
    reason = f"Nothing to learn was found: the best ranking, by {_called(top)}, has an AUC of {auc.value:.3f} ({auc.low:.3f} to {auc.high:.3f})"
    if constant is not None and _value(top, "log_loss") >= _value(constant, "log_loss"):
        return f"{reason}, and its probabilities are no better than giving everyone the same."
    if auc.low > 0.5 and len(models) > 1:
        count = len(models)
        return f"{reason}, which the best of {count} candidates may reach by chance."
    return f"{reason}, no better than chance."


def _reason(
    chosen: CandidateResult,
    best: CandidateResult,
    pool: Sequence[CandidateResult],
    equals: Sequence[CandidateResult],
    metric: Deciding,
    currency: str,
    *,
    is_shared: bool,
    top: CandidateResult,
) -> str:
    word, figure = _WORDS[metric], _figure(_value(chosen, metric), metric, currency)
    where = "on rows it had not learnt from"
    if metric == "net_profit" and not chosen.is_calibrated:
        at_best = (
            "the best" if best is top else "within chance of the highest, with the lowest log loss of those that are"
        )
        beside = "shown to be as good as that of the best" if chosen is not best else at_best
        return (
            f"{chosen.title} was chosen: its {word} {where} is {beside}, and no easier candidate is; amounts are not told, as "
            "its probabilities failed the calibration gate."
        )
    because = " (contacting everyone or nobody pays most, so that profit cannot tell)" if metric == "log_loss" else ""
    ease = "easiest to interpret, and has the lowest log loss of those as easy" if is_shared else "easiest to interpret"
    if len(pool) == 1:
        return f"{chosen.title} was chosen: it was the only candidate with something to say; its {word} {where} is {figure}{because}."
    if chosen is not best:
        gap = difference(chosen, best, metric)
        span = f"{_figure(gap.low, metric, currency)} to {_figure(gap.high, metric, currency)}"
        return (
            f"{chosen.title} was chosen: its {word} {where}, {figure}, is shown to be within {MARGIN:.0%} of that of "
            f"{_called(best)}, {_figure(_value(best, metric), metric, currency)} (difference {_figure(gap.value, metric, currency)}, 95 % "
            f"interval {span}), its log loss is not reliably higher, and of the {len(equals)} candidates for which that "
            f"holds it is the {ease}{because}."
        )
    if best is not top:
        return (
            f"{chosen.title} was chosen: its {word} {where}, {figure}, is within one standard error of the highest, "
            f"{_figure(_value(top, metric), metric, currency)} of {_called(top)}, and of the candidates of which that is true it has "
            f"the lowest log loss{because}."
        )
    others = [result for result in equals if result is not chosen]
    if others:
        return (
            f"{chosen.title} was chosen: its {word} {where}, {figure}, is the best, and of the candidates shown to be as "
            f"good ({_listed(others)}) none is easier to interpret{because}."
        )
    return f"{chosen.title} was chosen: its {word} {where}, {figure}, is the best, and no easier candidate is shown to be as good{because}."


def _called(result: CandidateResult) -> str:
    return result.title if result.title == "XGBoost" else f"the {result.title[0].lower()}{result.title[1:]}"


def _rule_words(rule: CandidateResult) -> str:
    """Return what following a rule of thumb means, in words."""
    if rule.name != "constant":
        return f"{_called(rule)} alone"
    return "contacting everybody" if rule.contacts_everyone else "contacting nobody"


def _rule_title(rule: CandidateResult) -> str:
    return rule.title if rule.name != "constant" else _rule_words(rule)


def _listed(results: Sequence[CandidateResult]) -> str:
    return ", ".join(_called(result) for result in results)


def _figure(value: float, metric: Deciding, currency: str) -> str:
    return money(value, currency) if metric == "net_profit" else f"{value:,.3f}"
