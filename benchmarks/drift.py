"""P12: the drift report of one day over all features, beside Evidently's data-drift preset on the same two frames."""

from __future__ import annotations

import warnings
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.company import BenchCompany, company
from benchmarks.features import months_before
from benchmarks.measuring import Result, in_turns, seconds, told
from churn.progress import Progress

if TYPE_CHECKING:
    import polars as pl

MONTHS_APART = 4  # from the reference's date to the present one
BAR, AIM = 20.0, 100.0


def run(customers: int, repeats: int, progress: Progress) -> list[Result]:
    """Measure both, frames in memory. Ours bins the reference, too, though the product keeps it with the model."""
    found = company(customers, 18, progress)
    reference, present, features = _frames(found, progress)
    progress.step(f"P12: {len(features)} features of {present.height:,} customers")
    found_drifts: list[Any] = []

    def ours() -> None:
        found_drifts[:] = _ours(reference, present, features)

    work = f"drift of {len(features)} features, {present.height:,} customers against {reference.height:,}"
    if find_spec("evidently") is None:
        progress.step(f"P12: Evidently is not installed here; ours alone takes {told(seconds(ours))}")
        return []
    theirs = _evidently(reference, present, features)
    taken = in_turns(ours, theirs, repeats=max(1, repeats // 2), warm=False)
    details = {
        "ours": taken.ours,
        "reference": taken.reference,
        "evidently": version("evidently"),
        "drifted": sum(drift.severity in {"act", "watch"} for drift in found_drifts),
    }
    told_theirs = f"Evidently {version('evidently')} DataDriftPreset: {told(taken.reference_median)}"
    return [_result(work, 1 / taken.ratio, told(taken.ours_median), told_theirs, len(taken.ours), details)]


def _ours(reference: pl.DataFrame, present: pl.DataFrame, features: list[str]) -> list[Any]:
    """Bin the reference, count both, PSI with noise limits, findings in words, ranked."""
    from churn.monitoring.data_drift import drift_findings, feature_drift
    from churn.monitoring.day_counts import DayCounts
    from churn.monitoring.reference import build_reference

    made = build_reference(reference, features, training=None, test=None)
    drifts = feature_drift(made, DayCounts.of(made, present), None)
    drift_findings(drifts, customers=present.height, monthly_margin=25.0, season=None)
    return drifts


def _evidently(reference: pl.DataFrame, present: pl.DataFrame, features: list[str]) -> Any:
    """Return a call of the preset on pandas frames made beforehand, with its own choice of tests."""
    warnings.simplefilter("ignore")
    from evidently import Report
    from evidently.presets import DataDriftPreset

    frames = [frame.select(features).to_pandas() for frame in (present, reference)]

    def work() -> None:
        Report([DataDriftPreset()]).run(frames[0], frames[1]).dict()

    return work


def _frames(found: BenchCompany, progress: Progress) -> tuple[pl.DataFrame, pl.DataFrame, list[str]]:
    """Return the features of two firsts of months, built once and kept beside the company."""
    import polars as pl

    paths = [found.folder / f"drift-{name}.parquet" for name in ("reference", "present")]
    if not all(path.is_file() for path in paths):
        _build(found, paths, progress)
    reference, present = (pl.read_parquet(path) for path in paths)
    taken = {"customer_id", "snapshot_date", "monthly_fee", "monthly_margin"}
    features = [name for name, kind in present.schema.items() if name not in taken and _is_plain(kind)]
    return reference, present, features


def _is_plain(kind: Any) -> bool:
    """Evidently takes numbers and texts; dates and truths are left to neither."""
    import polars as pl

    return bool(kind.is_numeric() or kind == pl.String)


def _build(found: BenchCompany, paths: list[Path], progress: Progress) -> None:
    from churn.snapshots.dataset import build_snapshots, data_cutoff, scoring_set
    from churn.snapshots.policy import SnapshotPolicy
    from churn.warehouse.models.sql_models import load_models

    dates = months_before(found.cutoff, MONTHS_APART + 1)
    policy = SnapshotPolicy.from_settings(found.context().settings)
    models = load_models(found.home)
    with found.context().open_warehouse("bench") as warehouse:
        for path, day in zip(paths, (dates[0], dates[-1]), strict=True):
            progress.step(f"P12: features of {day}")
            build_snapshots(warehouse, models, policy, [day], data_cutoff=data_cutoff(warehouse))
            scoring_set(warehouse, models, policy, day).frame.write_parquet(path)


def _result(work: str, figure: float, ours: str, theirs: str, repeats: int, details: dict[str, Any]) -> Result:
    return Result(
        bench="P12",
        work=work,
        figure=figure,
        unit="x faster",
        goal="at least",
        bar=BAR,
        aim=AIM,
        ours=ours,
        reference=theirs,
        repeats=repeats,
        details=details,
    )
