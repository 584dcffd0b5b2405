"""False accusations of the leakage scan, and leaks it lets pass, on the five data sets of `benchmarks.quality`.

No feature of the sets may be refused. Two that know the outcome are planted: a survey that 40 % of the leavers filled in, and
a status that was overwritten when people left, in their earlier rows too. Prints a line each; exit 1 where any is wrong.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.quality import DATA_SETS, SEED, training_set
from churn.config import TrainingSettings
from churn.errors import FutureLeak, ModelError
from churn.modeling.judging.leakage import scan_leakage
from churn.snapshots.dataset import TrainingSet

SHARE_ASKED = 0.4  # of the leavers


def refused(data: TrainingSet, frame: pl.DataFrame, planted: str | None = None) -> str | None:
    """Return what the scan refuses `frame` for, the features of `data` and `planted`; None where it lets all pass."""
    names = [doc.name for doc in data.features] + ([planted] if planted else [])
    try:
        scan_leakage(
            frame,
            frame["has_churned"].cast(pl.Float64).to_numpy(),
            names,
            limit=TrainingSettings().leakage_auc,
            horizon_days=data.policy.horizon_days,
            history=frame,
        )
    except (FutureLeak, ModelError) as error:
        return str(error)
    return None


def survey(frame: pl.DataFrame) -> pl.DataFrame:
    """Add `planted`: an answer of some of those who left, null for everyone else."""
    asked = pl.Series(np.random.default_rng(SEED).random(frame.height) < SHARE_ASKED)
    return frame.with_columns(planted=pl.when(pl.col("has_churned") & asked).then(pl.lit("price")))


def status(frame: pl.DataFrame) -> pl.DataFrame:
    """Add `planted`: `closed` in every row of those who ever left."""
    return frame.with_columns(
        planted=pl.when(pl.col("has_churned").max().over("customer_id"))
        .then(pl.lit("closed"))
        .otherwise(pl.lit("open"))
    )


def main() -> int:
    """Scan each set as it is and with each leak planted."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.leaks", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with telco_ibm/telco.csv and the others")
    wrong = 0
    options = parser.parse_args()
    for name in DATA_SETS:
        data = training_set(name, options.data.resolve() / name)
        frame = data.frame.with_columns(pl.col("has_churned").cast(pl.Boolean))
        accused = refused(data, frame)
        missed = [plant.__name__ for plant in (survey, status) if refused(data, plant(frame), "planted") is None]
        print(f"{name}: {len(data.features)} honest features, refused: {accused or 'none'}; missed: {missed or 'none'}")
        wrong += (accused is not None) + len(missed)
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
