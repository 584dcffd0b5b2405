"""How the facts that a model goes by are spread among today's customers, beside those it learnt from, with the PSI of each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from churn.context import Context
from churn.decisions.drift import ACT_LIMIT, drift_severity, moved_share, psi, psi_noise, shares
from churn.decisions.severity import Severity
from churn.documents.model_card import ModelCard
from churn.documents.monitoring import MonitoringDocument
from churn.modeling import load_extra
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
    model, else those of the two spreads.
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
    name: str
    psi: float
    moved: float
    severity: Severity
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
    spreads = _spreads(bundle_path(context, version), features, ages)
    is_watched = monitored is not None and monitored.model_version == version.version
    drifts = monitored.data_drift.features if is_watched and monitored and monitored.data_drift else ()
    judged = {drift.feature: drift for drift in drifts}
    described = {feature.name: feature.description for feature in card.features if feature.is_used}
    shifts = []
    for spread in spreads:
        if spread.name not in described:
            continue
        drift = judged.get(spread.name)
        shifts.append(
            FeatureShift(
                name=spread.name,
                description=described[spread.name].strip(".") or spread.name.replace("_", " "),
                psi=spread.psi if drift is None else drift.psi,
                moved=spread.moved if drift is None else drift.moved,
                severity=spread.severity if drift is None else drift.severity,
                then=spread.then,
                now=spread.now,
                is_seasonal=drift is not None and drift.is_seasonal,
                limit=ACT_LIMIT if drift is None else drift.limit,
            )
        )
    return sorted(shifts, key=lambda shift: (_WORST_FIRST[shift.severity], -shift.psi, shift.name))


@lru_cache(maxsize=4)
def _spreads(bundle: Path, features: Path, _ages: tuple[int, int]) -> tuple[_Spread, ...]:
    import polars as pl

    reference = Reference.kept(load_extra(bundle, FILE))
    if reference is None:
        return ()
    there = pl.scan_parquet(features).collect_schema().names()
    present = pl.read_parquet(features, columns=[f.name for f in reference.features if f.name in there])
    spreads = []
    for feature in reference.features:
        if feature.name not in present.columns or not sum(feature.counts):
            continue
        counts = feature.count(present)
        value, bins = psi(feature.counts, counts), len(feature.counts)
        noise = psi_noise(present.height, reference.customers, bins, tests=len(reference.features))
        spreads.append(
            _Spread(
                name=feature.name,
                psi=value,
                moved=moved_share(feature.counts, counts),
                severity=drift_severity(value, noise, rows=present.height, reference_rows=reference.customers),
                then=tuple(shares(feature.counts).tolist()),
                now=tuple(shares(counts).tolist()),
            )
        )
    return tuple(spreads)
