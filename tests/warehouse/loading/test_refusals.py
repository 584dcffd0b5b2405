"""What loading refuses: rows with their reason, and sources that are not what they should be."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from churn.errors import ConfigError, ContractBroken
from churn.warehouse import Warehouse
from churn.warehouse.loading.ingest import LoadResult

Load = Callable[..., LoadResult]
Put = Callable[[str, str], Path]
SESSIONS = "customer_id,started_at,duration_minutes\n"
GOOD = "".join(f"C{n},2026-01-01 0{n}:00:00,5\n" for n in range(5))


def rejected(warehouse: Warehouse) -> list[tuple[object, ...]]:
    return warehouse.rows("select row_number, reason, is_kept from raw.rejected_rows order by row_number, reason")


def test_a_row_without_its_customer_is_kept_aside_with_its_reason(warehouse: Warehouse, load: Load, put: Put) -> None:
    path = put("s.csv", SESSIONS + GOOD + ",2026-01-02,7\n")
    result = load("sessions", "s.csv")
    assert (result.rows, result.rejected) == (5, 1)
    row = warehouse.rows("select source, file, row_number, reason, row_text from raw.rejected_rows")[0]
    assert row[:4] == ("sessions", str(path), 6, "customer_id is missing")
    assert json.loads(row[4])["duration_minutes"] == 7


def test_a_row_whose_date_is_none_is_kept_aside(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("s.csv", SESSIONS + GOOD + "C9,31/02/2026 25:61,5\nC9,,5\n")
    assert load("sessions", "s.csv").rejected == 2
    assert rejected(warehouse) == [
        (6, "started_at: '31/02/2026 25:61' is not a TIMESTAMP", False),
        (7, "started_at is missing", False),
    ]


def test_a_row_with_two_faults_names_both(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("s.csv", SESSIONS + GOOD + ",never,5\n")
    load("sessions", "s.csv")
    assert rejected(warehouse) == [(6, "customer_id is missing; started_at: 'never' is not a TIMESTAMP", False)]


def test_an_unreadable_optional_value_is_noted_and_the_row_stays(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("s.csv", SESSIONS + GOOD + "C9,2026-01-02,long\n")
    assert load("sessions", "s.csv").rows == 6
    assert rejected(warehouse) == [(6, "duration_minutes: 'long' is not a DOUBLE", True)]


def test_a_line_with_too_many_or_too_few_values_is_kept_aside(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("s.csv", SESSIONS + GOOD + "C8,2026-01-02,5,6,7\nC9,2026-01-02\n")
    assert load("sessions", "s.csv").rejected == 2
    found = warehouse.rows("select reason, row_text from raw.rejected_rows order by row_number")
    assert "too many columns" in found[0][0]
    assert found[0][1] == "C8,2026-01-02,5,6,7"
    assert "missing columns" in found[1][0]


def test_a_broken_json_line_is_kept_aside(warehouse: Warehouse, load: Load, put: Put) -> None:
    lines = [json.dumps({"customer_id": f"C{n}", "started_at": "2026-01-01"}) for n in range(4)]
    put("s.ndjson", "\n".join([*lines, '{"customer_id": "C9", "star', ""]))
    result = load("sessions", "s.ndjson")
    assert (result.rows, result.rejected) == (4, 1)


def test_bad_rows_of_typed_files_are_kept_aside_too(warehouse: Warehouse, load: Load, tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "customer_id": ["C1", None, "", "C4", "C5"],
            "started_at": [datetime(2026, 1, 1)] * 3 + [None] + [datetime(2026, 1, 2)],
        }
    )
    frame.write_parquet(tmp_path / "1.parquet")
    with pytest.raises(ContractBroken, match="3 of 5 rows"):
        load("sessions", "1.parquet")
    pl.concat([frame, frame[[0, 4]]]).write_parquet(tmp_path / "1.parquet")
    assert (load("sessions", "1.parquet").rows, rejected(warehouse)) == (
        4,
        [
            (2, "customer_id is missing", False),
            (3, "customer_id is missing", False),
            (4, "started_at is missing", False),
        ],
    )


def test_an_expression_that_fails_on_a_value_rejects_the_row_alone(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("s.csv", "who,day\nC1,2026|1|1\nC2,2026|1|2\nC3,whenever\n")
    load("sessions", "s.csv", columns={"customer_id": "who", "started_at": "strptime(day, '%Y|%m|%d')"})
    assert warehouse.rows("select count(*) from raw.sessions") == [(2,)]
    assert rejected(warehouse) == [(3, "started_at is missing", False)]


def test_a_file_that_is_mostly_bad_is_refused_whole_and_says_why(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("a/1.csv", SESSIONS + GOOD)
    path = put("a/2.csv", SESSIONS + "C1,2026-01-01,5\n,2026-01-01,5\n,2026-01-01,5\n")
    with pytest.raises(ContractBroken, match=r"2 of 3 rows.*customer_id is missing") as caught:
        load("sessions", "a/*.csv")
    assert caught.value.where == str(path)
    for table in ("sessions", "rejected_rows", "loads"):
        assert warehouse.rows(f"select count(*) from raw.{table}") == [(0,)]


def test_a_missing_file_names_the_place(warehouse: Warehouse, load: Load, tmp_path: Path) -> None:
    with pytest.raises(ContractBroken, match=r"no file for sessions.*\[sources\.sessions\] path"):
        load("sessions", "nothing-*.csv")


def test_a_source_that_nothing_goes_without_is_refused_when_it_has_no_rows(load: Load, put: Put) -> None:
    put("c.csv", "customer_id,city\n")
    with pytest.raises(ContractBroken, match="no rows for customers"):
        load("customers", "c.csv")
    put("d.csv", "customer_id,city\n1,x\n")
    with pytest.raises(ContractBroken, match="no rows for customers"):
        load("customers", "d.csv", where="city = 'y'")


@pytest.mark.parametrize("content", ["", SESSIONS])
def test_an_empty_export_of_another_table_is_noted_and_no_end(load: Load, put: Put, content: str) -> None:
    put("s.csv", content)
    result = load("sessions", "s.csv")
    assert result.total_rows == 0
    assert "No rows for sessions" in str(result.note)
    assert load("sessions", "s.csv").files_unchanged == 1


def test_one_quiet_day_among_others_is_no_fault(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("a/1.csv", SESSIONS + GOOD)
    put("a/2.csv", SESSIONS)
    assert load("sessions", "a/*.csv").files_loaded == 2


def test_an_empty_file_of_such_a_source_is_refused(load: Load, put: Put) -> None:
    put("c.csv", "")
    with pytest.raises(ContractBroken, match="empty"):
        load("customers", "c.csv")


@pytest.mark.parametrize("name", ["s.parquet", "s.json", "s.csv.gz"])
def test_a_file_that_is_not_what_its_ending_says_is_refused(
    warehouse: Warehouse, load: Load, put: Put, name: str
) -> None:
    path = put(name, "{ this is neither")
    with pytest.raises(ContractBroken, match=r"cannot be read|needs a column") as caught:
        load("sessions", name)
    assert caught.value.where == str(path)


def test_a_misspelt_table_is_told_the_nearest(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("s.csv", SESSIONS + GOOD)
    with pytest.raises(ConfigError, match="Did you mean `sessions`"):
        load("sesions", "s.csv")


def test_a_misspelt_option_is_told_the_nearest(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("s.csv", SESSIONS + GOOD)
    with pytest.raises(ConfigError, match="Did you mean `delim`"):
        load("sessions", "s.csv", options={"delimm": ";"})


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("(select 1)", "single expression"),
        ("1 + (select 1)", "looks beyond its row"),
        ("select 1", "single expression"),
        ("1; drop table x", "single expression"),
        ("count(*)", "looks beyond its row"),
        ("row_number() over ()", "looks beyond its row"),
        ("read_text('/etc/passwd')", "may not be used"),
        ("getenv('HOME')", "may not be used"),
        ("a +", "not an SQL expression"),
    ],
)
def test_a_column_map_takes_plain_expressions_only(
    warehouse: Warehouse, load: Load, put: Put, text: str, complaint: str
) -> None:
    put("s.csv", SESSIONS + GOOD)
    with pytest.raises(ConfigError, match=complaint) as caught:
        load("sessions", "s.csv", columns={"duration_minutes": text})
    assert caught.value.where == "sources.sessions.columns.duration_minutes"


def test_an_expression_over_a_column_that_is_not_there_is_told_the_nearest(
    warehouse: Warehouse, load: Load, put: Put
) -> None:
    put("s.csv", SESSIONS + GOOD)
    with pytest.raises(ContractBroken, match=r"no column `duration_minute`.*Did you mean `duration_minutes`"):
        load("sessions", "s.csv", columns={"duration_minutes": "duration_minute / 60"})


def test_an_expression_duckdb_refuses_is_told_with_its_place(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("s.csv", SESSIONS + GOOD)
    with pytest.raises(ConfigError, match="does not run") as caught:
        load("sessions", "s.csv", columns={"duration_minutes": "no_such_function(duration_minutes)"})
    assert caught.value.where == "sources.sessions.columns.duration_minutes"


def test_a_condition_is_checked_like_a_column(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("s.csv", SESSIONS + GOOD)
    with pytest.raises(ConfigError, match="looks beyond its row"):
        load("sessions", "s.csv", where="exists (select 1)")


def test_a_term_that_ends_on_a_day_before_it_began_is_kept_aside(warehouse: Warehouse, load: Load, put: Put) -> None:
    rows = "".join(f"S{n},C{n},2026-01-0{n} 14:00,\n" for n in range(1, 5))
    put(
        "s.csv",
        "subscription_id,customer_id,started_at,ended_at\n" + rows + "S5,C5,2026-01-05 14:00,2026-01-04 20:00\n"
        "S6,C6,2026-01-05 14:00,2026-01-05\nS7,C7,2026-02-01,2026-03-01\n",
    )
    result = load("subscriptions", "s.csv")
    assert (result.rows, result.rejected) == (6, 1)
    assert rejected(warehouse) == [(5, "ended_at 2026-01-04 20:00:00 is before started_at 2026-01-05 14:00:00", False)]
    assert warehouse.rows("select count(*) from raw.subscriptions where subscription_id = 'S5'") == [(0,)]


def test_a_file_of_terms_that_mostly_end_before_they_begin_has_its_columns_mixed_up(load: Load, put: Put) -> None:
    rows = "".join(f"S{n},C{n},2026-03-01,2026-01-0{n}\n" for n in range(1, 5))
    put("s.csv", "subscription_id,customer_id,started_at,ended_at\n" + rows)
    with pytest.raises(ContractBroken, match=r"4 of 4 rows .*ended_at 2026-01-01 00:00:00 is before started_at"):
        load("subscriptions", "s.csv")


def test_a_folder_is_told_from_a_place_without_files(load: Load, put: Put) -> None:
    put("exports/s.csv", SESSIONS + GOOD)
    with pytest.raises(ContractBroken, match="a folder is no file for sessions") as caught:
        load("sessions", "exports")
    assert caught.value.remedy == 'Name the files in it: [sources.sessions] path = "exports/*.csv".'
    assert load("sessions", "exports/*.csv").rows == 5
