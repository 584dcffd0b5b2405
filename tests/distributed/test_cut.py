"""Tables are cut by customer: no row is lost, each customer is in one bucket of every table, and only what changed is cut again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from churn.config import EngineSettings
from churn.distributed import cut
from churn.distributed.buckets import DONE
from churn.distributed.work import WorkFolder, open_work
from churn.errors import ConfigError
from churn.progress import SILENT
from churn.warehouse import Warehouse, open_warehouse

BUCKETS = 3
JANUARY, MARCH, JULY = (2024 * 12 + month for month in (1, 3, 7))


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WorkFolder:
    monkeypatch.setattr(cut, "MONTHLY_FROM", 10)
    return open_work(tmp_path, EngineSettings(kind="spark", buckets=BUCKETS, work=str(tmp_path / "work")))


@pytest.fixture
def warehouse() -> Iterator[Warehouse]:
    """Sessions of four months, some without customer or time; a small table of the same customers."""
    with open_warehouse(None, holder="tests") as opened:
        opened.execute("create schema staging")
        opened.execute(
            "create table staging.sessions as select case when n % 29 <> 7 then 'c' || n % 40 end as customer_id,"
            " timestamp '2024-01-05' + to_days(n::int) as occurred_at, n::hugeint as \"odd, name\","
            " timestamp '1200-02-29' as old, n / 7 as part, n % 3 as bucket from range(90) as r(n)"
        )
        opened.execute("create table staging.customers as select 'c' || n as customer_id from range(40) as r(n)")
        yield opened


def cut_now(warehouse: Warehouse, work: WorkFolder, months: frozenset[int] | None = None) -> cut.CutTable:
    (table,) = cut.cut_tables(warehouse, {"staging.sessions": months}, work, progress=SILENT)
    return table


def folders(work: WorkFolder) -> set[Path]:
    return set((work.place.path / "cut" / "staging.sessions").iterdir())


@pytest.mark.parametrize("open_files", [1, 6, 512])
def test_every_row_is_in_the_bucket_of_its_customer(
    warehouse: Warehouse, work: WorkFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, open_files: int
) -> None:
    monkeypatch.setattr(cut, "_OPEN_FILES", open_files)
    for time in ("null", "timestamp 'infinity'", "timestamp '1969-12-31'"):
        warehouse.execute(f"insert into staging.sessions values ('c1', {time}, 1, null, null, null)")
    both = dict.fromkeys(("staging.sessions", "staging.customers"))
    sessions, customers = cut.cut_tables(warehouse, both, work, progress=SILENT)
    assert (len(sessions.parts), len(customers.parts)) == (6, 4 - 3)
    with open_warehouse(None, holder="tests") as other:
        for bucket in range(BUCKETS):
            for table in (sessions, customers):
                table.load(other, bucket, tmp_path)
            owners = {row[0] for row in other.rows("select customer_id from staging.sessions")} - {None}
            assert owners
            assert owners == {row[0] for row in other.rows("select customer_id from staging.customers")}
            other.execute(f"create table bucket_{bucket} as select * from staging.sessions")
        whole = " union all ".join(f"select * from bucket_{bucket}" for bucket in range(BUCKETS))
        assert sorted(map(repr, other.rows(whole))) == sorted(
            map(repr, warehouse.rows("select * from staging.sessions"))
        )
        assert other.columns("staging.sessions") == warehouse.columns("staging.sessions")
    assert not (work.place.path / "whole").exists()


def test_only_the_months_that_changed_are_cut_again(warehouse: Warehouse, work: WorkFolder) -> None:
    first = cut_now(warehouse, work)
    assert len(first.parts) == 4
    assert cut_now(warehouse, work) == first
    warehouse.execute("insert into staging.sessions values ('c1', timestamp '2024-02-07', 1, null, null, null)")
    second = cut_now(warehouse, work)
    assert len(set(first.parts) & set(second.parts)) == 3
    kept = {part.place.path.parent for part in second.parts}
    assert folders(work) == kept
    warehouse.execute("insert into staging.sessions values ('c1', timestamp '2024-03-07', 1, null, null, null)")
    warehouse.execute("insert into staging.sessions values ('c2', timestamp '2024-04-02', 1, null, null, null)")
    some = cut_now(warehouse, work, frozenset({JANUARY, MARCH, JULY}))
    assert len(some.parts) == 2
    assert some.rows == 93, "that a table has rows is told of the whole"
    assert len(set(some.parts) & set(second.parts)) == 1
    kept = {path for path in kept if not path.name.startswith(f"part={MARCH}-")}
    assert folders(work) == kept | {part.place.path.parent for part in some.parts}, "other months stay as they are"
    assert cut_now(warehouse, work, frozenset()).parts == ()


def test_what_a_killed_run_left_of_a_part_is_removed_and_the_part_cut_anew(
    warehouse: Warehouse, work: WorkFolder
) -> None:
    first = cut_now(warehouse, work)
    halves, damaged = first.parts[0].place.path, first.parts[1].place.path
    (halves.parent / DONE).unlink()
    (damaged.parent / DONE).write_text("{", encoding="utf-8")
    (work.place.path / "whole" / "left" / "part=1").mkdir(parents=True)
    second = cut_now(warehouse, work)
    assert first.parts[2:] == second.parts[2:]
    assert not halves.exists()
    assert not damaged.exists()
    assert not (work.place.path / "whole").exists()
    assert [part.place.path.is_dir() for part in second.parts] == [True] * 4


def test_a_table_of_nobody_is_refused(warehouse: Warehouse, work: WorkFolder) -> None:
    warehouse.execute("create table staging.plans as select 'basic' as plan")
    with pytest.raises(ConfigError, match="has no customer_id") as refused:
        cut.cut_tables(warehouse, {"staging.plans": None}, work, progress=SILENT)
    assert refused.value.where == "sql/staging/plans.sql"
