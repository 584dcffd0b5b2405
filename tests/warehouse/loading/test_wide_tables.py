"""A table of hundreds of columns of text loads in seconds, within the memory of a small machine."""

from __future__ import annotations

import hashlib
from pathlib import Path

import polars as pl

from churn.config import ResourceSettings, SourceSettings
from churn.warehouse import open_warehouse
from churn.warehouse.loading.erased import Erased
from churn.warehouse.loading.ingest import ingest
from tests.warehouse.models.quality import TODAY

WIDTH, ROWS = 300, 500


def test_hundreds_of_columns_of_text_take_little_memory(tmp_path: Path) -> None:
    number = pl.int_range(ROWS, eager=True)
    frame = pl.DataFrame(
        {"customer_id": "C" + number.cast(pl.String)}
        | {f"note_{column}": "word " + (number * 7919 % 97 + column).cast(pl.String) for column in range(WIDTH)}
    )
    path = tmp_path / "customers.parquet"
    frame.write_parquet(path)
    with open_warehouse(None, holder="tests", resources=ResourceSettings(memory_limit="1GB", threads=2)) as warehouse:
        ingest(warehouse, {"customers": SourceSettings(path=str(path))}, now=TODAY)
        loaded = warehouse.frame(f"select {', '.join(frame.columns)} from raw.customers order by row_number")
    assert loaded.equals(frame)


def test_erased_people_are_looked_up_however_many_they_are() -> None:
    gone = Erased("salt", frozenset(_digest(f"C{number}") for number in range(0, 3_000, 2)))
    with open_warehouse(None, holder="tests") as warehouse:
        kept = warehouse.rows(
            f"select count(*), min(n % 2) from (select 'C' || n as id, n from range(3000) as r(n)) where {gone.kept('id')}"
        )
        nobody = warehouse.rows(f"select count(*) from (select cast(null as varchar) as id) where {gone.kept('id')}")
    assert kept == [(1_500, 1)]
    assert nobody == [(1,)]


def _digest(customer_id: str) -> str:
    return hashlib.sha256(f"salt{customer_id}".encode()).hexdigest()
