from __future__ import annotations

from pathlib import Path

import pytest

from churn.config import ResourceSettings
from churn.distributed.tables import FiledTable
from churn.warehouse import Warehouse, open_warehouse

pytestmark = pytest.mark.slow

ODD = """
create schema s;
create type mood as enum ('sad', 'glad');
create table s.odd as
select
    'c1' as customer_id, 170141183460469231731687303715884105727::hugeint as "a huge, one", 1::utinyint as b,
    'glad'::mood as c, timestamp '1200-02-29 12:00:00.123456' as d, date '0050-01-01' as e, interval 3 day as f,
    'nan'::double as g, 123456.789::decimal(18, 4) as h, map {'a': 1::hugeint, 'b; c': 2::hugeint} as i, time '12:00' as j,
    timestamptz '2024-01-01 10:00:00+02' as k, null::varchar as l, [1, 2] as m, 'infinity'::timestamp as n,
    {'big': 18446744073709551615::hugeint, 'HUGEINT': 'x', 'a "JSON", b': [time '12:00'], 'j': '{"a": 1}'::json,
        'm': ['glad'::mood], 'n': null} as o
union all
select 'c2', null, null, null, null, null, null, -0.0, null, null, null, null, '', null, null, null
"""


@pytest.fixture
def warehouse() -> Warehouse:
    return open_warehouse(None, holder="tests", resources=ResourceSettings(memory_limit="200MB", threads=1))


def test_every_type_comes_back_from_files_as_it_was(warehouse: Warehouse, tmp_path: Path) -> None:
    with warehouse:
        for statement in ODD.split(";\n"):
            warehouse.execute(statement)
        table = FiledTable.of(warehouse, "s.odd")
        table.write(warehouse, tmp_path / "odd.parquet")
        warehouse.execute(f"create table s.back as {table.relation([tmp_path / 'odd.parquet'])}")
        assert warehouse.columns("s.back") == warehouse.columns("s.odd")
        assert warehouse.rows("select * from s.back except all select * from s.odd") == []
        assert warehouse.rows("select count(*) from s.back") == [(2,)]


def test_times_are_written_as_differences(warehouse: Warehouse, tmp_path: Path) -> None:
    with warehouse:
        warehouse.execute("create schema s")
        warehouse.execute(
            "create table s.t as select 'c' || n % 7 as customer_id, timestamp '2024-01-05' + to_seconds(37 * n) as told"
            " from range(5000) as r(n)"
        )
        table = FiledTable.of(warehouse, "s.t")
        table.write(warehouse, tmp_path / "t.parquet")
        kept = table.relation([tmp_path / "t.parquet"])
        assert warehouse.rows(f"select count(*) from ({kept}) as k inner join s.t using (customer_id, told)") == [
            (5000,)
        ]
        kinds = warehouse.rows(
            f"select encodings from parquet_metadata('{tmp_path / 't.parquet'}') where path_in_schema = 'c1'"
        )
        assert {kind for (kind,) in kinds} == {"DELTA_BINARY_PACKED"}


def test_the_state_of_a_table_follows_from_its_rows_and_not_from_their_order(warehouse: Warehouse) -> None:
    with warehouse:
        warehouse.execute("create schema s")
        warehouse.execute("create table s.t as select * from (values ('a', 1), ('b', 2)) as v(customer_id, n)")
        table = FiledTable.of(warehouse, "s.t")
        before = table.state(warehouse)
        warehouse.execute("create or replace table s.t as select * from s.t order by customer_id desc")
        assert table.state(warehouse) == before
        warehouse.execute("insert into s.t values ('b', 2)")  # the same row once more is another table
        assert table.state(warehouse) != before
