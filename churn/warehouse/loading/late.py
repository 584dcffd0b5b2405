"""Marks facts that an earlier load of their source would have told, had they been known: they were not, until after it.

Without `known_at` a fact counts as known when it happened. That is a guess where a source is loaded for the first time,
and wrong where it was loaded since: the source was looked at, told of later facts, and of this one said nothing. Each load
leaves behind what its source told of by then. A row of a later day's load that lies between gets `unknown_until`, the
moment of that look. Older rows than a month are taken for history that is delivered later, and keep their own time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from churn.warehouse.connection import Warehouse, quoted
from churn.warehouse.facts import parts, writing
from churn.warehouse.facts.compacting import kept_columns
from churn.warehouse.facts.parts import PLACE, ROWS_OF_A_PART, Part
from churn.warehouse.loading.contracts import BOOKKEEPING, TABLES, Table
from churn.warehouse.loading.earlier import KEYS

_ENDS: Final = {"subscriptions": ("canceled_at", "ended_at")}  # what else happens to a fact that was told before
_PAUSE: Final = timedelta(days=3)  # what tells of nothing for so long while others go on may have ended there
_LATE: Final = "late_keys"  # temporary
_DAYS: Final = 31  # told later than that, a fact is taken for history


@dataclass(frozen=True)
class Sighting:
    """What a source told of when it was loaded on an earlier day: facts from `first_at` to `last_at`.

    What it did not tell of was not known before `known_after`.
    """

    known_after: datetime
    first_at: datetime
    last_at: datetime


def sighting(warehouse: Warehouse, table: Table, settings_hash: str, now: datetime) -> Sighting | None:
    """Return how the source stood at its newest load before today, read as it is now; loads of one day are one delivery."""
    if table.name not in TABLES or table.occurred_at is None:
        return None
    rows = warehouse.rows(
        "select known_after, first_at, last_at from raw.sightings where source = ? and settings_hash = ?"
        " and cast(seen_at as date) < cast(? as date) and first_at is not null order by seen_at desc limit 1",
        [table.name, settings_hash, now],
    )
    return Sighting(*rows[0]) if rows else None


def note_sightings(warehouse: Warehouse, loaded: Sequence[tuple[Table, str]], now: datetime) -> None:
    """Remember what the sources that were loaded now tell of, each with the hash of its settings."""
    stand = [name for name, table in TABLES.items() if table.occurred_at and warehouse.has_table(f"raw.{name}")]
    filled = warehouse.rows(" union all ".join(f"(select '{name}' from raw.{name} limit 1)" for name in stand))
    spans = dict.fromkeys(stand, (None, None)) | {name: _span(warehouse, TABLES[name], now) for (name,) in filled}
    for table, settings_hash in loaded:
        if table.name not in spans:
            continue
        first, last = spans[table.name]
        newest = max((last for _, last in spans.values() if last is not None), default=now)
        if last is not None and newest - last <= _PAUSE:
            last = newest
        warehouse.execute(
            "delete from raw.sightings where source = ? and (settings_hash <> ? or cast(seen_at as date) = cast(? as date)"
            " or cast(seen_at as date) < (select max(cast(s.seen_at as date)) from raw.sightings as s where s.source = ?"
            " and cast(s.seen_at as date) < cast(? as date)))",
            [table.name, settings_hash, now, table.name, now],
        )
        warehouse.execute(
            "insert into raw.sightings select ?, ?, cast(? as timestamp), least(cast(? as timestamp),"
            " date_trunc('day', cast(? as timestamp)) + interval 1 day), ?, ?",
            [table.name, settings_hash, now, now, newest, first, last],
        )


def mark_late(warehouse: Warehouse, table: Table, seen: Sighting, first_load: int) -> None:
    """Mark the rows of loads from `first_load` on that the source would have told when it was `seen`.

    Rows that share their key cannot be told from those that an earlier load brought: they are left as they are.
    """
    late = _is_late(table, seen, first_load)
    key = [quoted(name) for name in KEYS[table.name]]
    listed = ", ".join(key)
    arrived = f"select * from raw.{quoted(table.name)} where load_id >= {first_load}"
    new = [part for part in parts.parts_of(warehouse, table.name) if part.load_id is not None]
    new = [part for part in new if (part.load_id or 0) >= first_load and not part.is_merged]
    if table.is_kept_in_files:  # of the others no row is looked at
        arrived = parts.relation(warehouse, table, new)
    warehouse.execute(
        f"create or replace temp table {_LATE} as select {listed} from ({arrived}) as r"
        f" where {key[0]} is not null and {late} group by {listed} having count(*) = 1"
    )
    if warehouse.rows(f"select 1 from {_LATE} limit 1"):
        same = " and ".join(f"l.{name} is not distinct from r.{name}" for name in key)
        condition = f"{late} and exists (select 1 from {_LATE} as l where {same})"
        if table.is_kept_in_files:
            touched = warehouse.rows(
                f"select distinct {PLACE} // {ROWS_OF_A_PART} from ({arrived}) as r where {condition}"
            )
            for part in new:
                if (part.part_id,) in touched:
                    _mark_part(warehouse, table, part, condition, seen)
            parts.show(warehouse, table)
        else:
            warehouse.execute(
                f"update raw.{quoted(table.name)} as r set unknown_until = ? where load_id >= ? and {condition}",
                [seen.known_after, first_load],
            )
    warehouse.execute(f"drop table {_LATE}")


def _span(warehouse: Warehouse, table: Table, now: datetime) -> tuple[datetime | None, datetime | None]:
    """Return between which times a table tells of facts that have happened."""
    first, last = parts.times_of(warehouse, table.name)
    if first is not None and last is not None and last <= now:
        return first, last
    times = [quoted(name) for name in (table.occurred_at or "", *_ENDS.get(table.name, ()))]
    newest = ", ".join(f"max({time}) filter (where {time} <= ?)" for time in times)
    rows = warehouse.rows(
        f"select min({times[0]}) filter (where isfinite({times[0]})), greatest({newest}) from raw.{quoted(table.name)}",
        [now] * len(times),
    )
    return rows[0][0], rows[0][1]


def _is_late(table: Table, seen: Sighting, first_load: int) -> str:
    """Return the condition of a row `r` that would have been told; an end would, of whatever was told before."""
    until = f"timestamp '{seen.last_at}'"
    start = f"greatest(timestamp '{seen.first_at}', {until} - interval {_DAYS} day)"
    late = f"r.{quoted(table.occurred_at or '')} between {start} and {until}"
    if ends := _ENDS.get(table.name):
        (key,) = KEYS[table.name]
        is_told = f"o.{quoted(key)} = r.{quoted(key)} and o.load_id < {first_load}"
        ended = " or ".join(f"r.{quoted(name)} <= {until}" for name in ends)
        late += f" or (({ended}) and exists (select 1 from raw.{quoted(table.name)} as o where {is_told}))"
    return f"r.known_at is null and ({late})"


def _mark_part(warehouse: Warehouse, table: Table, part: Part, condition: str, seen: Sighting) -> None:
    """Write a part anew with the mark."""
    have = {stored.name.lower() for stored in part.columns}
    kinds = parts.columns_of(warehouse, table)
    columns = [(name, kind) for name, kind in kinds.items() if name not in BOOKKEEPING and name.lower() in have]
    columns += [(name, BOOKKEEPING[name]) for name in kept_columns(part) if name != "unknown_until"]
    listed = ", ".join(quoted(name) for name, _ in columns)
    marked = f"if({condition}, timestamp '{seen.known_after}', unknown_until) as unknown_until"
    rows = f"select {listed}, {marked}, row_number from ({parts.relation(warehouse, table, [part])}) as r"
    columns.append(("unknown_until", BOOKKEEPING["unknown_until"]))
    written = writing.write(warehouse, table, rows, columns, keeps_order=True)
    warehouse.execute("delete from facts.parts where part_id = ?", [part.part_id])
    parts.add(warehouse, table, replace(part, path=written.path, is_copy=False, columns=written.columns))
