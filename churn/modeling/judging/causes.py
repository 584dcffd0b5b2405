"""Judges the probability by cause on the test rows: a calibration table and a gate for each, as the card tells them."""

from __future__ import annotations

import numpy as np

from churn.decisions.calibration import calibration_gate, reliability_curve
from churn.documents.model_card import CauseBin, CauseCalibration, CausesOnCard
from churn.modeling.causes import CauseTraining
from churn.modeling.encoding.columns import Floats

_BINS = 10
_FEWEST = 30  # churners, below which nothing is reliable
_EDGE = 1e-6
_Z_95 = 1.645


def judge_causes(training: CauseTraining, y: Floats, churn_probability: Floats) -> CausesOnCard:
    """Return the verdict on test rows with outcome `y` (n,) and the model's probability, by models that saw none of them."""
    involuntary = churn_probability * training.test_share
    voluntary_count, involuntary_count = training.churners
    return CausesOnCard(
        involuntary_share=training.model.base_share,
        why_constant=training.why_constant,
        is_better_than_usual=_is_better(training, y),
        voluntary=_verdict(y - training.involuntary, churn_probability - involuntary, voluntary_count),
        involuntary=_verdict(training.involuntary, involuntary, involuntary_count),
    )


def _is_better(training: CauseTraining, y: Floats) -> bool:
    """Whether the shares give the causes of the test rows' churners reliably more probability than the usual share does (95 %)."""
    left = np.asarray(y, dtype=np.bool_)
    if training.why_constant is not None or np.count_nonzero(left) < _FEWEST:
        return False
    kinds, usual = training.involuntary[left], training.model.base_share
    share = np.clip(training.test_share[left], _EDGE, 1.0 - _EDGE)
    gain = np.where(kinds > 0, np.log(share / usual), np.log((1.0 - share) / (1.0 - usual)))
    return bool(gain.mean() > _Z_95 * gain.std(ddof=1) / np.sqrt(gain.size))


def _verdict(y: Floats, p: Floats, churners: int) -> CauseCalibration:
    gate = calibration_gate(y, np.clip(p, 0.0, 1.0))
    expected, observed, share = reliability_curve(y, np.clip(p, 0.0, 1.0), bins=_BINS)
    return CauseCalibration(
        churners=churners,
        base_rate=gate.base_rate,
        is_passed=gate.is_passed,
        slope=gate.slope,
        mean_gap=gate.mean_gap,
        reasons=gate.reasons,
        table=tuple(
            CauseBin(expected=float(e), observed=float(o), customers=round(float(s) * y.size))
            for e, o, s in zip(expected, observed, share, strict=True)
        ),
    )


def cause_lines(causes: CausesOnCard | None) -> list[str]:
    """Return the card's section in Markdown; empty where the data tell of one cause only."""
    if causes is None:
        return []
    lines = ["## By cause", "", causes.sentence, ""]
    for name, verdict in (("Voluntary", causes.voluntary), ("Involuntary", causes.involuntary)):
        passed = "passed" if verdict.is_passed else f"not passed ({'; '.join(verdict.reasons)})"
        slope = "undefined" if verdict.slope is None else f"{verdict.slope:.2f}"
        lines += [
            f"{name}: {verdict.churners:,} churners; {verdict.base_rate:.2%} of the test rows; slope {slope}; gate {passed}.",
            "",
            "| expected | observed | customers |",
            "|---:|---:|---:|",
            *(f"| {row.expected:.2%} | {row.observed:.2%} | {row.customers:,} |" for row in verdict.table),
            "",
        ]
    return lines
