"""Cuts a training set into rows to learn, calibrate, select and test on, as plain arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from churn.config import TrainingSettings
from churn.decisions.profit import Economics
from churn.documents.model_card import SliceSummary
from churn.errors import ModelError, NotEnoughData
from churn.modeling.encoding.columns import Floats
from churn.modeling.encoding.encoder import LearningRows, require_columns
from churn.snapshots.splits import random_split, temporal_split

if TYPE_CHECKING:
    from churn.snapshots.dataset import TrainingSet


_FOLD_ROWS = 20_000  # a random split of more rows has enough to judge on without fitting five times
_FOLDS = 5
_CHURNER_SHARE = 0.8  # beyond this share of the cap churners are sampled too, or there would be no stayers


def sample_rows(y: Floats, snapshot: NDArray[Any], *, max_rows: int, seed: int) -> tuple[NDArray[np.int64], Floats]:
    """Return the rows to train on, in order, and the weight of each, so that weighted shares are those of all rows.

    `y` (n,) outcomes 0/1, `snapshot` (n,) which snapshot each row belongs to.
    """
    if y.size <= max_rows:
        return np.arange(y.size), np.ones(y.size)
    rng = np.random.default_rng(seed)
    churners = int(y.sum())
    kept_churners = min(churners, int(_CHURNER_SHARE * max_rows))
    index, weight = [], []
    for is_churner, share in (
        (True, kept_churners / max(churners, 1)),
        (False, (max_rows - kept_churners) / max(y.size - churners, 1)),
    ):
        for group in np.unique(snapshot):
            rows = np.flatnonzero((snapshot == group) & ((y > 0) == is_churner))
            count = min(rows.size, max(1, round(share * rows.size))) if rows.size else 0
            if count:
                index.append(rng.choice(rows, size=count, replace=False))
                weight.append(np.full(count, rows.size / count))
    chosen, weights = np.concatenate(index), np.concatenate(weight)
    order = np.argsort(chosen)
    return chosen[order].astype(np.int64), weights[order]


def require_enough(y: Floats, *, min_churners: int, min_stayers: int) -> None:
    """Raise NotEnoughData unless rows with outcome `y` (n,) hold that many churners and stayers."""
    churners = int(y.sum())
    stayers = int(y.size) - churners
    if y.size == 0:
        raise NotEnoughData(
            "no labelled customer is left to learn from",
            where="training",
            remedy="Labels need a full window after a snapshot: load more history, or shorten [churn] horizon_days.",
        )
    missing = []
    if churners < min_churners:
        missing.append(f"{min_churners - churners:,} more churners")
    if stayers < min_stayers:
        missing.append(f"{min_stayers - stayers:,} more stayers")
    if missing:
        raise NotEnoughData(
            f"{churners:,} churners and {stayers:,} stayers are too few: {' and '.join(missing)} are needed",
            where="training",
            remedy="Load more history, raise training.snapshots, widen [churn] horizon_days, "
            "or lower training.min_churners and training.min_stayers knowing that intervals widen.",
        )


def require_both_outcomes(slices: dict[str, Floats]) -> None:
    """Raise NotEnoughData where a slice of the split, by name, lacks churners or stayers."""
    for name, y in slices.items():
        if y.size == 0 or np.ptp(y) == 0:
            lacking = "rows" if y.size == 0 else "stayers" if y[0] > 0 else "churners"
            raise NotEnoughData(
                f"the {name} slice holds no {lacking} ({y.size:,} rows)",
                where="split",
                remedy="Load more history, raise training.snapshots, or train with `--split random`.",
            )


SLICES: Final = ("train", "calibrate", "select", "test")


@dataclass(frozen=True)
class Slices:
    """Positions in `frame` of each slice's rows; arrays run over all rows of `frame`, (n,) each.

    `weight` is that of the train slice's rows, in their order: more than 1 where stayers were sampled from the `trainable` ones. `fold` numbers
    the folds of the train slice's rows where those rows also calibrate and select, each by a model that learnt from
    the other folds; None where later or other rows do.
    """

    frame: pl.DataFrame
    y: Floats
    customer: NDArray[np.int64]
    snapshot: NDArray[np.int64]
    value: Floats
    rows: dict[str, NDArray[np.int64]]
    trainable: NDArray[np.int64]
    weight: Floats
    fold: NDArray[np.int64] | None
    kind: str
    description: str
    counts: dict[str, int]

    def part(self, name: str) -> pl.DataFrame:
        """Return a slice's rows."""
        return self.frame[self.rows[name]]

    def outcome(self, name: str) -> Floats:
        """Return a slice's outcomes, 0/1."""
        return self.y[self.rows[name]]

    @cached_property
    def training_rows(self) -> LearningRows:
        """The train slice as encoders and models learn from it."""
        index = self.rows["train"]
        return self._learning_rows(index, self.weight)

    def every_row(self, *, max_rows: int, seed: int) -> LearningRows:
        """Return the rows of all slices, capped like those of the train slice: what the model that serves learns from."""
        index = np.sort(np.concatenate([self.trainable, *(self.rows[n] for n in self.rows if n != "train")]))
        chosen, weight = sample_rows(self.y[index], self.snapshot[index], max_rows=max_rows, seed=seed)
        return self._learning_rows(index[chosen], weight)

    def _learning_rows(self, index: NDArray[np.int64], weight: Floats) -> LearningRows:
        _, customer = np.unique(self.customer[index], return_inverse=True)
        return LearningRows(self.frame[index], self.y[index], weight, customer.astype(np.int64))

    def summary(self) -> tuple[SliceSummary, ...]:
        """Return rows, churners and dates of each slice, for the card."""
        dates = self.frame["snapshot_date"] if "snapshot_date" in self.frame.columns else None
        parts = []
        for name in self.rows:
            days: list[date] = [] if dates is None else sorted(dates[self.rows[name]].drop_nulls().unique().to_list())
            parts.append(
                SliceSummary(
                    slice=name,
                    rows=len(self.rows[name]),
                    churners=int(self.outcome(name).sum()),
                    first_date=days[0] if days else None,
                    last_date=days[-1] if days else None,
                    snapshots=len(days),
                )
            )
        return tuple(parts)


def cut(
    data: TrainingSet, features: Sequence[str], training: TrainingSettings, economics: Economics, split: str
) -> Slices:
    """Leave out treated rows where enough others remain, judge feasibility, split, and cap the train slice.

    Raises NotEnoughData saying what is missing, ModelError where the set lacks a feature or `split` is not known.
    """
    require_columns(data.frame, ["customer_id", "has_churned", "monthly_margin", *features])
    is_open = data.frame["has_churned"].is_null()
    frame = data.frame.filter(~is_open) if is_open.any() else data.frame
    frame, counts = _without_treated(frame, training)
    y = frame["has_churned"].cast(pl.Float64).to_numpy()
    require_enough(y, min_churners=training.min_churners, min_stayers=training.min_stayers)
    customer = _codes(frame["customer_id"])
    snapshot = _codes(frame["snapshot_date"]) if "snapshot_date" in frame.columns else np.zeros(y.size, dtype=np.int64)
    kind, description, rows = _split(frame, data, split, training.seed)
    fold = None
    if kind == "random" and frame.height <= min(_FOLD_ROWS, training.max_rows):
        rows, fold = _in_folds(rows, customer, training.seed)
        description += f" All but the test rows learn, calibrate and select, in {_FOLDS} folds of customers."
    require_both_outcomes({name: y[index] for name, index in rows.items()})
    if fold is not None:
        require_both_outcomes(
            {f"all but fold {k + 1} of the train": y[rows["train"]][fold != k] for k in range(_FOLDS)}
        )
    chosen, weight = sample_rows(
        y[rows["train"]], snapshot[rows["train"]], max_rows=training.max_rows, seed=training.seed
    )
    counts["train_rows_before_sampling"] = len(rows["train"])
    trainable = rows["train"]
    rows["train"] = trainable[chosen]
    margin = frame["monthly_margin"].cast(pl.Float64).fill_null(0.0).to_numpy()
    value = economics.value_of_save(margin)
    return Slices(frame, y, customer, snapshot, value, rows, trainable, weight, fold, kind, description, counts)


def _in_folds(
    rows: dict[str, NDArray[np.int64]], customer: NDArray[np.int64], seed: int
) -> tuple[dict[str, NDArray[np.int64]], NDArray[np.int64]]:
    """Join all slices but the test into one to learn from; return it, and the fold of each of its rows."""
    train = np.sort(np.concatenate([index for name, index in rows.items() if name != "test"]))
    people, place = np.unique(customer[train], return_inverse=True)
    order = np.random.default_rng(seed).permutation(people.size)
    return {"train": train, "test": rows["test"]}, (order % min(_FOLDS, people.size))[place].astype(np.int64)


def _without_treated(frame: pl.DataFrame, training: TrainingSettings) -> tuple[pl.DataFrame, dict[str, int]]:
    """Drop treated customers where enough others remain: contact may have changed their outcomes.

    Those contacted within the window are counted alone: without them too many would seem to leave.
    """
    later = int(frame["is_contacted_later"].sum()) if "is_contacted_later" in frame.columns else 0
    counts = {"treated_rows": 0, "treated_rows_used": 0, "contacted_later_rows": later}
    if "is_treated" not in frame.columns:
        return frame, counts
    treated = frame["is_treated"].fill_null(value=False)
    if not treated.any():
        return frame, counts
    others = frame.filter(~treated)
    churners = int(others["has_churned"].sum())
    is_enough = churners >= training.min_churners and others.height - churners >= training.min_stayers
    used = others if is_enough else frame
    total = int(treated.sum())
    return used, counts | {"treated_rows": total, "treated_rows_used": 0 if is_enough else total}


def _split(
    frame: pl.DataFrame, data: TrainingSet, split: str, seed: int
) -> tuple[str, str, dict[str, NDArray[np.int64]]]:
    if split not in {"auto", "temporal", "random"}:
        raise ModelError(f"no split `{split}`", where="training.split", remedy="Choose auto, temporal or random.")
    has_dates = "snapshot_date" in frame.columns and frame["snapshot_date"].null_count() == 0
    if split == "temporal" and not has_dates:
        raise NotEnoughData(
            "a split forward in time needs a snapshot date on every row",
            where="training.split",
            remedy='Give the source a snapshot_date, or use split = "random".',
        )
    if split != "random" and has_dates:
        try:
            divided = temporal_split(frame["snapshot_date"], data.policy, customer_ids=frame["customer_id"], seed=seed)
            return "temporal", divided.description, _positions(divided)
        except NotEnoughData:
            if split == "temporal":
                raise
    divided = random_split(frame["customer_id"], seed=seed)
    return "random", divided.description, _positions(divided)


def _positions(divided: Any) -> dict[str, NDArray[np.int64]]:
    rows = {}
    for name in SLICES:
        chosen = np.asarray(getattr(divided, name))
        rows[name] = np.flatnonzero(chosen) if chosen.dtype == np.bool_ else chosen.astype(np.int64)
    return rows


def _codes(series: pl.Series) -> NDArray[np.int64]:
    """Return a number per distinct value, in the values' own order; missing is a value too."""
    ranks = series.rank("dense").cast(pl.Int64).fill_null(0)
    return ranks.to_numpy().copy()
