"""A real cluster cuts tables by customer; what goes wrong in a task is told as on one machine, or with what to do."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest

from churn.config import EngineSettings, ResourceSettings
from churn.distributed import cut
from churn.distributed.buckets import DONE, count_buckets, run_buckets
from churn.distributed.hashing import buckets_of, hashes_of
from churn.distributed.place import Place
from churn.distributed.session import open_session
from churn.distributed.work import open_work
from churn.errors import DataError, ResourceError
from churn.progress import SILENT
from churn.warehouse import open_warehouse
from tests.distributed.tasks import crash, refuse
from tests.spark import SETTINGS, SparkCluster

SMALL = ResourceSettings(memory_limit="200MB", threads=1)
pytestmark = [pytest.mark.xdist_group("spark"), pytest.mark.slow, pytest.mark.timeout(600)]


def test_errors_of_tasks_are_those_of_the_product_or_say_what_to_do(spark: SparkCluster, tmp_path: Path) -> None:
    session = open_session(EngineSettings(kind="spark", master=spark.master, settings=SETTINGS))
    three, below = ["0", "1", "2"], Place.at(tmp_path / "refused")
    with pytest.raises(DataError, match="holds nothing to work on") as refused:
        run_buckets(session, refuse, below, three, message="Trying", progress=SILENT)
    assert (refused.value.where, refused.value.remedy) == ("bucket 1", "Load more.")
    assert count_buckets(below, three).done == 2
    assert sorted(path.parent.name for path in below.path.glob(f"*/{DONE}")) == ["0", "2"]
    assert sorted(path.parent.name for path in below.path.glob("*/try-*")) == ["0", "2"], (
        "a refused attempt leaves nothing"
    )
    with pytest.raises(ResourceError, match=re.escape("RuntimeError: bucket 0 in try-")) as crashed:
        run_buckets(session, crash, Place.at(tmp_path / "crashed"), ["0"], message="Trying", progress=SILENT)
    assert "goes on with the buckets that are left" in (crashed.value.remedy or "")


def test_spark_cuts_months_by_customer_and_cuts_again_only_what_changed(
    spark: SparkCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cut, "MONTHLY_FROM", 10)
    settings = EngineSettings(
        kind="spark", master=spark.master, settings=SETTINGS, buckets=3, work=str(tmp_path / "work")
    )
    session, work = open_session(settings), open_work(tmp_path, settings)
    with open_warehouse(None, holder="tests") as warehouse:
        warehouse.execute("create schema staging")
        warehouse.execute(
            "create table staging.sessions as select 'c' || n % 40 as customer_id, timestamp '2024-01-05' + to_days(n::int) as"
            " occurred_at, n::hugeint as \"odd, name\", timestamp '1200-02-29' as old, n / 7 as part from range(90) as r(n)"
        )

        def cut_now(months: frozenset[int] | None = None) -> cut.CutTable:
            ((table,), _) = cut.cut_tables(
                session, warehouse, {"staging.sessions": months}, work, resources=SMALL, progress=SILENT
            )
            return table

        first = cut_now()
        assert len(first.parts) == 4
        ids = warehouse.frame("select distinct customer_id from staging.sessions")["customer_id"]
        with open_warehouse(None, holder="tests") as other:
            for bucket in range(3):
                first.load(other, bucket, tmp_path)
                owners = other.frame("select distinct customer_id from staging.sessions")["customer_id"]
                assert sorted(owners) == sorted(ids.filter(buckets_of(ids, 3) == bucket))
                other.execute(f"create or replace table bucket_{bucket} as select * from staging.sessions")
                assert 0 < len(owners) < 40
            whole = " union all ".join(f"select * from bucket_{bucket}" for bucket in range(3))
            assert sorted(other.rows(whole)) == sorted(warehouse.rows("select * from staging.sessions"))
            assert other.columns("staging.sessions") == warehouse.columns("staging.sessions")
        assert not (work.place.path / "whole").exists()
        warehouse.execute("insert into staging.sessions values ('c1', timestamp '2024-02-07', 1, null, null)")
        second = cut_now()
        assert len(set(first.parts) & set(second.parts)) == 3
        kept = {part.place.path.parent for part in second.parts}
        assert set((work.place.path / "cut" / "staging.sessions").iterdir()) == kept
        warehouse.execute("insert into staging.sessions values ('c1', timestamp '2024-03-07', 1, null, null)")
        warehouse.execute("insert into staging.sessions values ('c2', timestamp '2024-04-02', 1, null, null)")
        some = cut_now(frozenset({2024 * 12 + 1, 2024 * 12 + 3, 2024 * 12 + 7}))
        assert len(some.parts) == 2
        assert some.rows == 93, "that a table has rows is told of the whole"
        assert len(set(some.parts) & set(second.parts)) == 1
        places = {part.place.path.parent for part in some.parts}
        kept = {path for path in kept if not path.name.startswith(f"part={2024 * 12 + 3}-")} | places
        assert set((work.place.path / "cut" / "staging.sessions").iterdir()) == kept, "other months stay as they are"
        assert cut_now(frozenset()).parts == ()


def test_the_hash_of_an_id_is_that_of_spark(spark: SparkCluster) -> None:
    session = open_session(EngineSettings(kind="spark", master=spark.master, settings=SETTINGS))
    lengths = ["x" * length for length in range(70)]
    ids = ["Spark", "Kunde ü1", "客户 17", "0" * 200, *lengths, *(f"C{number:07d}" for number in range(500))]
    rows = session.createDataFrame([(name,) for name in ids], "id string").selectExpr("id", "xxhash64(id)").collect()
    assert dict(zip(ids, hashes_of(pl.Series(ids)).tolist(), strict=True)) == {row[0]: row[1] for row in rows}
    (nobody,) = session.sql("select xxhash64(cast(null as string))").collect()
    assert hashes_of(pl.Series([None, "a"], dtype=pl.String))[0] == nobody[0]
