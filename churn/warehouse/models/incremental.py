"""Brings a table up to date with only what a load added, where its SQL says how: `Incremental by: KEY`.

Rows that share a key are one fact's versions, or the facts of one sum, so a new row changes only what has its key. That is
taken out, computed anew from all of its rows, and put back: the result is that of the whole SQL, which still runs by
hand. A row without a key is a fact of its own. Anything that did not come about by adding rows (a replaced file, a new column, other SQL) means a full build.

A table that reads a raw one looks at the rows loaded since. A table that reads such a table in turn looks at the same
rows, so its key must follow from the other's: `month of occurred_at` is the month of a column of that key. Where rows
bear a key that the SQL has drawn out, `subscription_id with ' resumed '` names the mark behind which it did.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from churn.warehouse.connection import Warehouse, literal, quoted
from churn.warehouse.facts.parts import count
from churn.warehouse.models.sql_models import SqlModel

_STATE = """
create table if not exists raw.builds (
    model varchar, sql_hash varchar, load_id bigint, raw_rows bigint, built_rows bigint
);
alter table raw.builds add column if not exists full_builds bigint default 1;
"""
_BY_ROW = "row"  # every raw row gives one row, whatever the others are
_DRAWN_OUT = re.compile(r"(?P<key>\w+) with '(?P<mark>[^']+)'")
_BY_PERIOD = re.compile(r"(?P<built>\w+) of (?P<read>\w+)")


@dataclass(frozen=True)
class Key:
    """A column of a fact's key: its name in the built table and in the one read, whose day or month it may be.

    Behind the `mark`, the built table may draw it out.
    """

    built: str
    read: str
    is_period: bool = False
    mark: str = ""

    @property
    def sql(self) -> str:
        """The key of a row `r` of the table read."""
        return f"date_trunc('{self.built}', r.{quoted(self.read)})" if self.is_period else f"r.{quoted(self.read)}"


@dataclass(frozen=True)
class BuildState:
    """What a table was last built from, and how often it was built in full."""

    sql_hash: str
    load_id: int
    raw_rows: int
    built_rows: int
    full_builds: int

    def is_of(self, model: SqlModel) -> bool:
        """Whether a model that reads a raw table was built by the SQL it has now."""
        return self.sql_hash == hashlib.sha256(model.sql.encode()).hexdigest()


@dataclass(frozen=True)
class Source:
    """The one table a model reads: a raw one, or one that is `built` from a raw one in the same way."""

    table: str
    built: SqlModel | None

    @property
    def sql(self) -> str:
        """Its name as an SQL identifier."""
        schema, _, name = self.table.partition(".")
        return f"{quoted(schema)}.{quoted(name)}"


def source_of(model: SqlModel, models: Mapping[str, SqlModel]) -> Source | None:
    """Return the one table that an incremental model reads; None for any other model."""
    if "incremental by" not in model.settings or len(model.depends_on) != 1:
        return None
    (table,) = model.depends_on
    if table.startswith("raw."):
        return Source(table, None)
    built = models.get(table)
    if built is None or not keys_of(model) or not _is_from_raw(built) or not keys_of(built):
        return None
    return Source(table, built)


def refresh(warehouse: Warehouse, model: SqlModel, models: Mapping[str, SqlModel]) -> bool:
    """Bring the table of `model` up to date by what was loaded since; False if it has to be built in full."""
    source = source_of(model, models)
    state = state_of(warehouse, model) if source else None
    if source is None or state is None or state.sql_hash != _hash(warehouse, model, source):
        return False
    if not warehouse.has_table(model.name) or count(warehouse, model.name) != state.built_rows:
        return False  # another writer has changed it
    if source.built is None:
        fresh = _fresh_raw(warehouse, source, state)
    else:
        fresh = _fresh_built(warehouse, source, source.built, state)
    if fresh:
        _apply(warehouse, model, source, fresh)
    return fresh is not None


def note_build(warehouse: Warehouse, model: SqlModel, models: Mapping[str, SqlModel], *, is_full: bool) -> None:
    """Remember what the table of `model` now holds, for the next refresh."""
    source = source_of(model, models)
    loaded = _loaded_through(warehouse, source) if source else None
    if source is None or loaded is None:
        return
    warehouse.execute(_STATE)
    before = state_of(warehouse, model)
    times = (before.full_builds if before else 0) + is_full
    warehouse.execute("delete from raw.builds where model = ?", [model.name])
    warehouse.execute(
        "insert into raw.builds (model, sql_hash, load_id, raw_rows, built_rows, full_builds) values (?, ?, ?, ?, ?, ?)",
        [
            model.name,
            _hash(warehouse, model, source),
            loaded,
            count(warehouse, source.table),
            count(warehouse, model.name),
            times,
        ],
    )


def _fresh_raw(warehouse: Warehouse, source: Source, state: BuildState) -> str | None:
    """Return a select of the raw rows loaded since, empty if there are none; None if adding them is not enough."""
    is_rewritten = rewritten_since(warehouse, source.table.removeprefix("raw."), state.load_id)
    if is_rewritten or _loaded_through(warehouse, source) is None:
        return None
    rows = f"select * from {source.sql} where load_id > {state.load_id}"
    fresh = _count(warehouse, f"({rows})")
    if count(warehouse, source.table) - fresh != state.raw_rows:
        return None  # somebody else has written to it
    return rows if fresh else ""


def rewritten_since(warehouse: Warehouse, source: str, load_id: int) -> bool:
    """Say whether rows of raw.`source` were removed, or its columns changed, after a load."""
    return bool(warehouse.rows("select 1 from raw.rewrites where source = ? and load_id > ?", [source, load_id]))


def _fresh_built(warehouse: Warehouse, source: Source, built: SqlModel, state: BuildState) -> str | None:
    """Return a select of the other table's keys that were loaded since; None and empty as above."""
    other = state_of(warehouse, built)
    if other is None or count(warehouse, source.table) != other.built_rows:
        return None
    if other.load_id == state.load_id:
        return ""
    (raw,) = built.depends_on
    columns = ", ".join(f"r.{quoted(key.read)} as {quoted(key.built)}" for key in keys_of(built))
    return f"select {columns} from {raw} as r where r.load_id > {state.load_id} and r.load_id <= {other.load_id}"


def _apply(warehouse: Warehouse, model: SqlModel, source: Source, fresh: str) -> None:
    keys, target = keys_of(model), _target(model)
    if not keys:
        warehouse.execute(f"create or replace temp table changed_rows as {fresh}")
    else:
        listed = ", ".join(f"{key.sql} as {quoted(key.built)}" for key in keys)
        warehouse.execute(f"create or replace temp table changed_keys as select distinct {listed} from ({fresh}) as r")
        matched = " and ".join(f"{key.sql} = k.{quoted(key.built)}" for key in keys)
        warehouse.execute(
            f"create or replace temp table changed_rows as select r.* from {source.sql} as r "
            f"semi join changed_keys as k on {matched} where {_bounds(warehouse, keys)}"
        )
        if source.built is None:  # rows that bear no key are facts of their own: the new ones are added
            unkeyed = " or ".join(f"{key.sql} is null" for key in keys)
            warehouse.execute(f"insert into changed_rows by name select r.* from ({fresh}) as r where {unkeyed}")
        matched = " and ".join(f"b.{quoted(key.built)} = k.{quoted(key.built)}" for key in keys)
        warehouse.execute(f"delete from {target} as b using changed_keys as k where {matched}")
        for key in keys:
            if key.mark:
                bare = f"split_part(b.{quoted(key.built)}, {literal(key.mark)}, 1)"
                warehouse.execute(
                    f"delete from {target} as b using changed_keys as k where {bare} = k.{quoted(key.built)}"
                    f" and contains(b.{quoted(key.built)}, {literal(key.mark)})"
                )
    sql = re.sub(rf"\b{re.escape(source.table)}\b", "changed_rows", model.sql)
    warehouse.execute(f"insert into {target} by name\n{sql}\n")
    warehouse.execute("drop table if exists changed_keys")
    warehouse.execute("drop table if exists changed_rows")


def _bounds(warehouse: Warehouse, keys: list[Key]) -> str:
    """Say between which instants the changed periods lie, so that blocks of other times are never read."""
    bounds = ["true"]
    for key in keys:
        if key.is_period:
            name = quoted(key.built)
            first, end = warehouse.rows(f"select min({name}), max({name}) + interval 1 {key.built} from changed_keys")[
                0
            ]
            if first is not None:
                bounds.append(f"r.{quoted(key.read)} >= '{first}' and r.{quoted(key.read)} < '{end}'")
    return " and ".join(bounds)


def keys_of(model: SqlModel) -> list[Key]:
    """Return the key that the model's header names; empty where every row read gives one row."""
    parts = [part.strip() for part in model.settings["incremental by"].split(",")]
    if parts == [_BY_ROW]:
        return []
    keys = []
    for part in parts:
        if period := _BY_PERIOD.fullmatch(part):
            keys.append(Key(period["built"], period["read"], is_period=True))
        elif drawn := _DRAWN_OUT.fullmatch(part):
            keys.append(Key(drawn["key"], drawn["key"], mark=drawn["mark"]))
        else:
            names = [name.strip() for name in part.split("=")]
            keys.append(Key(names[0], names[-1]))
    return keys


def _is_from_raw(model: SqlModel) -> bool:
    return "incremental by" in model.settings and [name[:4] for name in model.depends_on] == ["raw."]


def _target(model: SqlModel) -> str:
    return f"{quoted(model.schema)}.{quoted(model.table)}"


def _count(warehouse: Warehouse, relation: str) -> int:
    return int(warehouse.rows(f"select count(*) from {relation}")[0][0])


def _loaded_through(warehouse: Warehouse, source: Source) -> int | None:
    """Return the newest load that the table read holds; None where nobody kept count."""
    if source.built is not None:
        other = state_of(warehouse, source.built)
        return other.load_id if other else None
    if not warehouse.has_table("raw.loads"):
        return None
    newest = warehouse.rows("select max(load_id) from raw.loads where source = ?", [source.table.removeprefix("raw.")])[
        0
    ][0]
    return None if newest is None else int(newest)


def state_of(warehouse: Warehouse, model: SqlModel) -> BuildState | None:
    """Return what was noted when the table of `model` was last built."""
    columns = warehouse.columns("raw.builds")
    if not columns:
        return None
    if "full_builds" not in columns:  # written by an earlier version
        warehouse.execute(_STATE)
    rows = warehouse.rows(
        "select sql_hash, load_id, raw_rows, built_rows, full_builds from raw.builds where model = ?", [model.name]
    )
    return BuildState(*rows[0]) if rows else None


def _hash(warehouse: Warehouse, model: SqlModel, source: Source) -> str:
    """Hash the SQL, and which full build of the table read it was run on."""
    text = model.sql
    if source.built is not None and (other := state_of(warehouse, source.built)) is not None:
        text += f"\n{other.sql_hash} {other.full_builds}"
    return hashlib.sha256(text.encode()).hexdigest()
