"""Where the work on customers is done: here, or shared out among the tasks of a cluster, which give the same rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Protocol, TypeVar

from churn.progress import SILENT, Progress
from churn.snapshots.dataset import build_snapshots
from churn.snapshots.policy import SnapshotPolicy
from churn.warehouse import SqlModel, Warehouse
from churn.warehouse.reading.elsewhere import ClusterReader

if TYPE_CHECKING:
    import polars as pl


T = TypeVar("T")


class RowWork(Protocol[T]):
    """Work on customers of whom each gives the same whoever the others are.

    Parts are cut between blocks of `rows`, counted from the first, where the work itself goes block by block.
    """

    @property
    def rows(self) -> int:
        """How many rows are a block."""

    @property
    def key(self) -> str:
        """What tells this work from other work on the same rows."""

    def __call__(self, frame: pl.DataFrame) -> T:
        """Do the work on the rows of `frame`."""

    def pack(self, done: T) -> pl.DataFrame:
        """Return what was done as a frame with one row for each."""

    def unpack(self, packed: pl.DataFrame) -> T:
        """Return what `pack` was given, of all the rows whose frames were put together."""


class Counting(Protocol):
    """Counts customers of built snapshots: in all of them what it counts in parts of the customers, added up."""

    @property
    def key(self) -> str:
        """What tells this counting from another."""

    def __call__(self, warehouse: Warehouse, models: Mapping[str, SqlModel]) -> pl.DataFrame:
        """Return how many: rows of what is counted, and in the column `count` a whole number."""


class Engine(Protocol):
    """Builds snapshots, counts in them, and works on rows."""

    def build_snapshots(
        self,
        warehouse: Warehouse,
        models: Mapping[str, SqlModel],
        policy: SnapshotPolicy,
        dates: Sequence[date],
        *,
        data_cutoff: datetime,
        wanted: Sequence[str] = (),
        shares: Mapping[date, float] = {},
        progress: Progress = SILENT,
    ) -> None:
        """Leave in `warehouse` what `dataset.build_snapshots` would. Raises as it does."""

    def count_snapshots(
        self,
        warehouse: Warehouse,
        models: Mapping[str, SqlModel],
        policy: SnapshotPolicy,
        dates: Sequence[date],
        counting: Counting,
        *,
        data_cutoff: datetime,
        wanted: Sequence[str] = (),
        progress: Progress = SILENT,
    ) -> pl.DataFrame:
        """Build as `build_snapshots`, and return what `counting` counts of all that was built, as `added` has it."""

    def over_rows(self, frame: pl.DataFrame, work: RowWork[T], *, progress: Progress = SILENT) -> T:
        """Return what `work` makes of `frame`, which may be cut into parts."""

    @property
    def reader(self) -> ClusterReader | None:
        """What reads the sources of format `spark`, and large text files; None where this process does what can be done."""


class Embedded:
    """Does the work in this process."""

    reader: ClusterReader | None = None

    def build_snapshots(
        self,
        warehouse: Warehouse,
        models: Mapping[str, SqlModel],
        policy: SnapshotPolicy,
        dates: Sequence[date],
        *,
        data_cutoff: datetime,
        wanted: Sequence[str] = (),
        shares: Mapping[date, float] = {},
        progress: Progress = SILENT,
    ) -> None:
        """Build as `dataset.build_snapshots`."""
        build_snapshots(
            warehouse, models, policy, dates, data_cutoff=data_cutoff, wanted=wanted, shares=shares, progress=progress
        )

    def count_snapshots(
        self,
        warehouse: Warehouse,
        models: Mapping[str, SqlModel],
        policy: SnapshotPolicy,
        dates: Sequence[date],
        counting: Counting,
        *,
        data_cutoff: datetime,
        wanted: Sequence[str] = (),
        progress: Progress = SILENT,
    ) -> pl.DataFrame:
        """Build, and count all customers at once."""
        build_snapshots(warehouse, models, policy, dates, data_cutoff=data_cutoff, wanted=wanted, progress=progress)
        return added([counting(warehouse, models)])

    def over_rows(self, frame: pl.DataFrame, work: RowWork[T], *, progress: Progress = SILENT) -> T:
        """Do the work on all rows at once."""
        progress.step("Explaining every score")
        return work(frame)


def added(counted: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Add up what was counted in parts of the customers: one row for each thing counted, in order."""
    import polars as pl

    whole = pl.concat(counted)
    things = [name for name in whole.columns if name != "count"]
    return whole.group_by(things).agg(pl.col("count").sum()).sort(things)


EMBEDDED = Embedded()
