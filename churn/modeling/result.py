"""What training hands on: each candidate's figures, the one chosen and why, and the model that will serve."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

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
    params: Mapping[str, Any] = field(default_factory=dict)
    trials: int = 0
    draws: Mapping[str, Floats] = field(default_factory=dict, repr=False, compare=False)

    def value(self, metric: str) -> float:
        """Return a figure without its interval."""
        return self.metrics[metric].value

    def to_dict(self) -> dict[str, Any]:
        """Return plain values: each figure under its name, its 95 % range under its name + `_interval`; None where undefined."""
        return {
            "name": self.name,
            "title": self.title,
            "is_baseline": self.is_baseline,
            **{name: _plain(found.value) for name, found in self.metrics.items()},
            "threshold": _plain(self.threshold),
            "fit_seconds": round(self.fit_seconds, 3),
            "rows_per_second": round(self.rows_per_second),
            "calibration": self.calibration,
            "is_calibrated": self.is_calibrated,
            "calibration_slope": _plain(self.calibration_slope),
            "params": dict(self.params),
            "trials": self.trials,
            **{f"{name}_interval": [_plain(found.low), _plain(found.high)] for name, found in self.metrics.items()},
        }


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
    card: dict[str, Any]

    @property
    def best(self) -> CandidateResult:
        """The chosen candidate's figures."""
        return next(found for found in self.candidates if found.name == self.selected)


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None
