"""What training hands on: each candidate's figures, the one chosen and why, and the model that will serve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from churn.documents.candidate_figures import CandidateFigures, ParameterValue
from churn.documents.model_card import ModelCard
from churn.modeling.encoding.columns import Floats
from churn.modeling.judging.bootstrap import Interval
from churn.modeling.serving.served import ServedModel


@dataclass(frozen=True)
class CandidateResult:
    """One candidate on the test rows.

    `metrics` by name (auc, pr_auc, recall, precision, f1, brier, log_loss, ece, lift, recall_at_budget, empc,
    net_profit), each with its interval; `threshold` the probability from which contacting paid most on the selection
    slice (infinite: contacting nobody). `draws` hold each figure's bootstrap values, for paired differences.
    """

    name: str
    title: str
    is_baseline: bool
    metrics: Mapping[str, Interval]
    threshold: float
    fit_seconds: float
    rows_per_second: float
    calibration: str
    is_calibrated: bool
    calibration_slope: float
    params: Mapping[str, ParameterValue] = field(default_factory=dict)
    trials: int = 0
    draws: Mapping[str, Floats] = field(default_factory=dict, repr=False, compare=False)

    def value(self, metric: str) -> float:
        """Return a figure without its interval."""
        return self.metrics[metric].value

    def figures(self) -> CandidateFigures:
        """Return the figures as cards, registry and command line show them."""
        values: dict[str, float] = {name: metric.value for name, metric in self.metrics.items()}
        ends = {f"{name}_interval": (metric.low, metric.high) for name, metric in self.metrics.items()}
        return CandidateFigures(
            name=self.name,
            title=self.title,
            is_baseline=self.is_baseline,
            threshold=self.threshold,
            fit_seconds=round(self.fit_seconds, 3),
            rows_per_second=round(self.rows_per_second),
            calibration=self.calibration,
            is_calibrated=self.is_calibrated,
            calibration_slope=self.calibration_slope,
            params=dict(self.params),
            trials=self.trials,
            **values,
            **ends,
        )


@dataclass(frozen=True)
class TrainingResult:
    """All candidates and baselines, the chosen one, the reason in one sentence, its model, test rows and card.

    `has_signal` is false where nothing could be learnt: such a model is not promoted.
    """

    candidates: tuple[CandidateResult, ...]
    selected: str
    reason: str
    has_signal: bool
    model: ServedModel
    evaluation: pl.DataFrame
    card: ModelCard

    @property
    def best(self) -> CandidateResult:
        """The chosen candidate's figures."""
        return next(result for result in self.candidates if result.name == self.selected)
