"""Turns columns that only the company's own sources have into what features read: each value from when it was known.

A column is known as of any date where its rows bear `known_at`. Without, nobody can say what it held before the first
load, so its values count from then on only, or from the beginning where the source declares that it never changes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from churn.documents.own_columns import ColumnUse, OwnColumn
from churn.errors import ConfigError
from churn.snapshots.columns import RESERVED, quoted
from churn.warehouse import SqlModel, Warehouse
from churn.warehouse.connection import literal
from churn.warehouse.loading.contracts import BOOKKEEPING, TABLES

_OF_STAGING = frozenset(
    {"occurred_at", "available_at", "superseded_at", "fact_version", "known_at", "event_type", "is_announced"}
)
FLAT = "customer_snapshots"
_FEW = 50  # values of a text: with more, and most rows having their own, it is an id or a name
_OWN_SHARE = 0.5
_AT_ONCE = 8  # columns whose values are counted in one pass
_LEAST_NUMBERED = 100  # whole numbers that never repeat over so many rows are ids
_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")


@dataclass(frozen=True)
class _OwnTable:
    """A table whose own columns count: the staged table with its versions, its key, and where its columns end up."""

    name: str
    staged: str
    key: str
    group: str
    condition: str = "true"

    @property
    def versions(self) -> str:
        """The table of values from when they were known; `_static` is added for those that never change."""
        return f"snapshots.{self.group}"


SOURCES = (
    _OwnTable("customers", "staging.customers", "customer_id", "customer_columns"),
    _OwnTable(
        "subscriptions",
        "staging.subscription_events",
        "subscription_id",
        "subscription_columns",
        "event_type = 'started'",
    ),
    _OwnTable("support_tickets", "staging.support_tickets", "ticket_id", "ticket_columns"),
)
GROUPS = frozenset(f"features.{source.group}" for source in SOURCES)


def own_columns(
    warehouse: Warehouse,
    models: Mapping[str, SqlModel],
    static: Sequence[str],
    dates: Sequence[date] = (),
    wanted: Collection[str] = (),
) -> tuple[OwnColumn, ...]:
    """Return every column of one's own and what becomes of it in snapshots of `dates`; without dates, as of today.

    `static` names columns that never change, as source.column; `wanted` are features that a model was trained on.
    Raises ConfigError for a static column that no source has.
    """
    shipped = [model for name, model in models.items() if name.startswith("features.") and name not in GROUPS]
    taken = {doc.name.lower() for model in shipped for doc in model.columns}
    taken |= {name.lower() for name in warehouse.columns("staging.customer_snapshots")} | RESERVED
    _refuse_other_tables(static)
    columns: list[OwnColumn] = []
    for source in SOURCES:
        kinds = _kinds(warehouse, source)
        declared = {name.split(".", 1)[1].lower() for name in static if name.startswith(f"{source.name}.")}
        _refuse_unknown(warehouse, source, declared, kinds)
        if not kinds:
            continue
        since, is_dated = _history(warehouse, source)
        counts = _counts(warehouse, source, kinds)
        for name, kind in kinds.items():
            feature = name if name.lower() not in taken else f"{source.name}_{name}"
            taken.add(feature.lower())
            is_wanted = _is_among(source, feature, wanted)
            use = None if is_wanted else _unusable(source, kind, *counts[name])
            if use is None:
                use = _use(name, declared, since, dates, is_dated=is_dated)
            if is_wanted and use == "as_of_today":
                use = "versions"
            known_since = since.date() if since is not None and use in {"as_of_today", "versions"} else None
            columns.append(
                OwnColumn(source=source.name, column=name, feature=feature, use=use, known_since=known_since)
            )
    return (*columns, *counting_rows(warehouse, f"staging.{FLAT}"))


def counting_rows(warehouse: Warehouse, table: str) -> Iterator[OwnColumn]:
    """Yield columns of the flat `table` that count its rows, 1, 2, 3: of a file in order of churn they would be a leak."""
    known = {name.lower() for name in TABLES[FLAT].types} | set(BOOKKEEPING)
    kinds = warehouse.columns(table)
    whole = [name for name, kind in kinds.items() if kind in _NUMBERS and name.lower() not in known]
    for name in whole:
        column = quoted(name)
        ((first, last, filled),) = warehouse.rows(f"select min({column}), max({column}), count({column}) from {table}")
        if filled < _LEAST_NUMBERED or last - first + 1 != filled:
            continue
        ((different,),) = warehouse.rows(f"select count(distinct {column}) from {table}")
        if different == filled:
            yield OwnColumn(source=FLAT, column=name, feature=name, use="row_number")


def write_own_columns(warehouse: Warehouse, columns: Sequence[OwnColumn]) -> frozenset[str]:
    """Write the tables that the feature files of `GROUPS` read, and return those of them that have anything to read."""
    written = set()
    for source in SOURCES:
        used = [column for column in columns if column.source == source.name and column.is_used]
        if not used:
            continue
        written.add(f"features.{source.group}")
        changing = [column for column in used if column.use != "static"]
        constant = [column for column in used if column.use == "static"]
        if source.name == "support_tickets":
            _write_tickets(warehouse, source, changing, constant)
        else:
            warehouse.execute(_versions(warehouse, source, source.versions, changing, is_bounded=True))
            warehouse.execute(_versions(warehouse, source, f"{source.versions}_static", constant, is_bounded=False))
    return frozenset(written)


def _kinds(warehouse: Warehouse, source: _OwnTable) -> dict[str, str]:
    known = {name.lower() for name in TABLES[source.name].types} | _OF_STAGING | set(BOOKKEEPING)
    columns = warehouse.columns(source.staged)
    return {name: kind for name, kind in columns.items() if name.lower() not in known}


def _refuse_other_tables(static: Sequence[str]) -> None:
    names = [source.name for source in SOURCES]
    for name in static:
        table, _, column = name.partition(".")
        if table not in names:
            raise ConfigError(
                f"`{column}` is named, but models learn from columns of {', '.join(names)} alone",
                where=f"[sources.{table}] static",
                remedy="Leave it out; columns of other tables are for SQL files of your own.",
            )


def _refuse_unknown(warehouse: Warehouse, source: _OwnTable, declared: set[str], kinds: Mapping[str, str]) -> None:
    unknown = sorted(declared - {name.lower() for name in kinds})
    # A source that has not been loaded yet has no columns to name.
    is_loaded = warehouse.has_table(source.staged) and warehouse.rows(f"select 1 from {source.staged} limit 1")
    if unknown and is_loaded:
        raise ConfigError(
            f"`{unknown[0]}` is no column of one's own",
            where=f"[sources.{source.name}] static",
            remedy=f"There are: {', '.join(kinds)}." if kinds else "It has none: leave `static` out.",
        )


def _history(warehouse: Warehouse, source: _OwnTable) -> tuple[datetime | None, bool]:
    """Return when the source was loaded first, None where nobody noted it, and whether every row says when it was known."""
    if not warehouse.has_table(f"raw.{source.name}"):
        return None, True
    first, is_dated = warehouse.rows(f"select min(loaded_at), bool_and(known_at is not null) from raw.{source.name}")[0]
    return first, bool(is_dated)


def _counts(warehouse: Warehouse, source: _OwnTable, kinds: Mapping[str, str]) -> dict[str, tuple[int, int]]:
    """Return by column how many rows have a value, and how many values there are."""
    counts: dict[str, tuple[int, int]] = {}
    names = list(kinds)
    for first in range(0, len(names), _AT_ONCE):  # values of many columns at once would not fit a small machine
        some = names[first : first + _AT_ONCE]
        listed = ", ".join(f"count({quoted(name)}), count(distinct {quoted(name)})" for name in some)
        (row,) = warehouse.rows(
            f"select {listed} from {source.staged} where {source.condition} and superseded_at is null"
        )
        counts |= {name: (int(row[2 * n]), int(row[2 * n + 1])) for n, name in enumerate(some)}
    return counts


def _unusable(source: _OwnTable, kind: str, filled: int, values: int) -> ColumnUse | None:
    is_text = kind == "VARCHAR" or kind.startswith("ENUM")
    if is_text and values > _FEW:
        if values > _OWN_SHARE * filled:
            return "identifier"
        return "many_values" if source.name == "support_tickets" else None
    if kind in _NUMBERS and filled >= _LEAST_NUMBERED and values == filled:
        return "identifier"
    if is_text or kind in _NUMBERS or kind in {"DOUBLE", "FLOAT", "BOOLEAN"} or kind.startswith("DECIMAL"):
        return None
    is_date = kind.startswith(("DATE", "TIMESTAMP")) and source.name != "support_tickets"
    return None if is_date else "kind"


def _use(name: str, static: set[str], since: datetime | None, dates: Sequence[date], *, is_dated: bool) -> ColumnUse:
    if name.lower() in static:
        return "static"
    if is_dated or since is None:
        return "known_at"
    days = sorted(dates)
    # Learnt from only half of the dates on, a column would rather tell old rows from new ones.
    return "versions" if days and since.date() < days[len(days) // 2] else "as_of_today"


def _is_among(source: _OwnTable, feature: str, wanted: Collection[str]) -> bool:
    """Say whether a model was trained on the column: under its own name, or as entries of the maps of tickets."""
    if source.name != "support_tickets":
        return feature in wanted
    entries = (f"ticket_mean.{feature}", f"ticket_newest.{feature}")
    return any(name in entries or name.startswith(f"ticket_part.{feature} ") for name in wanted)


def _told(warehouse: Warehouse, source: _OwnTable) -> str:
    """Return SQL of when each key's values were told first: a row without known_at, by the load that brought it."""
    if not warehouse.has_table(f"raw.{source.name}"):
        return f"select null::varchar as {source.key}, null::timestamp as told_at where false"
    return (
        f"select {source.key}, if(bool_and(known_at is not null), min(known_at), min(loaded_at)) as told_at "
        f"from raw.{source.name} group by {source.key}"
    )


def _versions(
    warehouse: Warehouse, source: _OwnTable, table: str, columns: Sequence[OwnColumn], *, is_bounded: bool
) -> str:
    listed = "".join(f", v.{quoted(column.column)} as {quoted(column.feature)}" for column in columns)
    bound = ", t.told_at" if is_bounded else ""
    # A subscription whose end was taken back goes on under another name.
    key = "split_part(v.subscription_id, ' resumed ', 1)" if source.key == "subscription_id" else f"v.{source.key}"
    plus = "v.customer_id, v.subscription_id" if source.key == "subscription_id" else "v.customer_id"
    return (
        f"create or replace table {table} as select {plus}, "
        f"greatest(v.occurred_at, v.available_at{bound}) as known_from, v.superseded_at as known_until{listed} "
        f"from {source.staged} as v left join ({_told(warehouse, source)}) as t on {key} = t.{source.key} "
        f"where {source.condition}"
    )


def _write_tickets(
    warehouse: Warehouse, source: _OwnTable, changing: Sequence[OwnColumn], constant: Sequence[OwnColumn]
) -> None:
    """Write one row per ticket, version and column of one's own: a number, or the text of a category."""
    kinds = warehouse.columns(source.staged)
    parts = []
    for column in [*changing, *constant]:
        value, bound = quoted(column.column), "" if column in constant else ", t.told_at"
        is_text = kinds[column.column] == "VARCHAR" or kinds[column.column].startswith("ENUM")
        number = "null::double" if is_text else f"try_cast(v.{value} as double)"
        text = f"nullif(trim(v.{value}), '')" if is_text else "null::varchar"
        parts.append(
            f"select v.customer_id, v.ticket_id, v.occurred_at, greatest(v.occurred_at, v.available_at{bound}) as known_from, "
            f"v.superseded_at as known_until, {literal(column.feature)} as name, {number} as number, {text} as text "
            f"from {source.staged} as v left join told as t on v.ticket_id = t.ticket_id where v.{value} is not null"
        )
    first = _told(warehouse, source)
    warehouse.execute(
        f"create or replace table {source.versions} as with told as ({first}) {' union all '.join(parts)}"
    )
