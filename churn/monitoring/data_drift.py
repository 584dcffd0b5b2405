"""Data and score drift: each feature against the training rows and against the same season, judged with its noise limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, NamedTuple

from churn.decisions.drift import (
    ACT_LIMIT,
    NOISE_LEVEL,
    WATCH_LIMIT,
    drift_severity,
    filled_bins,
    moved_share,
    psi,
    psi_noise,
)
from churn.documents.monitoring import DataDrift, FeatureDrift, Finding, SeasonRows, TrainingRows
from churn.monitoring.day_counts import DayCounts
from churn.monitoring.findings import RANK
from churn.monitoring.reference import FeatureReference, Reference
from churn.wording import percent

HEADROOM: Final = 1.25  # of the drift that the test rows had gone through already: a little more is not news


class Importance(NamedTuple):
    """How much the model depends on a feature: share of all contributions, and mean absolute one in probability."""

    share: float
    points: float


@dataclass(frozen=True)
class Season:
    """Customers of the calendar-matched reference; where `excuses`, drift from training that it shows too is ignored."""

    counts: DayCounts
    name: str
    excuses: bool


def feature_drift(
    reference: Reference,
    present: DayCounts,
    season: Season | None,
    *,
    on: date | None = None,
    importance: Mapping[str, Importance] | None = None,
) -> list[FeatureDrift]:
    """Judge every feature of `reference` on the customers of `present`, worst first.

    Noise limits hold for all features together: chance raises one false alarm or more in 0.1 % of the days. A feature
    must exceed its limit against training *and*, where the season excuses, against that; a drift at
    the pace that the test rows had already gone through is no news on the day `on`. `importance` is by feature.
    """
    tests = max(len(reference.features), 1)
    # To second order PSI grows with the square of a shift, hence with the square of the time of a steady one.
    pace = HEADROOM * (1.0 if on is None else reference.pace(on) ** 2)
    weights = importance or {}
    drifts = [
        _judge(feature, reference, present, season, tests, pace, weights.get(feature.name))
        for feature in reference.features
    ]
    return sorted(drifts, key=_order)


def lasting(newest: Sequence[FeatureDrift], earlier: Sequence[FeatureDrift] = (), *, day: date) -> list[FeatureDrift]:
    """Return the judgement of the newest day like those of training, none more serious than the day before.

    A slow drift persists, while 1 March looks odd for a single day after a short February.
    """
    then = {drift.feature: drift for drift in earlier}
    lasted = []
    for now in newest:
        before = then.get(now.feature)
        milder = before if before is not None and RANK[before.severity] > RANK[now.severity] else now
        lasted.append(now.model_copy(update={"severity": milder.severity, "like_day": str(day)}))
    return lasted


def worse_of(present: Sequence[FeatureDrift], slow: Sequence[FeatureDrift]) -> list[FeatureDrift]:
    """Return for each feature the graver of two judgements, worst first.

    Of the present day, which shows what broke last night, and of days like training's, which show what moves slowly.
    """
    by_feature = {drift.feature: drift for drift in slow}
    graver = [min(drift, by_feature.get(drift.feature, drift), key=lambda d: RANK[d.severity]) for drift in present]
    return sorted(graver, key=_order)


def _order(drift: FeatureDrift) -> tuple[int, float, float, str]:
    return RANK[drift.severity], -(drift.importance or 0.0) * min(drift.psi, 1.0), -drift.psi, drift.feature


def _judge(
    feature: FeatureReference,
    reference: Reference,
    present: DayCounts,
    season: Season | None,
    tests: int,
    pace: float,
    weight: Importance | None,
) -> FeatureDrift:
    counts = present.of_feature(feature)
    value = psi(feature.counts, counts)
    rows = present.rows
    noise = psi_noise(rows, reference.customers, filled_bins(feature.counts, counts), tests=tests)
    tolerated = pace * feature.tolerated
    floor = max(noise, tolerated)
    severity = drift_severity(value, floor, rows=rows, reference_rows=reference.customers)
    calendar_psi = calendar_noise = None
    is_seasonal = False
    if season is not None and season.counts.rows:
        before = season.counts.of_feature(feature)
        calendar_psi = psi(before, counts)
        calendar_noise = psi_noise(rows, season.counts.rows, filled_bins(before, counts), tests=tests)
        if season.excuses and severity in {"act", "watch"}:
            again = drift_severity(calendar_psi, calendar_noise, rows=rows, reference_rows=season.counts.rows)
            is_seasonal = RANK[again] > RANK[severity] and again != "unknown"
            severity = again if is_seasonal else severity
    return FeatureDrift(
        feature=feature.name,
        psi=value,
        noise=noise,
        tolerated=tolerated,
        calendar_psi=calendar_psi,
        calendar_noise=calendar_noise,
        severity=severity,
        is_seasonal=is_seasonal,
        moved=moved_share(feature.counts, counts),
        missing=float(counts[-1]) / max(rows, 1),
        missing_before=feature.counts[-1] / max(sum(feature.counts), 1),
        importance=None if weight is None else weight.share,
        points=None if weight is None else weight.points,
        like_day=None,
        limit=max(ACT_LIMIT, floor),
    )


def drift_findings(
    drifts: Sequence[FeatureDrift], *, customers: int, monthly_margin: float, season: Season | None
) -> list[Finding]:
    """Return a finding for each feature that drifted, and one that says how the others fared.

    Money at risk: the monthly margin times the churn probability that depends on this feature, for the share of
    customers whose value moved. That money depends on a drifted feature; it is not a loss.
    """
    moved = [
        Finding(
            monitor="data_drift",
            subject=drift.feature,
            severity=drift.severity,
            sentence=_sentence(drift, season),
            value=drift.psi,
            limit=drift.limit if drift.severity == "act" else max(WATCH_LIMIT, drift.noise, drift.tolerated),
            money_at_risk=None if drift.points is None else drift.moved * drift.points * customers * monthly_margin,
        )
        for drift in drifts
        if drift.severity in {"act", "watch"}
    ]
    return [*moved, _overall(drifts, len(moved))]


def _overall(drifts: Sequence[FeatureDrift], moved: int) -> Finding:
    if not drifts:
        return _everything("The model has no features to compare.")
    if all(drift.severity == "unknown" for drift in drifts):
        return _everything("Not enough data to judge drift: it takes 1,000 customers now and 1,000 in training.")
    quiet = len(drifts) - moved
    seasonal = sum(drift.is_seasonal for drift in drifts)
    steady = sum(drift.severity == "ok" and not drift.is_seasonal and drift.psi > WATCH_LIMIT for drift in drifts)
    sentence = (
        f"{quiet} of {len(drifts)} features are no news: {quiet - seasonal - steady} look as they did in training"
    )
    if steady:
        sentence += f"; {steady} move on at the pace they had when the model was tested"
    if seasonal:
        sentence += f"; {seasonal} moved with the season and look as they did a year ago"
    return Finding(
        monitor="data_drift", subject="other features", severity="ok", sentence=f"{sentence}.", value=float(quiet)
    )


def _everything(sentence: str) -> Finding:
    return Finding(monitor="data_drift", subject="all features", severity="unknown", sentence=sentence)


def _sentence(drift: FeatureDrift, season: Season | None) -> str:
    day = f" on {drift.like_day}" if drift.like_day else ""
    text = (
        f"`{drift.feature}` has moved: PSI{day} {drift.psi:.2f} against training, where chance alone gives up to "
        f"{drift.noise:.3f}; {percent(drift.moved)} of the customers lie in other bins"
    )
    if drift.missing - drift.missing_before > 0.05:
        text += f"; it is missing for {percent(drift.missing)}, in training for {percent(drift.missing_before)}"
    if drift.calendar_psi is not None and season is not None and drift.like_day is None:
        text += f". Against {season.name} the PSI is {drift.calendar_psi:.2f}"
    if drift.importance is not None:
        text += f". It carries {percent(drift.importance)} of what the model goes by"
    return f"{text}."


def acting_share(drifts: Sequence[FeatureDrift]) -> float:
    """Return which share of the model's importance rests on features that drifted far; equal shares where unknown."""
    acting = [drift for drift in drifts if drift.severity == "act"]
    if all(drift.importance is None for drift in drifts):
        return len(acting) / max(len(drifts), 1)
    return sum(drift.importance or 0.0 for drift in acting)


def describe(drifts: Sequence[FeatureDrift], reference: Reference, season: Season | None, rows: int) -> DataDrift:
    """Return all there is to show of data drift, with the false-alarm rate that the limits promise."""
    return DataDrift(
        features=tuple(drifts),
        rows=rows,
        reference=TrainingRows(
            rows=reference.rows,
            customers=reference.customers,
            first_date=reference.first_date,
            last_date=reference.last_date,
        ),
        calendar_reference=None if season is None else SeasonRows(name=season.name, rows=season.counts.rows),
        false_alarm_rate=1.0 - NOISE_LEVEL,
        note=(
            f"The noise limits hold for all {len(drifts)} features together (Bonferroni): chance alone raises any alarm "
            f"on at most {percent(1.0 - NOISE_LEVEL)} of the days. Besides, PSI must pass {WATCH_LIMIT:.2f} to be watched "
            f"and {ACT_LIMIT:.2f} to be acted on, and more than the test rows' own drift."
        ),
    )
