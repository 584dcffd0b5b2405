"""Finds columns of a finished experiment that were hardly known before the contact: alone they predict the outcome."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from churn.errors import FutureLeak, ModelError
from churn.modeling.encoding.columns import kind_of
from churn.modeling.judging.leakage import scan_leakage

if TYPE_CHECKING:
    import polars as pl

    from churn.modeling.encoding.columns import Floats


def known_afterwards(
    frame: pl.DataFrame, features: Sequence[str], happened: Floats, *, limit: float, trusted: Collection[str]
) -> tuple[str, ...]:
    """Return the features that tell the outcome `happened` (n,) almost by themselves, in their order.

    By the rules of the leakage scan: an AUC above `limit`, or a value (missingness included) that hardly anybody with the
    rarer outcome holds, or hardly anybody else. `trusted` ones are known to be honest.
    Raises ModelError for a column that is neither numbers nor categories.
    """
    rarer = happened if happened.mean() <= 0.5 else 1.0 - happened
    afterwards = []
    for feature in features:
        kind_of(frame[feature])
        try:
            scan_leakage(frame, rarer, [feature], limit=limit, horizon_days=0, trusted=trusted)
        except (FutureLeak, ModelError):
            afterwards.append(feature)
    return tuple(afterwards)
