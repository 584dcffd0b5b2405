"""Lets each monitor look at the rows of a day: drift, scores, matured cohorts, what scores promise, skew and turnover."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from churn.context import Context
from churn.decisions.decay import Estimate, cohort_figures
from churn.documents.monitoring import ChurnRate, DataDrift, FeatureDrift, Finding, ListRun, ScoreEstimate, ScoreMeans
from churn.modeling import explain, load_evaluation
from churn.monitoring.data_drift import (
    Importance,
    Season,
    acting_share,
    describe,
    drift_findings,
    feature_drift,
    lasting,
    worse_of,
)
from churn.monitoring.day_counts import DayCounts
from churn.monitoring.health import score_skew_finding, skew_finding, turnover_finding
from churn.monitoring.performance import Cohort, decay_findings, decayed, judge_cohort
from churn.monitoring.reference import Reference
from churn.monitoring.retrain_policy import RetrainFacts
from churn.monitoring.shifts import estimated_finding, label_finding, ordinary_spread, score_finding
from churn.views.champion import tells_money
from churn.workflows.monitor.dates import ComparedDates, PastNight
from churn.workflows.monitor.rows import ScoredDay, outcomes_of, rows_of, scored_day, untreated

if TYPE_CHECKING:
    from churn.modeling import ServedModel
    from churn.store import ModelVersion
    from churn.warehouse.connection import Warehouse


EXPLAINED_ROWS: Final = 2_000  # customers by whom the weight of each feature is judged


@dataclass(frozen=True)
class MonitoredModel:
    """One model, what its training rows looked like (None where nothing is kept of them), and its test rows."""

    version: ModelVersion
    served: ServedModel
    reference: Reference | None
    evaluation: pl.DataFrame

    @classmethod
    def load(
        cls, version: ModelVersion, served: ServedModel, folder: Path, reference: Reference | None
    ) -> MonitoredModel:
        """Read the test rows kept with the model in `folder`."""
        return cls(version, served, reference, load_evaluation(folder))

    @property
    def learnt_until(self) -> date | None:
        """The newest snapshot whose outcomes it knows."""
        return learnt_until(self.evaluation)

    @property
    def churn_rates(self) -> tuple[ChurnRate, ...]:
        """Those of its training dates."""
        return self.reference.churn_rates if self.reference else ()

    def test_figures(self) -> dict[str, Estimate]:
        """Return how it did on its test rows."""
        y, p = self.evaluation["has_churned"].to_numpy(), self.evaluation["churn_probability"].to_numpy()
        return cohort_figures(y, p, threshold=self.served.threshold)


@dataclass(frozen=True)
class Present:
    """The customers of the day that is looked at, and what is known of those of the same season before.

    `counts` are those of every day whose features are compared; None where the model has nothing to compare with.
    """

    on: date
    scored: ScoredDay
    season: ScoredDay | None
    season_name: str
    counts: Mapping[date, DayCounts] | None

    @property
    def customers(self) -> int:
        """How many there are."""
        return self.scored.customers.height

    @property
    def monthly_margin(self) -> float:
        """What one brings a month, on average."""
        mean = self.scored.customers["monthly_margin"].mean()
        return float(mean) if isinstance(mean, int | float) else 0.0


@dataclass(frozen=True)
class FeatureLook:
    """How the features moved; `acting_share` is the share of the model that rests on those that drifted far."""

    findings: tuple[Finding, ...]
    drift: DataDrift | None
    acting_share: float


@dataclass(frozen=True)
class ScoreLook:
    """How the scores moved, and what they promise of themselves."""

    findings: tuple[Finding, ...]
    estimated: ScoreEstimate
    means: ScoreMeans


@dataclass(frozen=True)
class CohortLook:
    """How the model did on cohorts whose labels are final, oldest first, beside its test."""

    findings: tuple[Finding, ...]
    cohorts: tuple[Cohort, ...]
    test: Mapping[str, Estimate]
    training_rates: tuple[ChurnRate, ...]


@dataclass(frozen=True)
class ModelLook:
    """What every monitor saw of one model on one day."""

    model: MonitoredModel
    customers: int
    features: FeatureLook
    scores: ScoreLook
    cohorts: CohortLook
    skew: Finding
    turnover: Finding
    list_runs: tuple[ListRun, ...]
    facts: RetrainFacts

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All that was found."""
        return (*self.features.findings, *self.scores.findings, *self.cohorts.findings, self.skew, self.turnover)


def look_at(
    context: Context,
    warehouse: Warehouse,
    model: MonitoredModel,
    dates: ComparedDates,
    night: PastNight | None,
    runs: tuple[ListRun, ...],
    counts: Mapping[date, DayCounts] | None,
) -> ModelLook | Finding:
    """Return what every monitor says of `model`, or the finding that nobody is there to look at.

    The dates of `dates` and of `night` must be among those built last; `counts` are those of `dates.counted`.
    """
    scored = scored_day(warehouse, context, model.served, dates.on, reference=model.reference, sampled=EXPLAINED_ROWS)
    if not scored.customers.height:
        sentence = f"No customer is active on {dates.on}."
        return Finding(monitor="model", subject="customers", severity="unknown", sentence=sentence)
    season = None
    if dates.season is not None:
        season = scored_day(warehouse, context, model.served, dates.season, reference=model.reference)
    present = Present(dates.on, scored, season, dates.season_name, _all_counts(dates, scored, season, counts))
    features = _look_at_features(model, dates, present)
    scores = _look_at_scores(model, present)
    cohorts = _look_at_cohorts(context, warehouse, model, dates, present)
    return ModelLook(
        model=model,
        customers=present.customers,
        features=features,
        scores=scores,
        cohorts=cohorts,
        skew=_look_at_night(context, warehouse, model, night),
        turnover=turnover_finding(runs),
        list_runs=runs,
        facts=_facts(model, dates, features, scores, cohorts),
    )


def _all_counts(
    dates: ComparedDates, scored: ScoredDay, season: ScoredDay | None, others: Mapping[date, DayCounts] | None
) -> dict[date, DayCounts] | None:
    """Return the counts of all dates that are compared: those of dates that are scored were made beside the scores."""
    beside = {dates.on: scored.counts, **({dates.season: season.counts} if dates.season and season else {})}
    counts = {**(others or {}), **{day: counted for day, counted in beside.items() if counted is not None}}
    return counts or None


def _season(present: Present, day: date | None, name: str) -> Season | None:
    return None if day is None or present.counts is None else Season(present.counts[day], name, excuses=True)


def _look_at_features(model: MonitoredModel, dates: ComparedDates, present: Present) -> FeatureLook:
    if model.reference is None or present.counts is None:
        sentence = "What the training rows looked like is not kept, and they cannot be rebuilt. Train again."
        finding = Finding(monitor="data_drift", subject="all features", severity="unknown", sentence=sentence)
        return FeatureLook((finding,), None, 0.0)
    importance = _importance(model.served, present.scored.sample)
    season = _season(present, dates.season, dates.season_name)
    today = feature_drift(model.reference, present.counts[present.on], season, on=present.on, importance=importance)
    drifts = worse_of(today, _slow_drift(model.reference, dates, present, present.counts, importance))
    findings = drift_findings(drifts, customers=present.customers, monthly_margin=present.monthly_margin, season=season)
    drift = describe(drifts, model.reference, season, present.customers)
    return FeatureLook(tuple(findings), drift, acting_share(drifts))


def _slow_drift(
    reference: Reference,
    dates: ComparedDates,
    present: Present,
    counts: Mapping[date, DayCounts],
    importance: Mapping[str, Importance],
) -> list[FeatureDrift]:
    """Return what moves slowly: beyond its limits on both of the newest two days like those of training."""
    if not dates.grid:
        return []
    season = _season(present, dates.grid_season, f"a year before ({dates.grid_season})")
    judged = [
        feature_drift(reference, counts[day], season if day == dates.grid[0] else None, on=day, importance=importance)
        for day in dates.grid
    ]
    return lasting(*judged, day=dates.grid[0])


def _importance(model: ServedModel, sample: pl.DataFrame) -> dict[str, Importance]:
    points = np.abs(explain(model, sample).probability_points).mean(axis=0)
    total = float(points.sum()) or 1.0
    return {
        name: Importance(float(mean) / total, float(mean))
        for name, mean in zip(model.feature_names, points.tolist(), strict=True)
    }


def _look_at_scores(model: MonitoredModel, present: Present) -> ScoreLook:
    season, now = present.season, present.scored.probabilities
    before = season.probabilities if season and season.customers.height else None
    was = model.evaluation["churn_probability"].to_numpy()
    name = present.season_name if season else ""
    drift = score_finding(was, now, before, season_name=name, monthly_margin=present.monthly_margin)
    promise, estimated = estimated_finding(now, model.test_figures(), threshold=model.served.threshold)
    return ScoreLook((drift, promise), estimated, ScoreMeans(mean=float(now.mean()), test_mean=float(was.mean())))


def _look_at_cohorts(
    context: Context, warehouse: Warehouse, model: MonitoredModel, dates: ComparedDates, present: Present
) -> CohortLook:
    served, rates, test = model.served, model.churn_rates, model.test_figures()
    labels = outcomes_of(context, warehouse, served.policy, dates.cohorts)
    cohorts = []
    for day in dates.cohorts:
        labelled, left_out = untreated(labels.filter(pl.col("snapshot_date") == day))
        rows = scored_day(warehouse, context, served, day).customers.join(
            labelled.select("customer_id", "has_churned"), on="customer_id", how="inner", maintain_order="left"
        )
        if not rows.height:
            continue
        cohorts.append(
            judge_cohort(
                day,
                served.policy.matures_at(day).date(),
                rows["has_churned"].cast(pl.Float64).to_numpy(),
                rows["churn_probability"].to_numpy(),
                rows["monthly_margin"].cast(pl.Float64).fill_null(0.0).to_numpy(),
                test=test,
                threshold=served.threshold,
                level=context.settings.monitoring.decay_level,
                spread=ordinary_spread(rates),
                treated_left_out=left_out,
            )
        )
    findings = decay_findings(
        cohorts,
        customers=present.customers,
        currency=context.settings.business.currency if tells_money(model.version) else None,
        version=model.version.version,
    )
    if cohorts:
        findings.append(_label_finding(cohorts[-1], rates, present))
    return CohortLook(tuple(findings), tuple(cohorts), test, rates)


def _label_finding(cohort: Cohort, rates: Sequence[ChurnRate], present: Present) -> Finding:
    return label_finding(
        cohort.snapshot_date,
        cohort.churners,
        cohort.customers,
        rates,
        customers=present.customers,
        monthly_margin=present.monthly_margin,
        season=next((rate for rate in rates if _is_year_before(rate, cohort.snapshot_date)), None),
    )


def _look_at_night(context: Context, warehouse: Warehouse, model: MonitoredModel, night: PastNight | None) -> Finding:
    if night is None:
        sentence = "No night has been scored yet."
        return Finding(monitor="skew", subject="past night", severity="unknown", sentence=sentence)
    if night.model_version is None:
        names = model.served.feature_names
        again = rows_of(warehouse, context, model.served, night.snapshot_date)
        return skew_finding(night.served, again, names, day=night.snapshot_date, run_id=night.run_id)
    if night.model_version == model.version.version:
        scored = scored_day(warehouse, context, model.served, night.snapshot_date).customers
        again = scored.select("customer_id", "churn_probability")
        return score_skew_finding(night.served, again, day=night.snapshot_date, run_id=night.run_id)
    sentence = f"The night of {night.snapshot_date} was scored by another model, and its features are not kept."
    return Finding(
        monitor="skew",
        subject=str(night.snapshot_date),
        severity="unknown",
        sentence=sentence,
        run_ids=(night.run_id,),
    )


def _facts(
    model: MonitoredModel, dates: ComparedDates, features: FeatureLook, scores: ScoreLook, cohorts: CohortLook
) -> RetrainFacts:
    matured = model.served.policy.matures_at(model.learnt_until).date() if model.learnt_until else None
    new_rows = sum(cohort.customers + cohort.treated_left_out for cohort in cohorts.cohorts)
    learnt = model.reference.rows if model.reference else 0
    acting = {finding.monitor for finding in (*scores.findings, *cohorts.findings) if finding.severity == "act"}
    return RetrainFacts(
        age_days=(dates.on - matured).days if matured else None,
        days_since_training=None,
        new_snapshots=len(cohorts.cohorts),
        new_rows_share=new_rows / learnt if learnt else 0.0,
        decayed=decayed(cohorts.cohorts),
        drifted_importance=features.acting_share,
        has_score_drift="score_drift" in acting,
        has_label_drift="label_drift" in acting,
    )


def learnt_until(evaluation: pl.DataFrame) -> date | None:
    """Return the newest snapshot date among a model's test rows: outcomes until then shaped or judged it."""
    if "snapshot_date" not in evaluation.columns:
        return None
    newest = evaluation["snapshot_date"].max()
    return newest if isinstance(newest, date) else None


def _is_year_before(rate: ChurnRate, later: date) -> bool:
    return abs((later - date.fromisoformat(rate.snapshot_date)).days - 365) <= 3  # months begin on other weekdays
