"""Building: in order, whole or not at all, and by what a load added with the same result as in full."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn.config import SourceSettings
from churn.errors import ConfigError, DataError
from churn.warehouse import Warehouse, load_models, open_warehouse
from churn.warehouse.loading.ingest import ingest
from churn.warehouse.models import parts
from churn.warehouse.models.build import build
from tests.warehouse.conftest import NOW
from tests.warehouse.placing import place


def add(home: Path, name: str, sql: str) -> Path:
    path = home / "sql" / f"{name}.sql"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(sql, encoding="utf-8")
    return path


class Steps:
    def __init__(self) -> None:
        self.seen: list[tuple[str, float | None]] = []

    def step(self, message: str, done: float | None = None) -> None:
        self.seen.append((message, done))


def test_tables_are_built_in_order_and_measured(warehouse: Warehouse, tmp_path: Path) -> None:
    add(tmp_path, "marts/b", "select one + 1 as two from marts.a")
    add(tmp_path, "marts/a", "select 1 as one union all select 2 as one")
    steps = Steps()
    results = build(warehouse, load_models(tmp_path), schemas=["marts"], names=["marts.b"], progress=steps)
    assert [(one.name, one.rows) for one in results] == [("marts.a", 2), ("marts.b", 2)]
    assert steps.seen == [("Building marts.a", 0.0), ("Building marts.b", 0.5)]
    assert warehouse.rows("select two from marts.b order by 1") == [(2,), (3,)]


def test_staging_stands_though_nothing_was_ever_loaded(warehouse: Warehouse, tmp_path: Path) -> None:
    ingest(warehouse, {}, now=NOW)
    results = build(warehouse, load_models(tmp_path), schemas=["staging"])
    assert {one.rows for one in results} == {0}
    assert len(results) == 10


def test_building_again_replaces(warehouse: Warehouse, tmp_path: Path) -> None:
    for number in (1, 2):
        add(tmp_path, "marts/a", f"select {number} as one")
        build(warehouse, load_models(tmp_path), schemas=["marts"], names=["marts.a"])
    assert warehouse.rows("select one from marts.a") == [(2,)]


def test_a_schema_is_built_whole_or_not_at_all(warehouse: Warehouse, tmp_path: Path) -> None:
    add(tmp_path, "marts/a", "select 1 as one")
    build(warehouse, load_models(tmp_path), schemas=["marts"], names=["marts.a"])
    add(tmp_path, "marts/a", "select 2 as one")
    add(tmp_path, "marts/b", "select cast('x' as integer) as two from marts.a")
    with pytest.raises(DataError):
        build(warehouse, load_models(tmp_path), schemas=["marts"], names=["marts.b"])
    assert warehouse.rows("select one from marts.a") == [(1,)]


def test_sql_that_does_not_run_is_told_with_its_file(warehouse: Warehouse, tmp_path: Path) -> None:
    path = add(tmp_path, "marts/a", "select no_such_column from raw.sessions")
    ingest(warehouse, {}, now=NOW)
    with pytest.raises(ConfigError, match="no_such_column") as caught:
        build(warehouse, load_models(tmp_path), schemas=["marts"], names=["marts.a"])
    assert caught.value.where == str(path)


def test_what_somebody_else_wrote_is_built_anew(warehouse: Warehouse, tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("customer_id,started_at\nC1,2026-01-01\n")
    ingest(warehouse, {"sessions": SourceSettings(path=str(tmp_path / "1.csv"))}, now=NOW)
    models = load_models(tmp_path)
    build(warehouse, models, schemas=["staging"])
    place(warehouse, "sessions", pl.DataFrame({"customer_id": ["C2"], "started_at": [datetime(2026, 1, 2)]}))
    warehouse.execute("insert into raw.customers (customer_id) values ('C1')")
    for wrong in ("select 1", "delete from staging.customers"):
        warehouse.execute(wrong)
        build(warehouse, models, schemas=["staging"])
        assert warehouse.rows("select count(*) from staging.sessions") == [(2,)]
        assert warehouse.rows("select count(*) from staging.customers") == [(1,)]


@pytest.mark.parametrize("part_rows", [1, 5, 40, 10_000])
def test_a_large_table_built_in_parts_is_the_table_built_at_once(
    part_rows: int, warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = ["customer_id,started_at,duration_minutes,known_at"]
    for number in range(60):
        month, known = 1 + number % 7, f"2026-09-{1 + number % 9:02d}" if number % 3 else ""
        lines += [f"C{number % 5},2026-{month:02d}-{1 + number % 4:02d},{number},{known}"] * (1 + number % 2)
    (tmp_path / "1.csv").write_text("\n".join([*lines, "C9,1900-01-01,1,", ""]))
    ingest(warehouse, {"sessions": SourceSettings(path=str(tmp_path / "1.csv"))}, now=NOW)
    odd = warehouse.frame("select 'C1' as customer_id, unnest([null, timestamp 'infinity']) as started_at")
    place(warehouse, "sessions", odd)
    models = load_models(tmp_path)
    warehouse.execute("create schema if not exists staging")
    monkeypatch.setattr(parts, "PART_ROWS", part_rows)
    parts.build_in_full(warehouse, models["staging.sessions"], models, "staging.sessions")
    at_once = f"select * from ({models['staging.sessions'].sql}) order by all"
    assert warehouse.rows("select * from staging.sessions order by all") == warehouse.rows(at_once)
    assert warehouse.rows("select current_setting('preserve_insertion_order')") == [(True,)]


@pytest.mark.parametrize("part_rows", [1, 7, 25, 10_000])
def test_sums_of_files_built_in_parts_are_those_built_at_once(
    part_rows: int, warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file in range(
        4
    ):  # the files' times overlap, they repeat rows of one another, and some tell of a session otherwise
        rows = ["customer_id,started_at,duration_minutes,known_at"]
        for number in range(30):
            day, known = date(2025, 11, 20) + timedelta(days=25 * file + number * 2), "2026-09-01" * (number % 3 == 0)
            told = [f"C{number % 5},{day},{number * (1 + (file == 2 and number % 4 == 0))},{known}"]
            rows += told * (1 + number % 2) + [f"C{number % 5},{date(2026, 1, 1 + number)},{number},{known}"]
        (tmp_path / f"{file}.csv").write_text("\n".join([*rows, "C9,1900-01-01,1,", ""]))
        if file in {1, 3}:  # two files each night
            sources = {"sessions": SourceSettings(path=str(tmp_path / "*.csv"))}
            ingest(warehouse, sources, now=NOW + timedelta(days=file))
    place(warehouse, "sessions", warehouse.frame("select 'C1' as customer_id, timestamp 'infinity' as started_at"))
    place(
        warehouse,
        "sessions",
        warehouse.frame("select 'C2' as customer_id, unnest([null, timestamp '2026-03-01']) as started_at"),
    )
    models = load_models(tmp_path)
    build(warehouse, models, schemas=["staging"], names=["staging.sessions"])
    assert warehouse.rows("select count(*) > 5 from facts.sessions_versions") == [(True,)]
    warehouse.execute("create schema if not exists totals")
    monkeypatch.setattr(parts, "PART_ROWS", part_rows)
    parts.build_in_full(warehouse, models["totals.session_months"], models, "totals.session_months")
    at_once = warehouse.rows(f"select * from ({models['totals.session_months'].sql}) order by all")
    assert warehouse.rows("select * from totals.session_months order by all") == at_once
    assert len(at_once) > 25


def test_a_build_that_fails_leaves_the_order_of_rows_as_it_was(warehouse: Warehouse, tmp_path: Path) -> None:
    add(tmp_path, "marts/a", "select cast('x' as integer) as one")
    with pytest.raises(DataError):
        build(warehouse, load_models(tmp_path), schemas=["marts"], names=["marts.a"])
    assert warehouse.rows("select current_setting('preserve_insertion_order')") == [(True,)]


def test_sums_follow_when_what_they_sum_up_is_built_in_full(warehouse: Warehouse, tmp_path: Path) -> None:
    sums = "select sum(sessions) from totals.session_months"
    (tmp_path / "1.csv").write_text("customer_id,started_at\nC1,2026-01-01\nC1,2026-01-02\n")
    ingest(warehouse, {"sessions": SourceSettings(path=str(tmp_path / "1.csv"))}, now=NOW)
    build(warehouse, load_models(tmp_path), schemas=["staging", "totals"])
    assert warehouse.rows(sums) == [(2,)]
    add(
        tmp_path,
        "staging/sessions",
        "-- Incremental by: customer_id, occurred_at = started_at\n"
        "select customer_id, started_at as occurred_at, started_at as available_at, 1 as fact_version from raw.sessions\n"
        "where started_at < '2026-01-02'",
    )
    build(warehouse, load_models(tmp_path), schemas=["staging", "totals"])
    assert warehouse.rows(sums) == [(1,)]


def test_sums_stand_over_a_table_that_is_always_built_in_full(warehouse: Warehouse, tmp_path: Path) -> None:
    add(
        tmp_path,
        "staging/sessions",
        "select customer_id, started_at as occurred_at, started_at as available_at, 1 as fact_version from raw.sessions",
    )
    for number in (1, 2):
        (tmp_path / f"{number}.csv").write_text(f"customer_id,started_at\nC{number},2026-01-0{number}\n")
        ingest(warehouse, {"sessions": SourceSettings(path=str(tmp_path / "*.csv"))}, now=NOW)
        build(warehouse, load_models(tmp_path), schemas=["staging", "totals"])
        assert warehouse.rows("select sum(sessions) from totals.session_months") == [(number,)]


def test_sums_that_somebody_else_wrote_are_built_anew(warehouse: Warehouse, tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("customer_id,started_at\nC1,2026-01-01\n")
    ingest(warehouse, {"sessions": SourceSettings(path=str(tmp_path / "1.csv"))}, now=NOW)
    build(warehouse, load_models(tmp_path), schemas=["staging", "totals"])
    warehouse.execute("delete from totals.session_months")
    build(warehouse, load_models(tmp_path), schemas=["staging", "totals"])
    assert warehouse.rows("select customer_id, sessions from totals.session_months") == [("C1", 1)]


def test_what_an_earlier_version_remembered_still_counts(warehouse: Warehouse, tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / f"{number}.csv").write_text(f"customer_id,started_at\nC1,2026-01-0{number}\n")
        ingest(warehouse, {"sessions": SourceSettings(path=str(tmp_path / "*.csv"))}, now=NOW)
        build(warehouse, load_models(tmp_path), schemas=["staging"])
        if number == 1:
            warehouse.execute("alter table raw.builds drop column full_builds")
    assert warehouse.rows("select count(*) from staging.sessions") == [(2,)]
    assert warehouse.rows("select full_builds from raw.builds where model = 'staging.sessions'") == [(1,)]


def test_other_sql_is_built_in_full(warehouse: Warehouse, tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("customer_id,started_at\nC1,2026-01-01\n")
    ingest(warehouse, {"sessions": SourceSettings(path=str(tmp_path / "1.csv"))}, now=NOW)
    build(warehouse, load_models(tmp_path), schemas=["staging"])
    add(tmp_path, "staging/sessions", "-- Incremental by: customer_id\nselect customer_id, 1 as one from raw.sessions")
    build(warehouse, load_models(tmp_path), schemas=["staging"], names=["staging.sessions"])
    assert warehouse.rows("select one from staging.sessions") == [(1,)]


_ROW = st.tuples(
    st.sampled_from(["C1", "C2", "C3"]),
    st.integers(1, 4),  # the day it began
    st.integers(0, 99),  # what tells one version from another
    st.one_of(st.none(), st.integers(1, 9)),  # the day it became known
)
_SOURCES = {
    "sessions": "customer_id,started_at,duration_minutes,known_at",
    "payments": "customer_id,attempted_at,amount,known_at,payment_id",
    "subscriptions": "customer_id,started_at,monthly_fee,known_at,subscription_id,canceled_at,ended_at",
    "customers": "customer_id,signed_up_at,city,known_at",
    "support_tickets": "customer_id,opened_at,category,known_at,ticket_id",
    "contacts": "customer_id,contacted_at,campaign,known_at",
    "events": "customer_id,occurred_at,quantity,known_at,event_type",
    "customer_snapshots": "customer_id,snapshot_date,plan,known_at",
}


def _line(table: str, row: tuple[str, int, int, int | None]) -> str:
    customer, day, value, known = row
    month = 1 + day % 2 if table == "sessions" else 1  # sums are by month
    fields = [customer, f"2026-{month:02d}-{day:02d}", str(value), f"2026-01-{known:02d}" if known else ""]
    if table in {"payments", "support_tickets", "events"}:
        fields.append(f"I{value % 5}")
    if table == "subscriptions":
        fields += [
            f"I{value % 5}",
            f"2026-01-{day + 2:02d}" if value % 2 else "",
            f"2026-01-{day + 9:02d}" if value % 3 else "",
        ]
    return ",".join(fields)


@settings(max_examples=8, deadline=None)
@given(
    table=st.sampled_from(list(_SOURCES)),
    deliveries=st.lists(st.lists(_ROW, min_size=1, max_size=6), min_size=2, max_size=3),
    changed=st.booleans(),
)
def test_building_by_what_was_added_gives_what_building_in_full_gives(
    table: str,
    deliveries: list[list[tuple[str, int, int, int | None]]],
    changed: bool,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("loads")
    models = load_models(folder)
    built = f"staging.{'subscription_events' if table == 'subscriptions' else table}"
    names = [built, *(["totals.session_months"] if table == "sessions" else [])]
    source = {table: SourceSettings(path=str(folder / "*.csv"))}
    with open_warehouse(None, holder="test") as nightly, open_warehouse(None, holder="test") as once:
        for number, rows in enumerate(deliveries):
            name = 0 if changed and number == len(deliveries) - 1 else number
            lines = [_SOURCES[table], *(_line(table, row) for row in rows)]
            (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
            ingest(nightly, source, now=NOW)
            build(nightly, models, schemas=["staging", "totals"], names=names)
        # The same raw rows, and no memory of earlier builds.
        once.write(f"raw.{table}", nightly.frame(f"select * from raw.{table}"))
        build(once, models, schemas=["staging", "totals"], names=names)
        for name in names:
            query = f"select * from {name} order by all"
            assert nightly.rows(query) == once.rows(query)
