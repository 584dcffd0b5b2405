"""What training hands on: each candidate's figures, the one chosen and why, and the model that will serve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from churn.documents.candidate_figures import CandidateFigures, ParameterValue
from churn.documents.model_card import ModelCard
from churn.modeling.judging.bootstrap import Interval
from churn.modeling.judging.evaluation import Figures
from churn.modeling.serving.served import ServedModel


@dataclass(frozen=True)
class CandidateResult:
    """One candidate on the test rows.

    `metrics` by name (auc, pr_auc, recall, precision, f1, brier, log_loss, ece, lift, recall_at_budget, empc,
    net_profit), each with its interval; `threshold` the probability from which contacting paid most on the selection
    rows (infinite: contacting nobody). `held_out` are the same figures on the rows that candidates are chosen on: scored
    by models that learnt from other customers or earlier days, and never the test rows; with each figure's bootstrap
    values, for paired differences. `contacts_everyone`: contacting all of those rows paid most. `members` names the
    candidates that an average is made of.
    """

    name: str
    title: str
    is_baseline: bool
    metrics: Mapping[str, Interval]
    held_out: Figures
    contacts_everyone: bool
    threshold: float
    fit_seconds: float
    rows_per_second: float
    calibration: str
    is_calibrated: bool
    calibration_slope: float
    params: Mapping[str, ParameterValue] = field(default_factory=dict)
    trials: int = 0
    members: tuple[str, ...] = ()

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
class Selection:
    """The chosen candidate's name, the reason, and whether there was anything to learn.

    `better_rule` is the title of the rule of thumb that earns as much as the chosen candidate, whose log loss is not reliably lower; None where the
    candidate beats them all: only then may it be promoted.
    """

    name: str
    reason: str
    has_signal: bool
    better_rule: str | None = None

    @property
    def may_serve(self) -> bool:
        """Whether the candidate found a signal and no rule of thumb does as well."""
        return self.has_signal and self.better_rule is None


@dataclass(frozen=True)
class TrainingResult:
    """All candidates and baselines, which was chosen and why, its model, fitted on all rows, test rows and card.

    `evaluation` are the test rows, `unlearnt` the rows it was chosen on, with what models said that had not learnt from them.
    """

    candidates: tuple[CandidateResult, ...]
    selection: Selection
    model: ServedModel
    evaluation: pl.DataFrame
    unlearnt: pl.DataFrame
    card: ModelCard

    @property
    def best(self) -> CandidateResult:
        """The chosen candidate's figures."""
        return next(result for result in self.candidates if result.name == self.selection.name)
