"""P6: exact reasons for every customer, beside shap.TreeExplainer on a sample of the same rows and the same model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.company import BenchCompany, company, trained
from benchmarks.measuring import Result, in_turns, seconds, told
from churn.progress import Progress

if TYPE_CHECKING:
    import polars as pl

SAMPLE = {"xgboost": 4_000, "random_forest": 400}


def run(customers: int, repeats: int, progress: Progress) -> list[Result]:
    """Measure both kinds of trees: contributions alone, as shap gives them, and then everything up to the sentences."""
    found = company(customers, 18, progress)
    versions = trained(found, progress)
    progress.step("P6: reading the features of all customers")
    frame, features = _features(found)
    return [_measure(found, name, version, frame, features, repeats, progress) for name, version in versions.items()]


def _features(found: BenchCompany) -> tuple[pl.DataFrame, Any]:
    from churn.snapshots.dataset import feature_frame
    from churn.warehouse.models.sql_models import load_models

    with found.context().open_warehouse("bench") as warehouse:
        return feature_frame(warehouse, load_models(found.home))


def _measure(
    found: BenchCompany, name: str, version: str, frame: pl.DataFrame, features: Any, repeats: int, progress: Progress
) -> Result:
    import shap

    from churn.modeling import explain, load_bundle, reasons_json
    from churn.modeling.reasons.explain import explainer_of

    progress.step(f"P6: reasons of {name}")
    model = load_bundle(found.context().settings.models_path / version)
    matrix = model.matrix(frame)
    ours, base = explainer_of(model), 0.0
    preparing = seconds(lambda: ours(matrix[:10]))
    rows = min(SAMPLE[name], len(matrix))
    theirs = shap.TreeExplainer(model.estimator)
    expected = theirs.shap_values(matrix[:rows], check_additivity=False)
    expected = expected[..., 1] if expected.ndim == 3 else expected
    found_here, base = ours(matrix[:rows])
    grouped = np.zeros_like(found_here)
    for column, feature in enumerate(model.group_of):
        grouped[:, feature] += expected[:, column]
    worst = float(np.abs(grouped - found_here).max())
    taken = in_turns(
        lambda: ours(matrix),
        lambda: theirs.shap_values(matrix[:rows], check_additivity=False),
        repeats=repeats,
        warm=False,
    )
    scaled = taken.reference_median * len(matrix) / rows
    whole = seconds(lambda: reasons_json(explain(model, frame), frame, features))
    return Result(
        bench="P6",
        work=f"exact SHAP, {len(matrix):,} customers x {matrix.shape[1]} columns, {name}",
        figure=scaled / taken.ours_median,
        unit="x faster",
        goal="at least",
        bar=10,
        aim=50,
        ours=told(taken.ours_median),
        reference=f"shap.TreeExplainer: {told(scaled)}, scaled from {rows:,} rows",
        repeats=repeats,
        note=f"largest difference {worst:.1e}; with encoding, points and sentences {told(whole)}",
        details={
            "ours": taken.ours,
            "reference": taken.reference,
            "base": base,
            "first_use": preparing,
            "whole": whole,
        },
    )
