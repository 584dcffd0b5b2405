"""Brings a staging table up to date with only what a load added, where its SQL says how: `Incremental by: KEY`.

Rows of the raw table that share a key are one fact's versions, so a new row changes only the facts of its key. Those are
taken out, computed anew from all of their rows, and put back: the result is that of the whole SQL, which still runs by
hand. Anything that did not come about by adding rows (a replaced file, a new column, other SQL) means a full build.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from churn.warehouse.connection import Warehouse, quoted
from churn.warehouse.sql_models import SqlModel

_STATE = """
create table if not exists raw.builds (
    model varchar, sql_hash varchar, load_id bigint, raw_rows bigint, built_rows bigint
)
"""
_BY_ROW = "row"  # every raw row gives one row, whatever the others are


@dataclass(frozen=True)
class Key:
    """A column of a fact's key: its name in the built table and in the raw one."""

    built: str
    raw: str


@dataclass(frozen=True)
class State:
    """What a table was last built from."""

    sql_hash: str
    load_id: int
    raw_rows: int
    built_rows: int


def source_of(model: SqlModel) -> str | None:
    """Return the one raw table an incremental model reads; None for any other model."""
    if "incremental by" not in model.settings or len(model.depends_on) != 1:
        return None
    schema, _, table = next(iter(model.depends_on)).partition(".")
    return table if schema == "raw" else None


def refresh(warehouse: Warehouse, model: SqlModel) -> bool:
    """Bring the table of `model` up to date by what was loaded since; False if it has to be built in full."""
    source = source_of(model)
    state = _state(warehouse, model) if source else None
    if source is None or state is None or state.sql_hash != _hash(model):
        return False
    target = f"{quoted(model.schema)}.{quoted(model.table)}"
    loaded = _loaded_through(warehouse, source)
    is_rewritten = warehouse.rows(
        "select 1 from raw.rewrites where source = ? and load_id > ?", [source, state.load_id]
    )
    if loaded is None or is_rewritten or not warehouse.has_table(model.name):
        return False
    fresh = warehouse.rows(f"select count(*) from raw.{quoted(source)} where load_id > {state.load_id}")[0][0]
    total = warehouse.rows(f"select count(*) from raw.{quoted(source)}")[0][0]
    built = warehouse.rows(f"select count(*) from {target}")[0][0]
    if total - fresh != state.raw_rows or built != state.built_rows:
        return False  # somebody else has written to one of the two
    if fresh:
        _apply(warehouse, model, source, target, state.load_id)
    return True


def note_build(warehouse: Warehouse, model: SqlModel) -> None:
    """Remember what the table of `model` now holds, for the next refresh."""
    source = source_of(model)
    loaded = _loaded_through(warehouse, source) if source else None
    if source is None or loaded is None:
        return
    warehouse.execute(_STATE)
    warehouse.execute("delete from raw.builds where model = ?", [model.name])
    warehouse.execute(
        f"insert into raw.builds select ?, ?, ?, (select count(*) from raw.{quoted(source)}),"
        f" (select count(*) from {quoted(model.schema)}.{quoted(model.table)})",
        [model.name, _hash(model), loaded],
    )


def _apply(warehouse: Warehouse, model: SqlModel, source: str, target: str, since: int) -> None:
    raw = f"raw.{quoted(source)}"
    keys = _keys(model)
    if not keys:
        warehouse.execute(f"create or replace temp table changed_rows as select * from {raw} where load_id > {since}")
    else:
        listed = ", ".join(quoted(key.raw) for key in keys)
        warehouse.execute(
            f"create or replace temp table changed_keys as select distinct {listed} from {raw} where load_id > {since}"
        )
        matched = " and ".join(f"r.{quoted(key.raw)} = k.{quoted(key.raw)}" for key in keys)
        warehouse.execute(
            f"create or replace temp table changed_rows as select r.* from {raw} as r semi join changed_keys as k on {matched}"
        )
        matched = " and ".join(f"b.{quoted(key.built)} = k.{quoted(key.raw)}" for key in keys)
        warehouse.execute(f"delete from {target} as b using changed_keys as k where {matched}")
    sql = re.sub(rf"\braw\.{re.escape(source)}\b", "changed_rows", model.sql)
    warehouse.execute(f"insert into {target} by name\n{sql}\n")
    warehouse.execute("drop table if exists changed_keys")
    warehouse.execute("drop table if exists changed_rows")


def _keys(model: SqlModel) -> list[Key]:
    parts = [part.strip() for part in model.settings["incremental by"].split(",")]
    if parts == [_BY_ROW]:
        return []
    pairs = [[name.strip() for name in part.split("=")] for part in parts]
    return [Key(pair[0], pair[-1]) for pair in pairs]


def _loaded_through(warehouse: Warehouse, source: str) -> int | None:
    if not warehouse.has_table("raw.loads"):
        return None
    found = warehouse.rows("select max(load_id) from raw.loads where source = ?", [source])[0][0]
    return None if found is None else int(found)


def _state(warehouse: Warehouse, model: SqlModel) -> State | None:
    if not warehouse.has_table("raw.builds"):
        return None
    found = warehouse.rows(
        "select sql_hash, load_id, raw_rows, built_rows from raw.builds where model = ?", [model.name]
    )
    return State(*found[0]) if found else None


def _hash(model: SqlModel) -> str:
    return hashlib.sha256(model.sql.encode()).hexdigest()
