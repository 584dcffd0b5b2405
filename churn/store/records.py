"""What the store takes and gives: plain frozen records, free of any database."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import polars as pl

ModelStatus = Literal["challenger", "champion", "retired"]
ScoreOrder = Literal["expected_profit", "churn_probability"]

# The columns of a score list, in the order they are stored, with their polars types by name.
SCORE_COLUMNS: dict[str, str] = {
    "customer_id": "String",
    "churn_probability": "Float64",
    "raw_score": "Float64",
    "risk_band": "String",
    "percentile": "Float64",
    "expected_profit": "Float64",
    "value_of_save": "Float64",
    "monthly_margin": "Float64",
    "plan": "String",
    "reasons": "String",
    "previous_probability": "Float64",
    "change": "Float64",
    "change_reasons": "String",
    "is_listed": "Boolean",
}
# These may hold nothing: a customer without a plan, or one never scored before.
OPTIONAL_COLUMNS = frozenset({"plan", "previous_probability", "change", "change_reasons"})


@dataclass(frozen=True)
class ScoreRun:
    """One published score list: what was scored, by which model, as of when. Instants are UTC without a zone."""

    run_id: str
    snapshot_date: date
    model_version: str
    scored_at: datetime
    data_cutoff: datetime
    customers: int
    fingerprint: str
    is_stale: bool = False
    stale_reason: str | None = None
    stale_at: datetime | None = None


@dataclass(frozen=True)
class ScorePage:
    """A part of one score list, with the run it comes from; `next_cursor` is None at its end.

    `rows` are as the driver gave them, in the order of `columns`: a short list is shown without loading polars.
    """

    run: ScoreRun | None
    rows: list[tuple[Any, ...]]
    columns: tuple[str, ...]
    next_cursor: str | None

    @cached_property
    def frame(self) -> pl.DataFrame:
        """The rows as a frame, typed."""
        return score_frame(self.rows, self.columns)

    def documents(self) -> list[dict[str, Any]]:
        """Return each row by column name."""
        found = [dict(zip(self.columns, row, strict=True)) for row in self.rows]
        # SQLite tells truth as 1 and 0.
        return [{k: bool(v) if SCORE_COLUMNS[k] == "Boolean" else v for k, v in row.items()} for row in found]


def score_frame(rows: list[tuple[Any, ...]], names: tuple[str, ...]) -> pl.DataFrame:
    """Return driver rows, whose columns are `names`, as a typed frame."""
    import polars as pl

    by_column = zip(*rows, strict=True) if rows else ([] for _ in names)
    columns = []
    for name, values in zip(names, by_column, strict=True):
        kind = SCORE_COLUMNS[name]
        is_number = kind == "Boolean" and any(type(value) is int for value in values[:1])
        series = pl.Series(name, values, dtype=pl.Int8 if is_number else getattr(pl, kind))
        columns.append(series.cast(getattr(pl, kind)))
    return pl.DataFrame(columns)


@dataclass(frozen=True)
class ModelVersion:
    """A registered model. `bundle` is its folder, relative to the models folder. `status` follows from the history."""

    version: str
    kind: str
    created_at: datetime
    fingerprint: str
    bundle: str
    metrics: dict[str, Any] = field(default_factory=dict)
    reason: str = ""
    status: ModelStatus = "challenger"


@dataclass(frozen=True)
class ModelChange:
    """One change of champion: who made `version` the champion, why, and from when until when it served."""

    version: str
    replaced_version: str | None
    action: Literal["promote", "rollback"]
    who: str
    why: str
    served_from: datetime
    served_until: datetime | None


@dataclass(frozen=True)
class JobRun:
    """One run of a workflow. `outcome` is None while it runs; `abandoned` when it ended without saying so."""

    run_id: int
    workflow: str
    logical_date: date | None
    started_at: datetime
    finished_at: datetime | None
    outcome: str | None
    error: str | None


@dataclass(frozen=True)
class Simulation:
    """A saved simulation: what was asked, and what came out."""

    name: str
    saved_at: datetime
    inputs: dict[str, Any]
    result: dict[str, Any]
