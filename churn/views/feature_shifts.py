"""How the facts that a model goes by are spread among today's customers, beside those it learnt from, with the PSI of each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from churn.context import Context
from churn.decisions.drift import ACT_LIMIT, shares
from churn.decisions.severity import Severity
from churn.documents.model_card import ModelCard
from churn.documents.monitoring import FeatureDrift, MonitoringDocument
from churn.modeling import load_extra
from churn.monitoring.data_drift import feature_drift
from churn.monitoring.day_counts import DayCounts
from churn.monitoring.reference import FILE, Reference
from churn.views.champion import bundle_path
from churn.views.serving_files import FEATURES, run_path

if TYPE_CHECKING:
    from churn.store import ModelVersion

_WORST_FIRST: dict[Severity, int] = {"act": 0, "watch": 1, "ok": 2, "unknown": 3}


@dataclass(frozen=True)
class FeatureShift:
    """One feature: which share of customers lies in each bin, `then` among the training rows and `now` on the newest list.

    Bins go from low to high, the last is for those of whom it is not known. `moved` is the share of customers in another
    bin than training had. PSI, verdict and `limit`, the PSI above which to act, are the monitors' where they looked at this
    model, else what they would say of that list without a season to compare it with.
    """

    name: str
    description: str
    psi: float
    moved: float
    severity: Severity
    then: tuple[float, ...]
    now: tuple[float, ...]
    is_seasonal: bool = False
    limit: float = ACT_LIMIT


@dataclass(frozen=True)
class _Spread:
    drift: FeatureDrift
    then: tuple[float, ...]
    now: tuple[float, ...]


def feature_shifts(
    context: Context, version: ModelVersion, card: ModelCard, monitored: MonitoringDocument | None
) -> list[FeatureShift]:
    """Return every feature that the model uses, the most moved first; none where its training rows or the list are not kept."""
    with context.open_store() as store:
        run = store.published.current_run()
    if run is None:
        return []
    features, kept = run_path(context.settings.home, run.run_id) / FEATURES, bundle_path(context, version) / FILE
    try:
        ages = (features.stat().st_mtime_ns, kept.stat().st_mtime_ns)
    except FileNotFoundError:
        return []
    spreads = _spreads(bundle_path(context, version), features, run.snapshot_date, ages)
    is_watched = monitored is not None and monitored.model_version == version.version
    drifts = monitored.data_drift.features if is_watched and monitored and monitored.data_drift else ()
    judged = {drift.feature: drift for drift in drifts}
    described = {feature.name: feature.description for feature in card.features if feature.is_used}
    shifts = []
    for spread in spreads:
        name = spread.drift.feature
        if name not in described:
            continue
        drift = judged.get(name, spread.drift)
        shifts.append(
            FeatureShift(
                name=name,
                description=described[name].strip(".") or name.replace("_", " "),
                psi=drift.psi,
                moved=drift.moved,
                severity=drift.severity,
                then=spread.then,
                now=spread.now,
                is_seasonal=drift.is_seasonal,
                limit=drift.limit,
            )
        )
    return sorted(shifts, key=lambda shift: (_WORST_FIRST[shift.severity], -shift.psi, shift.name))


@lru_cache(maxsize=4)
def _spreads(bundle: Path, features: Path, on: date, _ages: tuple[int, int]) -> tuple[_Spread, ...]:
    import polars as pl

    reference = Reference.kept(load_extra(bundle, FILE))
    if reference is None:
        return ()
    there = pl.scan_parquet(features).collect_schema().names()
    known = [f for f in reference.features if f.name in there and any(f.counts)]
    present = pl.read_parquet(features, columns=[feature.name for feature in known])
    of_known = reference.model_copy(update={"features": tuple(known)})
    counts = DayCounts.of(of_known, present)
    drifts = {drift.feature: drift for drift in feature_drift(of_known, counts, None, on=on)}
    return tuple(
        _Spread(
            drifts[feature.name],
            then=tuple(shares(feature.counts).tolist()),
            now=tuple(shares(counts.of_feature(feature)).tolist()),
        )
        for feature in known
    )
