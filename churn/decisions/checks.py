"""Turns arguments into checked arrays, so that every refusal names the argument and says what it held."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from churn.errors import DataError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def probabilities(name: str, values: ArrayLike) -> Floats:
    """Return `values` as a float64 vector within 0..1; raise DataError naming `name` and how many are not."""
    array = np.ascontiguousarray(values, dtype=np.float64)
    # NaN fails every comparison, so minimum and maximum alone settle the usual case.
    if array.ndim == 1 and (not array.size or (array.min() >= 0.0 and array.max() <= 1.0)):
        return array
    array = finite(name, array)
    outside = int(np.count_nonzero((array < 0.0) | (array > 1.0)))
    raise DataError(
        f"{outside:,} of {array.size:,} values are outside 0..1",
        where=name,
        remedy="Money answers need calibrated probabilities, not raw scores.",
    )


def finite(name: str, values: ArrayLike) -> Floats:
    """Return `values` as a float64 vector without NaN or infinity; raise DataError naming `name` otherwise."""
    array = np.ascontiguousarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise DataError(f"expected one value per customer, got shape {array.shape}", where=name)
    # One pass: a sum is finite only if every part is (or if it overflows, which the second look settles).
    with np.errstate(over="ignore", invalid="ignore"):
        total = array.sum()
    if not np.isfinite(total) and not np.isfinite(array).all():
        bad = int(np.count_nonzero(~np.isfinite(array)))
        raise DataError(f"{bad:,} of {array.size:,} values are missing or infinite", where=name)
    return array


def outcomes(name: str, values: ArrayLike, size: int) -> Bools:
    """Return 0/1 `values` as booleans, one per customer; raise DataError naming `name` otherwise."""
    array = np.asarray(values)
    if array.shape != (size,):
        raise DataError(f"expected {size:,} values, got shape {array.shape}", where=name)
    if array.dtype != np.bool_:
        if not np.isin(array, (0, 1)).all():
            raise DataError("holds values other than 0 and 1", where=name)
        array = array.astype(np.bool_)
    return array


def per_customer(name: str, values: ArrayLike, size: int) -> float | Floats:
    """Return one number for all customers as a float, or a checked vector of `size`."""
    if np.ndim(values) == 0:
        number = float(np.asarray(values, dtype=np.float64))
        if not np.isfinite(number):
            raise DataError("is missing or infinite", where=name)
        return number
    array = finite(name, values)
    if array.shape != (size,):
        raise DataError(f"expected {size:,} values, got {array.size:,}", where=name)
    return array
