"""Names slices of churn probability, and keeps a customer in a slice until the probability has clearly left it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, get_args

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Band = Literal["low", "medium", "high", "critical"]
BANDS: Final[tuple[Band, ...]] = get_args(Band)


def risk_bands(
    churn_probability: NDArray[np.float64],
    *,
    bounds: tuple[float, float, float],
    margin: float,
    previous: NDArray[np.int64] | None = None,
) -> NDArray[np.int64]:
    """Return each customer's band as an index into BANDS, shape (n,).

    `bounds` are the rising lower bounds of medium, high and critical. Upward moves happen at once. A customer whose
    `previous` band (index, -1 if unknown) is above leaves it only below that band's bound minus `margin`, so that
    nightly noise around a bound does not move people on and off the list.
    """
    import numpy as np

    cuts = np.asarray(bounds, dtype=np.float64)
    plain = np.searchsorted(cuts, churn_probability, side="right").astype(np.int64)
    if previous is None:
        return plain
    kept = np.searchsorted(cuts - margin, churn_probability, side="right").astype(np.int64)
    return np.maximum(plain, np.minimum(kept, previous))


def percentiles(churn_probability: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return each customer's percentile of risk, 1 (lowest) to 100, shape (n,); ties share the higher one."""
    import numpy as np

    if churn_probability.size == 0:
        return np.zeros(0, dtype=np.int64)
    ordered = np.sort(churn_probability)
    at_or_below = np.searchsorted(ordered, churn_probability, side="right")
    return np.ceil(100.0 * at_or_below / churn_probability.size).astype(np.int64)
