"""Says how far a distribution has moved and how much of that chance explains: the population stability index (PSI).

PSI = sum over bins of (a - e) ln(a / e), with e and a the shares of reference and present rows. Bins come from the
reference's quantiles, their ends are open, and missing values have a bin of their own. Without drift PSI is distributed
as (1/N + 1/M) chi-square with B - 1 degrees of freedom (Yurdakul 2018), so that its noise has a limit one can state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from churn.decisions.checks import Floats
from churn.decisions.severity import Severity
from churn.errors import ConfigError, DataError

Counts = NDArray[np.int64]

BINS: Final = 10
FLOOR: Final = 1e-4  # the least share a bin may have, so that an empty one has a logarithm
WATCH_LIMIT: Final = 0.10
ACT_LIMIT: Final = 0.25
NOISE_LEVEL: Final = 0.999
LEAST_ROWS: Final = 1_000  # below it, noise alone exceeds the limits too often
MOST_LEVELS: Final = 20  # categories with a bin of their own; the others share one
EDGE_SAMPLE: Final = 200_000  # rows enough to place quantiles by


def quantile_edges(values: ArrayLike, *, bins: int = BINS) -> tuple[float, ...]:
    """Return the inner edges of up to `bins` bins of equal mass over the known values (n,); fewer where values repeat.

    A bin is (edge before, edge], the first and last have open ends. No known value gives no edge.
    """
    if bins < 1:
        raise ConfigError(f"{bins} is not a number of bins, 1 or more", where="bins")
    array = np.asarray(values)
    known = np.sort(array[np.isfinite(array)] if array.dtype.kind == "f" else array)
    if known.size > EDGE_SAMPLE:
        known = known[:: known.size // EDGE_SAMPLE]
    if not known.size:
        return ()
    places = np.ceil(np.arange(1, bins) / bins * known.size).astype(np.int64) - 1
    edges = np.unique(known[np.maximum(places, 0)].astype(np.float64))
    kept = edges[edges < float(known[-1])]  # beyond the largest value a bin would stay empty
    if not kept.size and float(known[0]) < float(known[-1]):
        return (float(known[known < known[-1]][-1]),)  # nearly all are the largest: what is below it has a bin
    return tuple(float(edge) for edge in kept)


def count_numbers(values: ArrayLike, edges: Sequence[float]) -> Counts:
    """Return how many of `values` (n,) lie in each bin of `edges`, and last how many are missing: (len(edges) + 2,).

    Infinite values count in the open ends, NaN as missing. One comparison per edge: no value is sorted or copied.
    """
    array = np.asarray(values)
    if array.ndim != 1:
        raise DataError(f"expected one value per customer, got shape {array.shape}", where="values")
    known = array.size - int(np.count_nonzero(array != array)) if array.dtype.kind == "f" else array.size  # noqa: PLR0124  # NaN alone differs from itself
    below = [int(np.count_nonzero(array <= edge)) for edge in _as_kind(edges, array)]
    inner = np.diff(np.array([0, *below, known], dtype=np.int64))
    return np.append(inner, array.size - known)


def _as_kind(edges: Sequence[float], array: NDArray[np.generic]) -> list[float] | list[np.generic]:
    """Return edges in the array's own type, so that comparing copies nothing and float32 values meet their own edge."""
    return [array.dtype.type(edge) for edge in edges] if array.dtype.kind == "f" else list(edges)


def common_levels(counts: Mapping[str, int], *, most: int = MOST_LEVELS) -> tuple[str, ...]:
    """Return the `most` frequent categories, most frequent first, names deciding among equals."""
    ranked = sorted(counts, key=lambda level: (-counts[level], level))
    return tuple(ranked[:most])


def count_levels(counts: Mapping[str, int], levels: Sequence[str], *, missing: int) -> Counts:
    """Return how many rows hold each of `levels`, then how many any other value, then how many none: (len + 2,)."""
    known = [int(counts.get(level, 0)) for level in levels]
    other = sum(int(count) for level, count in counts.items() if level not in set(levels))
    return np.array([*known, other, missing], dtype=np.int64)


def shares(counts: ArrayLike) -> Floats:
    """Return counts (..., B) as shares of their sum, none below the floor of 0.0001."""
    array = np.asarray(counts, dtype=np.float64)
    total = array.sum(axis=-1, keepdims=True)
    if not (total > 0).all():
        raise DataError("holds no rows", where="counts", remedy="PSI compares two sets of rows.")
    floored: Floats = np.maximum(array / total, FLOOR)
    return floored


def psi(reference: ArrayLike, present: ArrayLike) -> float:
    """Return the population stability index between counts per bin (B,) of the reference and of the present rows."""
    e, a = shares(reference), shares(present)
    if e.shape != a.shape:
        raise DataError(f"{e.size} and {a.size} bins cannot be compared", where="counts")
    return float(np.sum((a - e) * np.log(a / e)))


def moved_share(reference: ArrayLike, present: ArrayLike) -> float:
    """Return which share of rows would have to change bins to turn one distribution into the other, 0..1."""
    e = np.asarray(reference, dtype=np.float64)
    a = np.asarray(present, dtype=np.float64)
    return float(np.abs(a / a.sum() - e / e.sum()).sum() / 2.0)


def filled_bins(reference: ArrayLike, present: ArrayLike) -> int:
    """Return how many bins hold rows in either set: the B of the noise."""
    return int(np.count_nonzero(np.asarray(reference) + np.asarray(present)))


def psi_noise(rows: int, reference_rows: int, bins: int, *, level: float = NOISE_LEVEL, tests: int = 1) -> float:
    """Return the PSI that chance alone exceeds with probability 1 - `level` in any of `tests` features together.

    (1/N + 1/M) chi-square quantile with B - 1 degrees of freedom (Yurdakul 2018), at 1 - (1 - level) / tests each
    (Bonferroni): one of 119 features must not raise a false alarm merely for being one of 119.
    """
    if min(rows, reference_rows) < 1 or bins < 1 or tests < 1 or not 0.0 < level < 1.0:
        raise ConfigError(
            f"rows {rows}, reference rows {reference_rows}, bins {bins}, tests {tests}, level {level} give no limit",
            where="psi_noise",
        )
    if bins == 1:
        return 0.0
    from scipy.special import chdtri

    return float((1.0 / rows + 1.0 / reference_rows) * chdtri(bins - 1, (1.0 - level) / tests))


def drift_severity(value: float, noise: float, *, rows: int, reference_rows: int) -> Severity:
    """Return act above max(0.25, noise), watch above max(0.10, noise), else ok; unknown below 1,000 rows on a side."""
    if min(rows, reference_rows) < LEAST_ROWS:
        return "unknown"
    if value > max(ACT_LIMIT, noise):
        return "act"
    return "watch" if value > max(WATCH_LIMIT, noise) else "ok"
