"""The verdict on a model's hazards over months: how they fared on later customers, and whether they may be used."""

from __future__ import annotations

from datetime import date

from churn.documents.candidate_figures import CardPart


class HorizonJudgement(CardPart):
    """How many left within `days`, as the hazards said and as it came; `slope` as of a calibration line."""

    days: int
    rows: int
    predicted: float
    observed: float
    slope: float | None
    is_passed: bool
    reasons: tuple[str, ...] = ()


class LifetimeVerdict(CardPart):
    """Whether months kept and chances beyond the label window may be shown and turned into money.

    `horizons` are those that later customers were followed for. `d_shares` are D-calibration's tenths, `d_p_value` that of
    its test; `brier` the integrated Brier score, `brier_everyone` that of the same curve for everyone.
    `known_months`: how many periods have hazards of their own; beyond, the last one goes on. `reasons` says what failed,
    or what is missing.
    """

    is_passed: bool
    reasons: tuple[str, ...]
    causes: tuple[str, ...] = ()
    known_months: int = 0
    rows: int = 0
    learnt_until: date | None = None
    judged_rows: int = 0
    judged_months: int = 0
    horizons: tuple[HorizonJudgement, ...] = ()
    d_shares: tuple[float, ...] = ()
    d_p_value: float | None = None
    brier: float | None = None
    brier_everyone: float | None = None
