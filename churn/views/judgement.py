"""Judges whether a model's probabilities can be turned into money, on the evaluation set kept with it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from churn.context import Context
from churn.decisions.calibration import calibration_gate
from churn.errors import NotCalibrated
from churn.languages.words import tr
from churn.modeling import load_evaluation

if TYPE_CHECKING:
    import polars as pl

    from churn.decisions.calibration import Gate


@dataclass(frozen=True)
class Judgement:
    """The calibration gate of a model, the evaluation set it was judged on, and by which share its level may err."""

    model_version: str
    gate: Gate
    frame: pl.DataFrame
    level_error: float

    def require(self, *, allow_uncalibrated: bool) -> None:
        """Raise NotCalibrated when the gate is not passed, unless that is allowed."""
        if not self.gate.is_passed and not allow_uncalibrated:
            raise NotCalibrated(
                tr("the probabilities cannot be turned into money: {reasons}", reasons="; ".join(self.gate.reasons)),
                where=f"model {self.model_version}",
                remedy=tr(
                    "Train again with `churn train`, or accept wrong amounts knowingly with --allow-uncalibrated."
                ),
            )


def judge_model(context: Context, model_version: str) -> Judgement:
    """Return the judgement on a registered model.

    `level_error` joins what was seen there (mean probability against churn rate) and the chance in counting churners.
    """
    with context.open_store() as store:
        version = store.models.get(model_version)
    frame = load_evaluation(context.settings.models_path / version.bundle)
    outcome, probability = frame["has_churned"].to_numpy(), frame["churn_probability"].to_numpy()
    churners = float(outcome.sum())
    gap = float(probability.sum()) / churners - 1.0 if churners else 1.0
    error = math.sqrt(gap * gap + 1.0 / max(churners, 1.0))
    return Judgement(model_version, calibration_gate(outcome, probability), frame, error)
