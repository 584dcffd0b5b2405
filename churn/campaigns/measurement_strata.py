"""Which assigned customers can be compared at all, and within which strata: those drawn with the same share only."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from churn.decisions.bands import BANDS
from churn.decisions.experiment_strata import joined_strata

_RISING: Final = {band: place for place, band in enumerate(BANDS)}  # other strata follow, by name


def comparable(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the customers of every split that has both arms: `split`, arm.

    Customers drawn with one share differ from those drawn with another, by date at the least, so an arm alone in its
    split has nobody to be compared with. Where no split has both arms the largest is returned, which says so.
    """
    both = frame.group_by("split").agg(pl.col("arm").n_unique().alias("arms"), pl.len().alias("size"))
    kept = both.filter(pl.col("arms") > 1)["split"]
    if kept.is_empty():
        kept = both.sort(["size", "split"], descending=[True, False])["split"].head(1)
    return frame.filter(pl.col("split").is_in(kept.implode()))


def strata_of(known: pl.DataFrame) -> NDArray[Any]:
    """Return the stratum of each customer (n,), ordered labels: `split`, stratum, arm.

    Strata of a split that lack an arm are joined to the next of higher risk of the same split, where there is one.
    """
    treated = (known["arm"] == "treatment").to_numpy()
    names = sorted(known["stratum"].unique().to_list(), key=lambda name: (_RISING.get(name, len(_RISING)), name))
    risk = known["stratum"].replace_strict(names, list(range(len(names))), return_dtype=pl.Int64).to_numpy()
    split = known["split"].to_numpy()
    labels = np.empty(known.height, dtype=object)
    for each in np.unique(split):
        rows = np.flatnonzero(split == each)
        codes = np.unique(risk[rows], return_inverse=True)[1]
        joined = joined_strata(codes, treated[rows])
        labels[rows] = [f"{each} {code:03d}" for code in joined]
    return labels.astype(str)
