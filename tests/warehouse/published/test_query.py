"""SQL over published tables answers selects and nothing else, within its bounds, and reaches nothing outside."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from churn.errors import ConfigError, ResourceError
from churn.warehouse.published.query import QueryLimits, query_files

NUMBERS = pl.DataFrame({"n": [1, 2, 3], "word": ["one", None, "three"]})


@pytest.fixture
def tables(tmp_path: Path) -> list[Path]:
    NUMBERS.write_parquet(tmp_path / "numbers.parquet")
    NUMBERS.write_parquet(tmp_path / "hidden.parquet")
    return [tmp_path / "numbers.parquet"]


def ask(tables: list[Path], sql: str, **limits: float) -> pl.DataFrame:
    return query_files(tables, sql, QueryLimits(**limits)).frame  # type: ignore[arg-type]  # a test's numbers


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("select sum(n) as total from numbers", [(6,)]),
        ("with big as (from numbers where n > 1) select word from big order by n;", [(None,), ("three",)]),
        ("show tables", [("numbers",)]),
        ("values (1), (2)", [(1,), (2,)]),
        ("select n from numbers where false", []),
    ],
)
def test_a_select_is_answered(tables: list[Path], sql: str, rows: list[tuple[object, ...]]) -> None:
    assert ask(tables, sql).rows() == rows


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_text('/etc/passwd')",
        "select * from read_csv('/etc/passwd')",
        "select * from glob('/etc/*')",
        "select * from read_parquet('{folder}/hidden.parquet')",
        "select * from read_parquet('{folder}/../{name}/hidden.parquet')",
        "select * from 'http://127.0.0.1:9/x.parquet'",
        "select * from sniff_csv('/etc/passwd')",
        "select * from duckdb_secrets()",
    ],
)
def test_nothing_outside_of_the_tables_is_reached(tables: list[Path], sql: str) -> None:
    folder = tables[0].parent
    with pytest.raises(ConfigError, match="outside of the published tables"):
        ask(tables, sql.format(folder=folder, name=folder.name))


@pytest.mark.parametrize(
    "sql",
    [
        "copy numbers to '{folder}/numbers.parquet'",
        "copy (select 1) to '/tmp/x.csv'",
        "create table mine (n int)",
        "drop view numbers",
        "attach '{folder}/x.db'",
        "set memory_limit = '64GB'",
        "set enable_external_access = true",
        "install httpfs",
        "load httpfs",
        "export database '{folder}/out'",
        "pragma database_list",
        "select 1; copy numbers to '{folder}/x.csv'",
        "",
    ],
)
def test_what_is_no_single_select_is_refused_and_does_nothing(tables: list[Path], sql: str) -> None:
    folder = tables[0].parent
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(ConfigError):
        ask(tables, sql.format(folder=folder))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_rows_are_cut_off_at_the_limit_and_that_is_said(tables: list[Path]) -> None:
    cut = query_files(tables, "select n from numbers order by n", QueryLimits(rows=2))
    assert (cut.frame["n"].to_list(), cut.is_cut_off) == ([1, 2], True)
    whole = query_files(tables, "select n from numbers order by n", QueryLimits(rows=3))
    assert (whole.frame["n"].to_list(), whole.is_cut_off) == ([1, 2, 3], False)
    much = query_files(tables, "select * from range(100000000)", QueryLimits(rows=5))
    assert (much.frame.height, much.is_cut_off) == (5, True)


def test_a_query_that_takes_too_long_is_stopped(tables: list[Path]) -> None:
    with pytest.raises(ResourceError, match=r"longer than 0.2 s"):
        ask(tables, "select count(*) from range(100000000) as a, range(100000) as b", seconds=0.2)


def test_an_answer_of_few_rows_and_much_text_is_refused(tables: list[Path]) -> None:
    with pytest.raises(ResourceError, match="more than 256 MB"):
        query_files(tables, "select repeat('x', 300000000) as long", QueryLimits(rows=5, memory="2GB"))


def test_a_query_that_takes_too_much_memory_is_stopped(tables: list[Path]) -> None:
    with pytest.raises(ResourceError, match="of memory"):
        query_files(tables, "select list(range) from range(100000000)", QueryLimits(memory="50MB"))


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("select nothing from numbers", "nothing"),
        ("selec 1", "syntax"),
        ("select cast(word as int) from numbers", "one"),
    ],
)
def test_sql_that_does_not_run_is_told_in_the_databases_words(tables: list[Path], sql: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        ask(tables, sql)
