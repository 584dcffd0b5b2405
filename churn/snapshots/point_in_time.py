"""Tries whether features know what was not known at their date: facts are added that must not count, and nothing may change.

In a scratch copy of a sample of customers, later loads tell of facts of the future, of facts that are told late, and of
later versions of facts. A feature that changes for the date before all of that reads what it must not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from churn.config import ResourceSettings
from churn.errors import FutureLeak
from churn.resources import bundled
from churn.snapshots.dataset import build_snapshots
from churn.snapshots.dates import data_cutoff
from churn.snapshots.guards import check_time
from churn.snapshots.policy import SnapshotPolicy
from churn.warehouse import SqlModel, Warehouse, open_warehouse
from churn.warehouse.connection import literal, quoted
from churn.warehouse.facts.parts import is_view
from churn.warehouse.loading import ledger
from churn.warehouse.loading.contracts import BOOKKEEPING, TABLES
from churn.warehouse.models.build import build
from churn.warehouse.models.sql_models import needed_for

if TYPE_CHECKING:
    import polars as pl

CUSTOMERS: Final = 200  # of a sample
_ROWS: Final = 5_000  # told anew in each table
_IDS: Final = {
    "payments": "payment_id",
    "support_tickets": "ticket_id",
    "subscriptions": "subscription_id",
    "events": "event_id",
}
_ENDS: Final = ("canceled_at", "ended_at", "closed_at")
KINDS: Final = ("facts of the future", "facts that are told late", "later versions of facts")
_REMEDY: Final = (
    "Join facts on `f.occurred_at < s.snapshot_date and f.available_at < s.snapshot_date"
    " and coalesce(f.superseded_at >= s.snapshot_date, true)`."
)

# What a later version says otherwise, by the type of the column.
_OTHERWISE: Final = {
    **dict.fromkeys(("DOUBLE", "BIGINT", "FLOAT"), "coalesce({0}, 0) * 2 + 1"),
    "BOOLEAN": "not coalesce({0}, false)",
    "DATE": "{0} - interval 1000 day",
}

Cells = dict[str, tuple[object, ...]]  # by customer, the values of a feature table's columns


@dataclass(frozen=True)
class Leak:
    """A feature's column that changed though nothing was known yet: by which facts, for how many customers, an example."""

    file: Path
    feature: str
    column: str
    kinds: tuple[str, ...]
    customers: int
    example: str
    remedy: str


def own_features(models: Mapping[str, SqlModel]) -> list[str]:
    """Return the features that a user's files have a part in: their own, and those that read a table of theirs."""
    shipped = bundled("sql")
    return [
        name
        for name in sorted(models)
        if name.startswith("features.")
        and any(not models[needed].path.is_relative_to(shipped) for needed in needed_for(models, [name]))
    ]


def find_leaks(
    warehouse: Warehouse, models: Mapping[str, SqlModel], policy: SnapshotPolicy, day: date, features: Sequence[str]
) -> list[Leak]:
    """Return the columns of `features` that know of `day` what was not known then, tried on a sample of its customers.

    The warehouse is only read. Raises ConfigError for SQL that does not run, ContractBroken for a feature table that
    has other rows than the spine.
    """
    unaware = [leak for name in features for leak in _never_asks(models[name])]
    tried = [name for name in features if name not in {leak.feature for leak in unaware}]
    if not tried:
        return unaware
    needed = needed_for(models, tried)
    chosen = {name: model for name, model in models.items() if model.schema != "features" or name in needed}
    sample, cutoff = _sample(warehouse), data_cutoff(warehouse)
    before = _built(sample, chosen, policy, day, tried, cutoff=cutoff, kind=None)
    changes: dict[tuple[str, str], list[tuple[str, int, str]]] = {}
    for kind in KINDS:
        after = _built(sample, chosen, policy, day, tried, cutoff=cutoff, kind=kind)
        for name in tried:
            for column, customers, example in _differences(before[name], after[name]):
                changes.setdefault((name, column), []).append((kind, customers, example))
    leaks = [
        Leak(
            file=models[name].path,
            feature=name,
            column=column,
            kinds=tuple(kind for kind, _, _ in by_kind),
            customers=max(customers for _, customers, _ in by_kind),
            example=by_kind[0][2],
            remedy=_remedy(models[name]),
        )
        for (name, column), by_kind in changes.items()
    ]
    return [*unaware, *leaks]


def _never_asks(model: SqlModel) -> Iterator[Leak]:
    try:
        check_time({model.name: model})
    except FutureLeak as error:
        yield Leak(model.path, model.name, "every column", KINDS, 0, error.what, _remedy(model))


def _remedy(model: SqlModel) -> str:
    raw = sorted(table for table in model.depends_on if table.startswith("raw."))
    if not raw:
        return _REMEDY
    return f"It reads {', '.join(raw)}, which holds every version ever told: read staging instead. {_REMEDY}"


def _built(
    sample: Mapping[str, pl.DataFrame],
    models: Mapping[str, SqlModel],
    policy: SnapshotPolicy,
    day: date,
    features: Sequence[str],
    *,
    cutoff: datetime,
    kind: str | None,
) -> dict[str, tuple[tuple[str, ...], Cells]]:
    """Return the columns and values of each feature for `day` in a scratch copy to which facts of a kind were added."""
    with _scratch(sample) as scratch:
        if kind is not None:
            for table in _raw_tables(scratch):
                _tell(scratch, table, kind, day)
        build(scratch, models, schemas=["staging", "totals"])
        build_snapshots(scratch, models, policy, [day], data_cutoff=cutoff)
        return {name: _cells(scratch, name) for name in features if scratch.has_table(name)} | {
            name: ((), {}) for name in features if not scratch.has_table(name)
        }


def _sample(warehouse: Warehouse) -> dict[str, pl.DataFrame]:
    """Return the rows of some customers in every raw table; of a table without a customer its first ones."""
    everybody = " union ".join(
        f"select distinct customer_id from raw.{name}"
        for name in ("customers", "subscriptions", "sessions", "events", "customer_snapshots")
    )
    chosen = warehouse.rows(f"select customer_id from ({everybody}) order by hash(customer_id) limit {CUSTOMERS}")
    listed = ", ".join(literal(str(customer)) for (customer,) in chosen) or "null"
    frames = {}
    for table in _raw_tables(warehouse):
        has_customer = "customer_id" in warehouse.columns(f"raw.{table}")
        condition = f"where customer_id in ({listed})" if has_customer else f"limit {_ROWS * 20}"
        frames[table] = warehouse.frame(f"select * from raw.{quoted(table)} {condition}")
    return frames


@contextmanager
def _scratch(sample: Mapping[str, pl.DataFrame]) -> Iterator[Warehouse]:
    """Give a database in memory that holds the sample."""
    with open_warehouse(None, holder="churn check", resources=ResourceSettings()) as scratch:
        ledger.prepare(scratch)
        for table, frame in sample.items():
            for schema in ("raw", "facts"):  # views over files, to which no row can be added here
                if is_view(scratch, f"{schema}.{table}"):
                    scratch.execute(f"drop view {schema}.{quoted(table)}")
            scratch.write(f"raw.{table}", frame)
        yield scratch


def _raw_tables(warehouse: Warehouse) -> list[str]:
    ledgers = {"loads", "rejected_rows", "rewrites", "overlaps", "date_forms", "sightings"}
    rows = warehouse.rows(
        "select table_name from information_schema.tables where table_schema = 'raw' order by table_name"
    )
    return [
        str(name)
        for (name,) in rows
        if name not in ledgers and BOOKKEEPING.keys() <= warehouse.columns(f"raw.{name}").keys()
    ]


def _tell(scratch: Warehouse, table: str, kind: str, day: date) -> None:
    """Add rows of a later load to a raw table: copies of some, told as `kind` says."""
    columns = scratch.columns(f"raw.{table}")
    occurred = TABLES[table].occurred_at if table in TABLES else None
    start = f"timestamp '{day:%Y-%m-%d} 00:00:00'"
    # Some are told at the very instant of the date, which does not count any more.
    later = (
        f"({start} + to_hours(cast(case when row_number % 8 = 0 then 0 else hash(row_number) % 2000 end as bigint)))"
    )
    replaced = {
        "load_id": "(select max(o.load_id) + 1000 from raw." + quoted(table) + " as o)",
        "loaded_at": f"{start} + interval 100 day",
        "source_file": "'told later'",
        **({"known_at": later} if "known_at" in columns else {}),
    }
    key = _IDS.get(table)
    condition = "true"
    if kind == KINDS[2]:
        replaced |= _changed(scratch, table, columns, start)
    else:
        if key is not None:
            replaced[key] = f"{quoted(key)} || ' (told later)'"
        if kind == KINDS[0] and table == "customer_snapshots":
            replaced["snapshot_date"] = f"cast({start} + interval 30 day as date)"
            condition = "snapshot_date is not null"
        elif occurred is None or table == "customers":
            return  # what has no date of its own has no future, and a customer is told of once
        elif kind == KINDS[0]:
            replaced |= {name: "null" for name in _ENDS if name in columns}
            replaced[occurred] = later
        else:
            replaced[occurred] = f"{quoted(occurred)} - interval 61 second"  # another fact, not a version of this one
    made = ", ".join(f"cast({sql} as {columns[name]}) as {quoted(name)}" for name, sql in replaced.items())
    scratch.execute(
        f"insert into raw.{quoted(table)} by name select * replace ({made}) from raw.{quoted(table)}"
        f" where {condition} order by hash(row_number, source_file) limit {_ROWS}"
    )


def _changed(scratch: Warehouse, table: str, columns: Mapping[str, str], start: str) -> dict[str, str]:
    """Return what a later version says otherwise: other numbers, other words of the same column, an end in the past."""
    kept = {"customer_id", "snapshot_date", *BOOKKEEPING, *_IDS.values()}
    if table == "customer_snapshots":
        return {}  # a row of a date is told once
    if table == "contacts":  # all of their columns are their key
        kept |= {"campaign", "channel"}
    changed = {}
    for name, kind in columns.items():
        value = quoted(name)
        if name in kept:
            continue
        if name in _ENDS:
            changed[name] = f"{start} - interval 10 day"
        elif kind == "VARCHAR":
            changed |= _other_word(scratch, table, name)
        elif kind in _OTHERWISE:
            changed[name] = _OTHERWISE[kind].format(value)
    return changed


def _other_word(scratch: Warehouse, table: str, name: str) -> dict[str, str]:
    value = quoted(name)
    lowest, highest = scratch.rows(f"select min({value}), max({value}) from raw.{quoted(table)}")[0]
    if lowest is None:
        return {}
    first, last = literal(str(lowest)), literal(str(highest))
    return {name: f"case when {value} = {first} then {last} else {first} end"}


def _cells(scratch: Warehouse, name: str) -> tuple[tuple[str, ...], Cells]:
    columns = tuple(column for column in scratch.columns(name) if column not in {"customer_id", "snapshot_date"})
    listed = ", ".join(map(quoted, columns))
    schema, table = name.split(".", 1)
    rows = scratch.rows(f"select customer_id, {listed} from {quoted(schema)}.{quoted(table)} order by customer_id")
    return columns, {str(row[0]): tuple(map(_plain, row[1:])) for row in rows}


def _plain(value: object) -> object:
    return tuple(sorted(value.items())) if isinstance(value, dict) else value  # a map's entries come in any order


def _differences(
    before: tuple[tuple[str, ...], Cells], after: tuple[tuple[str, ...], Cells]
) -> Iterator[tuple[str, int, str]]:
    """Yield the columns that changed, for how many customers, and one of the changes."""
    columns, cells = before
    after_columns, after_cells = after
    for position, column in enumerate(columns):
        if column not in after_columns:
            continue
        place = after_columns.index(column)
        changed = [
            (customer, values[position], after_cells[customer][place])
            for customer, values in cells.items()
            if customer in after_cells and repr(values[position]) != repr(after_cells[customer][place])
        ]
        if changed:
            customer, was, became = changed[0]
            yield column, len(changed), f"{was} becomes {became} for customer {customer}"
