"""A real cluster cuts tables by customer; what goes wrong in a task is told as on one machine, or with what to do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from churn.config import EngineSettings
from churn.distributed import cut
from churn.distributed.buckets import DONE, count_buckets, run_buckets
from churn.distributed.session import open_session
from churn.distributed.work import open_work
from churn.errors import DataError, ResourceError
from churn.progress import SILENT
from churn.warehouse import open_warehouse
from tests.distributed.tasks import crash, refuse
from tests.spark import SETTINGS, SparkCluster

pytestmark = [pytest.mark.xdist_group("spark"), pytest.mark.slow, pytest.mark.timeout(600)]


def test_errors_of_tasks_are_those_of_the_product_or_say_what_to_do(spark: SparkCluster, tmp_path: Path) -> None:
    session = open_session(EngineSettings(kind="spark", master=spark.master, settings=SETTINGS))
    with pytest.raises(DataError, match="holds nothing to work on") as refused:
        run_buckets(session, refuse, tmp_path / "refused", range(3), message="Trying", progress=SILENT)
    assert (refused.value.where, refused.value.remedy) == ("bucket 1", "Load more.")
    assert count_buckets(tmp_path / "refused", range(3)).done == 2
    assert sorted(path.parent.name for path in (tmp_path / "refused").glob(f"*/{DONE}")) == ["0", "2"]
    assert not list((tmp_path / "refused").glob(".*"))
    with pytest.raises(ResourceError, match=re.escape("RuntimeError: bucket 0 in .0-")) as crashed:
        run_buckets(session, crash, tmp_path / "crashed", range(1), message="Trying", progress=SILENT)
    assert "goes on with the buckets that are left" in (crashed.value.remedy or "")


def test_spark_cuts_months_by_customer_and_cuts_again_only_what_changed(
    spark: SparkCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cut, "MONTHLY_FROM", 10)
    settings = EngineSettings(kind="spark", master=spark.master, settings=SETTINGS, buckets=3, work=tmp_path / "work")
    session, work = open_session(settings), open_work(tmp_path, settings)
    with open_warehouse(None, holder="tests") as warehouse:
        warehouse.execute("create schema staging")
        warehouse.execute(
            "create table staging.sessions as select 'c' || n % 40 as customer_id, timestamp '2024-01-05' + to_days(n::int) as"
            " occurred_at, n::hugeint as \"odd, name\", timestamp '1200-02-29' as old, n / 7 as part from range(90) as r(n)"
        )
        first = cut.cut_table(session, warehouse, "staging.sessions", work, progress=SILENT)
        assert len(first.folders) == 4
        with open_warehouse(None, holder="tests") as other:
            for bucket in range(3):
                first.load(other, bucket)
                owners = "select distinct customer_id from staging.sessions"
                other.execute(f"create or replace table bucket_{bucket} as select * from staging.sessions")
                assert 0 < len(other.rows(owners)) < 40
            whole = " union all ".join(f"select * from bucket_{bucket}" for bucket in range(3))
            assert sorted(other.rows(whole)) == sorted(warehouse.rows("select * from staging.sessions"))
            assert other.columns("staging.sessions") == warehouse.columns("staging.sessions")
            shared = f"select customer_id from ({whole.replace('select *', 'select distinct customer_id')}) group by 1"
            assert other.rows(f"{shared} having count(*) > 1") == [], "a customer is in one bucket alone"
        warehouse.execute("insert into staging.sessions values ('c1', timestamp '2024-02-07', 1, null, null)")
        second = cut.cut_table(session, warehouse, "staging.sessions", work, progress=SILENT)
        assert len(set(first.folders) & set(second.folders)) == 3
        assert sorted(first.folders[0].parent.glob("part=*")) == sorted(second.folders)
