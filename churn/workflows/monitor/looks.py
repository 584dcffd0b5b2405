"""Lets each monitor look at the rows of a day: drift, scores, matured cohorts, what scores promise, skew and turnover."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from churn.context import Context
from churn.decisions.decay import Figure, cohort_figures
from churn.modeling import explain, load_evaluation
from churn.monitoring.data_drift import (
    FeatureDrift,
    Season,
    acting_share,
    describe,
    drift_findings,
    feature_drift,
    lasting,
    worse_of,
)
from churn.monitoring.findings import Finding
from churn.monitoring.health import score_skew_finding, skew_finding, turnover_finding
from churn.monitoring.performance import Cohort, decay_findings, decayed, judge_cohort
from churn.monitoring.reference import Reference
from churn.monitoring.retrain_policy import RetrainFacts
from churn.monitoring.shifts import BLIND, estimated_finding, label_finding, ordinary_spread, score_finding
from churn.workflows.monitor.dates import Night, Plan, outcomes_of, rows_of, untreated
from churn.workflows.monitor.seen import Seen

if TYPE_CHECKING:
    from churn.modeling import ServedModel
    from churn.store import ModelVersion
    from churn.warehouse.connection import Warehouse


EXPLAINED_ROWS = 2_000  # customers by which the weight of each feature is told


@dataclass(frozen=True)
class Looks:
    """One model with what its training and test looked like. `learnt_until` is the newest snapshot it knows outcomes of."""

    context: Context
    version: ModelVersion
    model: ServedModel
    reference: Reference | None
    evaluation: pl.DataFrame
    learnt_until: date | None

    @classmethod
    def of(
        cls, context: Context, version: ModelVersion, model: ServedModel, folder: Path, reference: Reference | None
    ) -> Looks:
        """Read the test rows kept with the model."""
        evaluation = load_evaluation(folder)
        return cls(context, version, model, reference, evaluation, learnt_until(evaluation))

    def take(
        self, warehouse: Warehouse, plan: Plan, night: Night | None, runs: Sequence[tuple[date, str, int, float | None]]
    ) -> Seen:
        """Return what every monitor says; the dates of `plan` and of `night` must be among those built last."""
        present = rows_of(warehouse, self.context, self.model, plan.on)
        margin = float(present["monthly_margin"].mean() or 0.0) if present.height else 0.0  # type: ignore[arg-type]  # a mean of floats
        seen = Seen(plan.on, plan.cutoff, self.version, self.model, [], {}, present.height, margin)
        if not present.height:
            seen.findings.append(Finding("model", "customers", "unknown", f"No customer is active on {plan.on}."))
            return seen
        season = None
        if plan.season is not None:
            season = Season(rows_of(warehouse, self.context, self.model, plan.season), plan.season_name, excuses=True)
        test = self._test()
        drifted = self._data(seen, warehouse, plan, present, season)
        self._scores(seen, present, season, test)
        cohorts = self._cohorts(seen, warehouse, plan, test)
        self._skew(seen, warehouse, night)
        seen.findings.append(turnover_finding(runs))
        seen.parts["turnover"] = [
            {"snapshot_date": str(day), "run_id": run, "listed": size, "left": left} for day, run, size, left in runs
        ]
        seen.facts = self._facts(seen, cohorts, drifted, plan)
        return seen

    def _test(self) -> dict[str, Figure]:
        y, p = self.evaluation["has_churned"].to_numpy(), self.evaluation["churn_probability"].to_numpy()
        return cohort_figures(y, p, threshold=self.model.threshold)

    def _slow(self, warehouse: Warehouse, plan: Plan, importance: dict[str, tuple[float, float]]) -> list[FeatureDrift]:
        """Return what moves slowly: beyond its limits on both of the newest two days like those of training."""
        if self.reference is None or not plan.grid:
            return []
        season = None
        if plan.grid_season is not None:
            frame = rows_of(warehouse, self.context, self.model, plan.grid_season)
            season = Season(frame, f"a year before ({plan.grid_season})", excuses=True)
        judged = [
            feature_drift(
                self.reference,
                rows_of(warehouse, self.context, self.model, day),
                season if day == plan.grid[0] else None,
                on=day,
                importance=importance,
            )
            for day in plan.grid
        ]
        return lasting(*judged, day=plan.grid[0])

    def _data(
        self, seen: Seen, warehouse: Warehouse, plan: Plan, present: pl.DataFrame, season: Season | None
    ) -> float:
        if self.reference is None:
            sentence = "What the training rows looked like is not kept, and they cannot be rebuilt. Train again."
            seen.findings.append(Finding("data_drift", "all features", "unknown", sentence))
            return 0.0
        importance = self._importance(present)
        drifts = feature_drift(self.reference, present, season, on=seen.on, importance=importance)
        drifts = worse_of(drifts, self._slow(warehouse, plan, importance))
        seen.findings += drift_findings(
            drifts, customers=present.height, monthly_margin=seen.monthly_margin, season=season
        )
        seen.parts["data_drift"] = describe(drifts, self.reference, season, present.height)
        return acting_share(drifts)

    def _importance(self, present: pl.DataFrame) -> dict[str, tuple[float, float]]:
        """Return per feature its share of all contributions, and its mean absolute contribution in probability."""
        step = max(1, present.height // EXPLAINED_ROWS)
        points = np.abs(explain(self.model, present[::step]).probability_points).mean(axis=0)
        total = float(points.sum()) or 1.0
        return {
            name: (float(one) / total, float(one))
            for name, one in zip(self.model.feature_names, points.tolist(), strict=True)
        }

    def _scores(self, seen: Seen, present: pl.DataFrame, season: Season | None, test: dict[str, Figure]) -> None:
        now = self.model.predict(present).churn_probability
        before = self.model.predict(season.frame).churn_probability if season and season.frame.height else None
        was = self.evaluation["churn_probability"].to_numpy()
        name = season.name if season else ""
        seen.findings.append(
            score_finding(was, now, before, season_name=name, monthly_margin=seen.monthly_margin, run_id=None)
        )
        finding, estimated = estimated_finding(now, test, threshold=self.model.threshold)
        seen.findings.append(finding)
        seen.parts["estimated"] = {**estimated, "test_auc": test["auc"].value, "note": BLIND}
        seen.parts["scores"] = {"mean": float(now.mean()), "test_mean": float(was.mean())}

    def _cohorts(self, seen: Seen, warehouse: Warehouse, plan: Plan, test: dict[str, Figure]) -> list[Cohort]:
        labels = outcomes_of(self.context, warehouse, self.model.policy, plan.cohorts)
        level = self.context.settings.monitoring.decay_level
        rates = self.reference.churn_rates if self.reference else ()
        cohorts = []
        for day in plan.cohorts:
            labelled, left_out = untreated(labels.filter(pl.col("snapshot_date") == day))
            rows = rows_of(warehouse, self.context, self.model, day).join(
                labelled.select("customer_id", "has_churned"), on="customer_id", how="inner"
            )
            if not rows.height:
                continue
            cohorts.append(
                judge_cohort(
                    day,
                    self.model.policy.matures_at(day).date(),
                    rows["has_churned"].cast(pl.Float64).to_numpy(),
                    self.model.predict(rows).churn_probability,
                    rows["monthly_margin"].cast(pl.Float64).fill_null(0.0).to_numpy(),
                    test=test,
                    threshold=self.model.threshold,
                    level=level,
                    spread=ordinary_spread(rates),
                    treated_left_out=left_out,
                )
            )
        currency = self.context.settings.business.currency
        seen.findings += decay_findings(
            cohorts, customers=seen.customers, currency=currency, version=self.version.version
        )
        seen.parts["cohorts"] = [cohort.to_dict() for cohort in cohorts]
        seen.parts["test"] = {name: [one.value, *one.interval()] for name, one in test.items()}
        if cohorts:
            seen.findings.append(
                label_finding(
                    cohorts[-1].snapshot_date,
                    cohorts[-1].churners,
                    cohorts[-1].customers,
                    rates,
                    customers=seen.customers,
                    monthly_margin=seen.monthly_margin,
                    season=next((r for r in _days(rates) if _is_year_before(r[0], cohorts[-1].snapshot_date)), None),
                )
            )
        seen.parts["training_churn_rates"] = [list(rate) for rate in rates]
        return cohorts

    def _skew(self, seen: Seen, warehouse: Warehouse, night: Night | None) -> None:
        if night is None:
            seen.findings.append(Finding("skew", "past night", "unknown", "No night has been scored yet."))
            return
        again = rows_of(warehouse, self.context, self.model, night.snapshot_date)
        if night.model_version is None:
            names = self.model.feature_names
            finding = skew_finding(night.served, again, names, day=night.snapshot_date, run_id=night.run_id)
        elif night.model_version == self.version.version:
            p = self.model.predict(again).churn_probability
            scored = again.select("customer_id").with_columns(pl.Series("churn_probability", p))
            finding = score_skew_finding(night.served, scored, day=night.snapshot_date, run_id=night.run_id)
        else:
            sentence = f"The night of {night.snapshot_date} was scored by another model, and its features are not kept."
            finding = Finding("skew", str(night.snapshot_date), "unknown", sentence, run_ids=(night.run_id,))
        seen.findings.append(finding)

    def _facts(self, seen: Seen, cohorts: Sequence[Cohort], drifted: float, plan: Plan) -> RetrainFacts:
        matured = self.model.policy.matures_at(self.learnt_until).date() if self.learnt_until else None
        new_rows = sum(cohort.customers + cohort.treated_left_out for cohort in cohorts)
        learnt = self.reference.rows if self.reference else 0
        states = {finding.monitor: finding.severity for finding in seen.findings}
        return RetrainFacts(
            age_days=(plan.on - matured).days if matured else None,
            days_since_training=None,
            new_snapshots=len(cohorts),
            new_rows_share=new_rows / learnt if learnt else 0.0,
            decayed=decayed(cohorts),
            drifted_importance=drifted,
            has_score_drift=states.get("score_drift") == "act",
            has_label_drift=states.get("label_drift") == "act",
        )


def learnt_until(evaluation: pl.DataFrame) -> date | None:
    """Return the newest snapshot date among a model's test rows: outcomes until then shaped or judged it."""
    if "snapshot_date" not in evaluation.columns:
        return None
    newest = evaluation["snapshot_date"].max()
    return newest if isinstance(newest, date) else None


def _days(rates: Sequence[tuple[str, int, int]]) -> list[tuple[date, int, int]]:
    return [(date.fromisoformat(day), rows, churners) for day, rows, churners in rates]


def _is_year_before(day: date, later: date) -> bool:
    return abs((later - day).days - 365) <= 3  # months begin on other weekdays
