"""Builds snapshots and features for any dates, and hands on training and scoring sets made by the same SQL."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from churn.documents.own_columns import OwnColumn
from churn.errors import DataError, NotEnoughData
from churn.progress import SILENT, Progress
from churn.snapshots.columns import FeatureColumn, feature_columns, quoted
from churn.snapshots.dates import (
    data_cutoff,
    default_snapshot_date,
    final_until,
    is_flat,
    labelled_span,
    training_dates,
)
from churn.snapshots.guards import check_rows, check_time
from churn.snapshots.own_columns import GROUPS as OWN_GROUPS
from churn.snapshots.own_columns import own_columns, write_own_columns
from churn.snapshots.policy import SnapshotPolicy
from churn.warehouse import FeatureDoc, SqlModel, Warehouse
from churn.warehouse.connection import literal
from churn.warehouse.models.build import build

if TYPE_CHECKING:
    import polars as pl


__all__ = [
    "ScoringSet",
    "TrainingSet",
    "build_snapshots",
    "data_cutoff",
    "default_snapshot_date",
    "feature_frame",
    "is_flat",
    "labelled_span",
    "scoring_set",
    "scoring_slices",
    "share_built",
    "share_within",
    "times_to_loss",
    "training_dates",
    "training_set",
]

SCHEMAS = ("totals", "snapshots", "features")
SLICE: Final = 250_000  # customers; their features take some 200 MB
_HASHES: Final = 2**64
_POPULATION = ("snapshots.spine", "snapshots.customer_value", "snapshots.departed")
_LABEL = """l.has_churned, case when l.has_churned then l.churn_kind end as churn_kind,
coalesce(t.is_treated, false) as is_treated, coalesce(not t.is_treated, false) as is_contacted_later,"""
_WITH_LABEL = """inner join snapshots.labels as l on s.customer_id = l.customer_id and s.snapshot_date = l.snapshot_date
left join snapshots.treatments as t on s.customer_id = t.customer_id and s.snapshot_date = t.snapshot_date"""
_STAYED = "anti join snapshots.departed as g on s.customer_id = g.customer_id and s.snapshot_date = g.snapshot_date"
_IS_JUDGED = "l.has_churned is not null"
_OUTCOMES = ("snapshots.labels", "snapshots.times_to_loss", "snapshots.treatments")


@dataclass(frozen=True)
class TrainingSet:
    """Labelled snapshots.

    `frame` is one row per customer and date, sorted by date and customer: the keys, has_churned, churn_kind,
    is_treated (by a contact before the window opened), is_contacted_later (within it), plan, monthly_fee, monthly_margin, then one column per feature. `share` of the customers were taken, of
    whom all that follows tells; `counts` says how many rows were kept and left out, and why; `own_columns`, what became of the columns that only the company's sources have. `times` says
    how long customers stayed, see `times_to_loss`; None in sets that come from elsewhere.
    """

    frame: pl.DataFrame
    features: tuple[FeatureDoc, ...]
    policy: SnapshotPolicy
    fingerprint: str
    counts: dict[str, int] = field(default_factory=dict)
    own_columns: tuple[OwnColumn, ...] = ()
    times: pl.DataFrame | None = None
    share: float = 1.0


@dataclass(frozen=True)
class ScoringSet:
    """The customers active at one date, sorted; columns as in TrainingSet without the label's."""

    frame: pl.DataFrame
    features: tuple[FeatureDoc, ...]
    policy: SnapshotPolicy
    snapshot_date: date
    data_cutoff: datetime
    fingerprint: str


def build_snapshots(
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
    """Build every table of `snapshots` and `features` for `dates`; labels are judged by what is known at `data_cutoff`.

    `wanted` are the features that a model was trained on. `shares` says of which dates not all customers are taken, but
    a share, chosen by a hash of their id: the same ones wherever it is the same. Feature groups whose facts are all absent are left out, and so are labels where no window has closed. Raises
    ConfigError for SQL that does not run, FutureLeak for a feature file that never asks when facts were known, and
    ContractBroken for a feature table that does not have exactly one row per spine row.
    """
    tables = prepare_build(warehouse, models, policy, dates, data_cutoff=data_cutoff, wanted=wanted, shares=shares)
    with warehouse.transaction():
        drop_built(warehouse, models)
    build_tables(warehouse, models, tables, schemas=SCHEMAS, progress=progress)


def prepare_build(
    warehouse: Warehouse,
    models: Mapping[str, SqlModel],
    policy: SnapshotPolicy,
    dates: Sequence[date],
    *,
    data_cutoff: datetime,
    wanted: Sequence[str] = (),
    shares: Mapping[date, float] = {},
) -> tuple[str, ...]:
    """Write what the models of `snapshots` and `features` read, and return which of their tables are to be built.

    All that only the whole can tell is settled here: the policy, how far facts reach, and the use of columns of one's own.
    """
    if not dates:
        raise DataError("no snapshot date was given", where="snapshots.dates")
    check_time(models)
    write_policy(warehouse, policy, dates, data_cutoff, shares=shares)
    own = write_own_columns(warehouse, own_columns(warehouse, models, policy.static, dates, wanted))
    groups = [
        name
        for name in models
        if name.startswith("features.") and (name in own if name in OWN_GROUPS else _has_facts(warehouse, models, name))
    ]
    until = final_until(warehouse, policy, data_cutoff)
    is_judged = any(policy.matures_at(day) <= until for day in dates) or is_flat(warehouse)
    return (*_POPULATION, *(_OUTCOMES if is_judged else ()), *groups)


def share_within(
    warehouse: Warehouse,
    models: Mapping[str, SqlModel],
    policy: SnapshotPolicy,
    dates: Sequence[date],
    *,
    data_cutoff: datetime,
    most_rows: int,
) -> float:
    """Return the share of the customers of whom a build of `dates` has about `most_rows` rows; 1.0 where all have no more.

    It builds the population of the newest date, and takes the others to be as large.
    """
    write_policy(warehouse, policy, [max(dates)], data_cutoff)
    build(warehouse, models, schemas=SCHEMAS, names=["snapshots.spine"])
    rows = int(warehouse.rows("select count(*) from snapshots.spine")[0][0]) * len(set(dates))
    return min(1.0, most_rows / max(rows, 1))


def share_built(warehouse: Warehouse) -> float:
    """Return the smallest share of the customers that was taken of any date built last."""
    return float((warehouse.rows("select min(customers_until) from snapshots.dates")[0][0] + 1) / _HASHES)


def drop_built(warehouse: Warehouse, models: Mapping[str, SqlModel]) -> None:
    """Drop the features and labels of an earlier build, of which nothing may linger."""
    warehouse.execute("create schema if not exists features")
    for name in models:
        if name in _OUTCOMES or name.startswith("features."):
            warehouse.execute(f"drop table if exists {models[name].schema}.{quoted(models[name].table)}")


def build_tables(
    warehouse: Warehouse,
    models: Mapping[str, SqlModel],
    tables: Sequence[str],
    *,
    schemas: Sequence[str],
    progress: Progress = SILENT,
) -> None:
    """Build `tables` and what they read of `schemas`, and check the rows of each feature table. Raises as `build_snapshots`."""
    built = build(warehouse, models, schemas=schemas, names=tables, progress=progress)
    check_rows(warehouse, models, {result.name: result.rows for result in built})


def write_policy(
    warehouse: Warehouse,
    policy: SnapshotPolicy,
    dates: Sequence[date],
    cutoff: datetime,
    *,
    shares: Mapping[date, float] = {},
) -> None:
    """Write the two tables that every snapshot model reads: the policy, and the calendar of `dates` with their `shares` of customers."""
    import polars as pl

    names = (
        "definition",
        "dated_by",
        "horizon_days",
        "lead_days",
        "grace_days",
        "inactivity_days",
        "activity_table",
        "told_by",
    )
    values = {name: getattr(policy, name) for name in (*names, "margin_rate", "default_monthly_fee")}
    days = sorted(set(dates))
    windows = [policy.label_window(day) for day in days]
    instant = pl.Datetime("us")
    calendar = pl.DataFrame(
        {
            "snapshot_date": pl.Series(days, dtype=pl.Date),
            "label_start_at": pl.Series([start for start, _ in windows], dtype=instant),
            "label_end_at": pl.Series([end for _, end in windows], dtype=instant),
            "matures_at": pl.Series([policy.matures_at(day) for day in days], dtype=instant),
            # Taken are customers whose hash is at most this.
            "customers_until": pl.Series(
                [max(round(shares.get(day, 1.0) * _HASHES), 1) - 1 for day in days], dtype=pl.UInt64
            ),
        }
    )
    written = pl.DataFrame(
        {
            **{name: [value] for name, value in values.items()},
            "excluded_plans": pl.Series([list(policy.excluded_plans)], dtype=pl.List(pl.String)),
            "excludes_free": [policy.excludes_free],
            "data_cutoff_at": pl.Series([cutoff], dtype=instant),
            "told_until_at": pl.Series([final_until(warehouse, policy, cutoff)], dtype=instant),
        }
    ).with_columns(pl.col(pl.Int64).cast(pl.Int32))
    with warehouse.transaction():
        warehouse.write("snapshots.policy", written)
        warehouse.write("snapshots.dates", calendar)


def _has_facts(warehouse: Warehouse, models: Mapping[str, SqlModel], name: str) -> bool:
    """Say whether a group reads any staged table that has rows; one that reads none is kept."""
    tables = facts_of(models, name)
    return not tables or any(warehouse.rows(f"select 1 from {table} limit 1") for table in sorted(tables))


def facts_of(models: Mapping[str, SqlModel], name: str) -> set[str]:
    """Return the staged tables that a feature group is made of, the population's left out: everybody has that."""
    facts: set[str] = set()
    for needed in models[name].depends_on:
        if needed.startswith("staging."):
            facts.add(needed)
        elif needed in models and needed not in _POPULATION:  # everyone reads the population
            facts |= facts_of(models, needed)
    return facts


def feature_frame(
    warehouse: Warehouse, models: Mapping[str, SqlModel], *, wanted: Sequence[str] = ()
) -> tuple[pl.DataFrame, tuple[FeatureDoc, ...]]:
    """Return the features as built last, one row per spine row sorted by date and customer, and their documentation.

    Columns: customer_id, snapshot_date, plan, monthly_fee, monthly_margin, then the features. `wanted` names the
    features a model knows, so that keys of maps unseen at this date are there too, as zeros.
    """
    groups = _built_groups(warehouse, models)
    columns = feature_columns(warehouse, groups, models, wanted)
    frame = _by_date(warehouse, lambda where: _select(columns, groups, "", "", where))
    return frame, tuple(column.doc for column in columns)


def feature_query(warehouse: Warehouse, models: Mapping[str, SqlModel], features: Collection[str]) -> str:
    """Return the SQL of the rows built last: the keys, plan, monthly_fee, monthly_margin, and of the features some."""
    groups = _built_groups(warehouse, models)
    columns = feature_columns(warehouse, groups, models, sorted(features))
    return _select(columns, groups, "", "", only=features)


def training_set(warehouse: Warehouse, models: Mapping[str, SqlModel], policy: SnapshotPolicy) -> TrainingSet:
    """Return the labelled rows of the snapshots built last; rows without a label are counted, not kept.

    Raises NotEnoughData when no label window of theirs has closed.
    """
    if not warehouse.has_table("snapshots.labels"):
        raise NotEnoughData("no label window has closed yet", where="snapshots.labels", remedy="Choose earlier dates.")
    groups = _built_groups(warehouse, models)
    columns = feature_columns(warehouse, groups, models)
    frame = _by_date(
        warehouse, lambda where: _select(columns, groups, _LABEL, _WITH_LABEL, f"{where} and {_IS_JUDGED}")
    )
    return TrainingSet(
        frame,
        tuple(column.doc for column in columns),
        policy,
        _fingerprint(models, groups, policy, frame),
        _counts(warehouse),
        own_columns(warehouse, models, policy.static, _dates(warehouse)),
        times_to_loss(warehouse),
        share_built(warehouse),
    )


def _by_date(warehouse: Warehouse, query: Callable[[str], str]) -> pl.DataFrame:
    """Return the rows of the dates built last, each by `query` of its condition: an engine that sorts all of them holds them twice."""
    import polars as pl

    return pl.concat([warehouse.frame(query(f"where s.snapshot_date = date '{day}'")) for day in _dates(warehouse)])


def _dates(warehouse: Warehouse) -> list[date]:
    return [day for (day,) in warehouse.rows("select snapshot_date from snapshots.dates order by snapshot_date")]


def times_to_loss(warehouse: Warehouse) -> pl.DataFrame:
    """Return how long the customers of the snapshots built last stayed, sorted by date and customer.

    Columns: customer_id, snapshot_date, days (from the opening of the label window to the loss or the end of sight),
    is_lost, churn_kind. No rows where silence is the churn, and of flat sources, which tell no dates.
    """
    return warehouse.frame(
        "select customer_id, snapshot_date, days, is_lost, churn_kind from snapshots.times_to_loss "
        "order by snapshot_date, customer_id"
    )


def scoring_set(
    warehouse: Warehouse,
    models: Mapping[str, SqlModel],
    policy: SnapshotPolicy,
    snapshot_date: date,
    *,
    wanted: Sequence[str] = (),
) -> ScoringSet:
    """Return the customers of `snapshot_date`, which must be among the dates built last; `wanted` as in feature_frame.

    Those who have left already by the label of a flat source are left out. Raises DataError when the date was not built.
    """
    cutoff = warehouse.rows(
        "select p.data_cutoff_at from snapshots.policy as p inner join snapshots.dates as d on d.snapshot_date = ?",
        [snapshot_date],
    )
    if not cutoff:
        raise DataError(f"{snapshot_date} was not built", where="snapshots.dates", remedy="Call build_snapshots first.")
    groups = _built_groups(warehouse, models)
    columns = feature_columns(warehouse, groups, models, wanted)
    frame = warehouse.frame(_select(columns, groups, "", _STAYED, f"where s.snapshot_date = date '{snapshot_date}'"))
    fingerprint = _fingerprint(models, groups, policy, frame)
    return ScoringSet(frame, tuple(column.doc for column in columns), policy, snapshot_date, cutoff[0][0], fingerprint)


def scoring_slices(
    warehouse: Warehouse,
    models: Mapping[str, SqlModel],
    snapshot_date: date,
    *,
    wanted: Sequence[str] = (),
    rows: int = SLICE,
) -> Iterator[pl.DataFrame]:
    """Yield the frame of `scoring_set` in slices of about `rows` customers, in order; nothing for a date without any.

    It is for what needs no more than one of them at a time.
    """
    groups = _built_groups(warehouse, models)
    columns = feature_columns(warehouse, groups, models, wanted)
    day = f"s.snapshot_date = date '{snapshot_date}'"
    firsts = warehouse.rows(
        f"select customer_id from (select s.customer_id, row_number() over (order by s.customer_id) - 1 as place"
        f" from snapshots.spine as s where {day}) where place % {rows} = 0 order by 1"
    )
    for first, end in pairwise([*(literal(customer) for (customer,) in firsts), None]):
        within = f"s.customer_id >= {first}" + (f" and s.customer_id < {end}" if end is not None else "")
        yield warehouse.frame(_select(columns, groups, "", _STAYED, f"where {day} and {within}"))


def _built_groups(warehouse: Warehouse, models: Mapping[str, SqlModel]) -> list[str]:
    names = sorted(name for name in models if name.startswith("features."))
    return [models[name].table for name in names if warehouse.has_table(name)]


def _select(
    columns: Sequence[FeatureColumn],
    groups: Sequence[str],
    extra: str,
    joins: str,
    where: str = "",
    *,
    only: Collection[str] | None = None,
) -> str:
    fee = "v.monthly_fee"
    shown = [column for column in columns if only is None or column.doc.name in only]
    listed = "".join(f", {column.expression} as {quoted(column.doc.name)}" for column in shown)
    joined = " ".join(
        f"left join features.{quoted(group)} as {quoted(group)} "
        f"on s.customer_id = {quoted(group)}.customer_id and s.snapshot_date = {quoted(group)}.snapshot_date"
        for group in groups
    )
    own = next((column for column in columns if column.doc.name == "monthly_fee_attribute"), None)
    if own is not None:  # a flat source that knows the fee knows it better than the default
        fee = f"coalesce(try_cast({own.expression} as double), v.monthly_fee)"
    plan = next((column.expression for column in columns if column.doc.name == "plan_attribute"), "v.plan")
    return (
        f"select s.customer_id, s.snapshot_date, {extra} cast({plan} as varchar) as plan, {fee} as monthly_fee, "
        f"{fee} * p.margin_rate as monthly_margin{listed} "
        "from snapshots.spine as s cross join snapshots.policy as p inner join snapshots.customer_value as v "
        f"on s.customer_id = v.customer_id and s.snapshot_date = v.snapshot_date {joins} {joined} {where} "
        "order by s.snapshot_date, s.customer_id"
    )


def _counts(warehouse: Warehouse) -> dict[str, int]:
    names = (
        "rows",
        "churners",
        "voluntary",
        "involuntary",
        "lost_otherwise",
        "excluded_in_lead",
        "immature",
        "treated",
    )
    values = warehouse.rows(
        """
        select
            count(l.has_churned),
            count(*) filter (where l.has_churned),
            count(*) filter (where l.has_churned and l.churn_kind = 'voluntary'),
            count(*) filter (where l.has_churned and l.churn_kind = 'involuntary'),
            count(*) filter (where not l.has_churned and l.churned_at is not null),
            count(*) filter (where l.is_mature and l.is_churned_in_lead),
            count(*) filter (where not l.is_mature),
            count(*) filter (where l.has_churned is not null and t.is_treated)
        from snapshots.labels as l
        left join snapshots.treatments as t on l.customer_id = t.customer_id and l.snapshot_date = t.snapshot_date
        """
    )[0]
    return dict(zip(names, map(int, values), strict=True))


def _fingerprint(
    models: Mapping[str, SqlModel], groups: Sequence[str], policy: SnapshotPolicy, frame: pl.DataFrame
) -> str:
    """Hash the SQL, the policy, and the rows in whatever order: the same inputs always give the same text."""
    digest = hashlib.sha256()
    for name in sorted(
        name for name in models if name.startswith("snapshots.") or name in {f"features.{g}" for g in groups}
    ):
        digest.update(f"{name}\n{models[name].sql}\n".encode())
    digest.update(json.dumps(policy.to_dict(), sort_keys=True).encode())
    digest.update(f"{frame.schema}".encode())
    if frame.height:
        rows = frame.hash_rows(seed=0)
        digest.update(str(frame.height).encode())
        digest.update(rows.sort().to_numpy().tobytes())
    return digest.hexdigest()
