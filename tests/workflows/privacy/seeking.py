"""Looks for an id everywhere under a home, knowing nothing of how the product erases: tables, files, raw bytes."""

from __future__ import annotations

import gzip
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path

import duckdb
import polars as pl


def places_naming(home: Path, customer_id: str) -> list[str]:
    """Return every table, file and database file under `home` that names the id; delivered files are not looked at."""
    found = _in_warehouse(home / "warehouse.duckdb", customer_id) + _in_store(home / "store.sqlite", customer_id)
    for path in sorted(home.rglob("*")):
        if path.is_file() and not path.is_relative_to(home / "data") and _is_in_file(path, customer_id):
            found.append(str(path.relative_to(home)))
    return found


def _in_warehouse(path: Path, customer_id: str) -> list[str]:
    with closing(duckdb.connect(str(path), read_only=True)) as connection:
        tables = connection.execute("select schema_name, table_name from duckdb_tables()").fetchall()
        return [
            f"warehouse {schema}.{table}"
            for schema, table in tables
            if connection.execute(
                f'select count(*) from "{schema}"."{table}" as t where contains(cast(t as varchar), ?)', [customer_id]
            ).fetchall()[0][0]
        ]


def _in_store(path: Path, customer_id: str) -> list[str]:
    found = []
    with closing(sqlite3.connect(path)) as connection:
        tables = connection.execute("select name from sqlite_master where type = 'table'").fetchall()
        for (table,) in tables:
            columns = [row[1] for row in connection.execute(f'pragma table_info("{table}")')]
            named = " or ".join(f'instr(cast("{column}" as text), ?) > 0' for column in columns)
            if connection.execute(
                f'select 1 from "{table}" where {named} limit 1', [customer_id] * len(columns)
            ).fetchall():
                found.append(f"store {table}")
    return found


def _is_in_file(path: Path, customer_id: str) -> bool:
    content = path.read_bytes()
    if customer_id.encode() in content:
        return True
    if path.suffix == ".gz":
        return customer_id.encode() in gzip.decompress(content)
    if path.suffix == ".xlsx":
        with zipfile.ZipFile(path) as file:
            return any(customer_id.encode() in file.read(name) for name in file.namelist())
    if path.suffix == ".parquet":
        frame = pl.read_parquet(path)
        texts = frame.select(pl.selectors.string())
        return any(texts[name].str.contains(customer_id, literal=True).any() for name in texts.columns)
    return False
