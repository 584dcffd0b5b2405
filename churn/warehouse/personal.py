"""Everything the warehouse holds of one customer: found by looking at its tables, handed out, and removed.

A table with a column `customer_id` holds rows about them; rejected rows and examples of failed checks name them in
their text. What is built by adding only new rows stays in step: the counts it is checked by go down by what was removed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from churn.errors import ResourceError
from churn.redaction import Redaction
from churn.warehouse.connection import Warehouse, literal, quoted
from churn.warehouse.facts import parts, rewriting
from churn.warehouse.loading.contracts import TABLES
from churn.warehouse.loading.ledger import next_load_id, note_rewrite
from churn.warehouse.models.incremental import keys_of, source_of
from churn.warehouse.models.sql_models import SqlModel

_REJECTED = "raw.rejected_rows"
_COLUMNS = """
select c.table_schema || '.' || c.table_name, c.column_name, c.data_type
from information_schema.columns as c
join information_schema.tables as t using (table_catalog, table_schema, table_name)
where t.table_type = 'BASE TABLE' and c.table_catalog = current_database()
order by 1, c.ordinal_position
"""
_MINE = "cast(customer_id as varchar) = ?"


def tables_of_customers(warehouse: Warehouse) -> list[str]:
    """Return every table with a column `customer_id`, as schema.table."""
    return [table for table, columns in _tables(warehouse).items() if "customer_id" in columns]


# Rows are free: they come from any table, with whatever columns it has.
def rows_of(warehouse: Warehouse, customer_id: str) -> dict[str, list[dict[str, Any]]]:
    """Return everything held of a customer, by table; tables that hold nothing are left out."""
    by_table: dict[str, list[dict[str, Any]]] = {}
    for table in tables_of_customers(warehouse):
        frame = warehouse.frame(f"select * from {_sql(table)} where {_MINE}", [customer_id])
        if frame.height and not table.startswith("facts."):  # the same rows are shown in raw and staging
            by_table[table] = frame.to_dicts()
    redaction = Redaction(customer_id)
    for table, columns in _texts(warehouse).items():
        frame = warehouse.frame(f"select * from {_sql(table)} where {_naming(columns, redaction)}")
        rows = [row for row in frame.to_dicts() if any(redaction.is_in(str(row[name] or "")) for name in columns)]
        if rows:
            by_table[table] = rows
    return by_table


def holds(warehouse: Warehouse, customer_id: str) -> bool:
    """Say whether anything is held of a customer, looking no further than to the first table that does."""
    sql = "select 1 from {} where " + _MINE + " limit 1"
    if any(warehouse.rows(sql.format(_sql(table)), [customer_id]) for table in tables_of_customers(warehouse)):
        return True
    return bool(rows_of(warehouse, customer_id))


def erase(warehouse: Warehouse, models: Mapping[str, SqlModel], customer_id: str) -> dict[str, int]:
    """Remove every row of a customer in one transaction; return how many by table. See `erase_all`."""
    return erase_all(warehouse, models, [customer_id])[customer_id]


def erase_all(
    warehouse: Warehouse, models: Mapping[str, SqlModel], customers: Sequence[str]
) -> dict[str, dict[str, int]]:
    """Remove every row of some customers in one transaction; return for each how many by table.

    Files of facts that hold a row of one of them are written anew, once for all. Built tables that a key shared with
    another customer could change are marked, so that the next refresh builds them afresh.
    """
    with warehouse.transaction():
        gone = {}
        for customer_id in customers:
            gone[customer_id] = _erase(warehouse, models, customer_id)
            gone[customer_id] |= _erase_texts(warehouse, Redaction(customer_id))
        for name in parts.kept_tables(warehouse):
            if any(f"raw.{name}" in removed or "facts.parts" in removed for removed in gone.values()):
                rewriting.erase(warehouse, TABLES[name], customers)
            for file in rewriting.merged_files(warehouse, TABLES[name]):
                for redaction in (Redaction(customer_id) for customer_id in customers):
                    if redaction.is_in(file):
                        rewriting.rename_file(warehouse, TABLES[name], file, redaction.text(file))
    parts.sweep(warehouse)
    return gone


def _erase(warehouse: Warehouse, models: Mapping[str, SqlModel], customer_id: str) -> dict[str, int]:
    removed: dict[str, int] = {}
    loaded = _removed_by_load(warehouse, models, customer_id)
    shared = _shared_sources(warehouse, models, customer_id)
    views = _fact_views(warehouse)
    tables = tables_of_customers(warehouse)
    for table in sorted(tables, key=lambda name: name not in views):  # what views show is counted before it goes
        if gone := _count(warehouse, f"{_sql(table)} where {_MINE}", customer_id):
            if table not in views:
                warehouse.execute(f"delete from {_sql(table)} where {_MINE}", [customer_id])
            if not table.startswith("facts."):  # what lies there is shown in the views
                removed[table] = gone
    _keep_in_step(warehouse, loaded, removed)
    for source in sorted(shared):
        note_rewrite(warehouse, source, next_load_id(warehouse))
    return removed


def rewrite(warehouse: Warehouse) -> None:
    """Write the database into a new file in place of the old one, whose free blocks still hold what was deleted, and close it.

    Raises ResourceError when the disk has no room for both.
    """
    path = warehouse.path
    if path is None:
        return
    fresh = path.with_name(f".{path.name}.rewriting")
    for left in (fresh, Path(f"{fresh}.wal")):
        left.unlink(missing_ok=True)
    name = warehouse.rows("select current_database()")[0][0]
    try:
        warehouse.execute(f"attach {literal(str(fresh))} as fresh")
        warehouse.execute(f"copy from database {quoted(name)} to fresh")
        warehouse.execute("detach fresh")
        warehouse.connection.close()
        os.replace(fresh, path)  # noqa: PTH105  # in one step, whoever holds the lock
        Path(f"{path}.wal").unlink(missing_ok=True)
    except OSError as error:
        raise ResourceError(f"cannot be rewritten: {error.strerror}", where=str(path), remedy="Make room.") from error
    finally:
        fresh.unlink(missing_ok=True)
        warehouse.close()


def _tables(warehouse: Warehouse) -> dict[str, dict[str, str]]:
    """Return the columns of every table, among them the views over files of facts."""
    tables: dict[str, dict[str, str]] = {}
    for table, column, kind in warehouse.rows(_COLUMNS):
        tables.setdefault(table, {})[column] = kind
    for name in _fact_views(warehouse):
        tables[name] = warehouse.columns(name)
    return tables


def _fact_views(warehouse: Warehouse) -> list[str]:
    names = [f"{schema}.{name}" for name in parts.kept_tables(warehouse) for schema in ("raw", "staging")]
    return [name for name in names if parts.is_view(warehouse, name)]


def _texts(warehouse: Warehouse) -> dict[str, list[str]]:
    """Return the text columns of tables that are not about customers, which may name one nevertheless."""
    texts = {}
    for table, columns in _tables(warehouse).items():
        names = [name for name, kind in columns.items() if kind in {"VARCHAR", "JSON"}]
        if table.startswith("facts."):  # a name that a file was delivered under may tell of somebody, ours does not
            names = [name for name in names if name == "source_file"]
        if "customer_id" not in columns and names:
            texts[table] = names
    return texts


def _sql(table: str) -> str:
    schema, _, name = table.partition(".")
    return f"{quoted(schema)}.{quoted(name)}"


def _count(warehouse: Warehouse, what: str, customer_id: str) -> int:
    return int(warehouse.rows(f"select count(*) from {what}", [customer_id])[0][0])


def _naming(columns: list[str], redaction: Redaction) -> str:
    parts = [f"contains({quoted(name)}, {literal(way)})" for name in columns for way in redaction.ways]
    return " or ".join(parts)


def _removed_by_load(
    warehouse: Warehouse, models: Mapping[str, SqlModel], customer_id: str
) -> dict[str, tuple[int, str]]:
    """Return by built table how many of the rows it was built from go, and the table they are in."""
    if not warehouse.has_table("raw.builds"):
        return {}
    removed = {}
    for name, load_id in warehouse.rows("select model, load_id from raw.builds"):
        source = source_of(models[name], models) if name in models else None
        columns = warehouse.columns(source.table) if source is not None else {}
        if source is None or "customer_id" not in columns:
            continue
        bound = f" and load_id <= {load_id}" if source.built is None and "load_id" in columns else ""
        removed[name] = (_count(warehouse, f"{source.sql} where {_MINE}{bound}", customer_id), source.table)
    return removed


def _keep_in_step(warehouse: Warehouse, loaded: Mapping[str, tuple[int, str]], gone: Mapping[str, int]) -> None:
    for name, (rows, _) in loaded.items():
        warehouse.execute(
            "update raw.builds set raw_rows = raw_rows - ?, built_rows = built_rows - ? where model = ?",
            [rows, gone.get(name, 0), name],
        )


def _shared_sources(warehouse: Warehouse, models: Mapping[str, SqlModel], customer_id: str) -> set[str]:
    """Return the sources where a fact's key is the customer's and somebody else's too: its newest version may change."""
    sources = set()
    for model in models.values():
        source = source_of(model, models)
        if source is None or source.built is not None or not warehouse.has_table(source.table):
            continue
        names = [key.read for key in keys_of(model)]
        if not names or "customer_id" in names or "customer_id" not in warehouse.columns(source.table):
            continue
        listed = ", ".join(quoted(name) for name in names)
        is_shared = warehouse.rows(
            f"select 1 from {source.sql} where cast(customer_id as varchar) is distinct from ? "
            f"and ({listed}) in (select ({listed}) from {source.sql} where {_MINE}) limit 1",
            [customer_id, customer_id],
        )
        if is_shared:
            sources.add(source.table.removeprefix("raw."))
    return sources


def _erase_texts(warehouse: Warehouse, redaction: Redaction) -> dict[str, int]:
    """Remove rejected rows that name the id, which hold their other data too, and take it out of other texts."""
    erased: dict[str, int] = {}
    for table, columns in _texts(warehouse).items():
        if table == _REJECTED:
            rows = warehouse.rows(
                f"select rowid, row_text, reason from {_REJECTED} where {_naming(columns, redaction)}"
            )
            gone = [row[0] for row in rows if any(redaction.is_in(str(text or "")) for text in row[1:])]
            for rowid in gone:
                warehouse.execute(f"delete from {_REJECTED} where rowid = ?", [rowid])
            if gone:
                erased[table] = len(gone)
            continue
        for name in columns:
            column = quoted(name)
            query = f"select distinct {column} from {_sql(table)} where {_naming([name], redaction)}"
            for (text,) in warehouse.rows(query):
                if redaction.is_in(text):
                    values = [redaction.text(text), text]
                    warehouse.execute(f"update {_sql(table)} set {column} = ? where {column} = ?", values)
                    erased[table] = erased.get(table, 0) + 1
    return erased
