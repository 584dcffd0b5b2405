"""Computes every candidate's figures on the same test rows, each with a bootstrap interval over customers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from churn.decisions.calibration import Gate, calibration_gate, expected_calibration_error
from churn.decisions.profit import Economics, expected_profit
from churn.decisions.profit_metrics import empc_score
from churn.decisions.threshold import threshold_curve
from churn.modeling.encoding.columns import Floats
from churn.modeling.judging.bootstrap import CustomerDraws, Interval, interval
from churn.modeling.judging.ranking import Ranking

ECE_BINS = 10
_EMPC_WORK = 1_000_000  # rows x draws; larger test sets get fewer draws, since EMPC sorts each draw
_EMPC_DRAWS = 25
_RANKED = ("auc", "pr_auc", "lift", "recall_at_budget")


@dataclass(frozen=True)
class TestRows:
    """Outcomes 0/1, the value of a save, (n,) each, the draws of their customers, and the offer's terms."""

    __test__ = False  # tells pytest that this is no test class

    y: Floats
    value: Floats
    draws: CustomerDraws
    economics: Economics
    recall_share: float

    @cached_property
    def profit_if_contacted(self) -> Floats:
        """The profit of contacting each customer, given who churned, (n,)."""
        return expected_profit(self.y, self.value, self.economics)


@dataclass(frozen=True)
class Figures:
    """A candidate's metrics with intervals, their bootstrap draws, and the verdict on its calibration."""

    metrics: dict[str, Interval]
    draws: dict[str, Floats]
    gate: Gate


def best_threshold(p: Floats, y: Floats, value: Floats, economics: Economics) -> float:
    """Return the probability from which contacting pays most on these rows, infinite where no contact pays."""
    return threshold_curve(p, y, value, economics).optimum().threshold


def evaluate(rows: TestRows, raw_score: Floats, p: Floats, threshold: float | Floats) -> Figures:
    """Judge probabilities `p` (n,) and the ranking of `raw_score` (n,), contacting where p >= `threshold`, one or (n,)."""
    points, draws = _at_threshold(rows, p, threshold)
    for part in (_errors(rows, p), _ranked(rows, raw_score), _empc(rows, raw_score)):
        points.update(part[0])
        draws.update(part[1])
    metrics = {name: interval(points[name], draws[name]) for name in points}
    return Figures(metrics, draws, calibration_gate(rows.y, p))


Part = tuple[dict[str, float], dict[str, Floats]]


def _at_threshold(rows: TestRows, p: Floats, threshold: float | Floats) -> Part:
    contacted = (p >= threshold).astype(np.float64)
    sums = (contacted * rows.y, contacted, rows.y, contacted * rows.profit_if_contacted)
    point = _decision_figures(*(np.array([v.sum()]) for v in sums))
    drawn = _decision_figures(*(rows.draws.totals(v) for v in sums))
    return {name: float(v[0]) for name, v in point.items()}, drawn


def _decision_figures(hits: Floats, contacts: Floats, churners: Floats, profit: Floats) -> dict[str, Floats]:
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = hits / churners
        precision = np.where(contacts > 0, hits / contacts, 0.0)  # nobody contacted, nobody found
        f1 = 2.0 * hits / (contacts + churners)
    return {"recall": recall, "precision": precision, "f1": f1, "net_profit": profit}


def _errors(rows: TestRows, p: Floats) -> Part:
    safe = np.clip(p, 1e-7, 1.0 - 1e-7)
    squared = (p - rows.y) ** 2
    surprise = -(rows.y * np.log(safe) + (1.0 - rows.y) * np.log1p(-safe))
    points = {
        "brier": float(squared.mean()),
        "log_loss": float(surprise.mean()),
        "ece": expected_calibration_error(rows.y, p, bins=ECE_BINS),
    }
    drawn = {
        "brier": rows.draws.totals(squared) / rows.draws.rows,
        "log_loss": rows.draws.totals(surprise) / rows.draws.rows,
    }
    # The bins stay those of the test rows: a draw repeats rows, it does not make other customers.
    ranks = np.argsort(np.argsort(p, kind="stable"), kind="stable")
    bins = ranks * ECE_BINS // max(p.size, 1)
    gaps = [np.abs(rows.draws.totals(np.where(bins == b, p - rows.y, 0.0))) for b in range(ECE_BINS)]
    redrawn = np.sum(gaps, axis=0) / rows.draws.rows
    # Noise of a draw widens every bin's gap, so draws lie above the figure: only their spread is used.
    drawn["ece"] = np.maximum(redrawn - np.median(redrawn) + points["ece"], 0.0)
    return points, drawn


def _ranked(rows: TestRows, raw_score: Floats) -> Part:
    ranking = Ranking.of(raw_score, rows.y)
    point = ranking.figures(recall_share=rows.recall_share)
    drawn = np.array(
        [ranking.figures(rows.draws.weights(d), recall_share=rows.recall_share) for d in range(rows.draws.draws)]
    )
    return dict(zip(_RANKED, point, strict=True)), {name: drawn[:, i] for i, name in enumerate(_RANKED)}


def _empc(rows: TestRows, raw_score: Floats) -> Part:
    order = np.argsort(raw_score, kind="stable")
    y, score = rows.y[order], raw_score[order]
    count = int(np.clip(_EMPC_WORK // max(y.size, 1), _EMPC_DRAWS, rows.draws.draws))
    drawn = np.full(rows.draws.draws, np.nan)
    for d in range(min(count, rows.draws.draws)):
        times = rows.draws.weights(d)[order].astype(np.int64)
        repeated = np.repeat(y, times)
        if 0 < repeated.sum() < repeated.size:
            drawn[d] = empc_score(repeated, np.repeat(score, times))[0]
    return {"empc": empc_score(rows.y, raw_score)[0]}, {"empc": drawn}
